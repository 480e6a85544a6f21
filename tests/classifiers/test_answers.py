"""What answers mean: classes, labels, scores, and networks that end in probabilities already."""

import linecache
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import random_images, small_network
from torch import Tensor, nn

import rcx
from rcx.classifiers.answers import (
    ClassifierError,
    Meaning,
    answer_name,
    answer_source,
    found_ending,
)
from rcx.classifiers.loading import load_classifier

IMAGES = random_images(3)
NamedOutput = namedtuple("NamedOutput", "features logits")


class Wrapped(nn.Module):
    """A network whose output a function of its logits and its input makes."""

    def __init__(self, output: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.network, self.output = small_network(), output
        self.eval()

    def forward(self, images: Tensor) -> Any:
        return self.output(self.network(images), images)


def network(outputs: int = 5, ending: nn.Module | None = None) -> nn.Sequential:
    model = small_network()
    torch.manual_seed(2)
    model[-1] = nn.Linear(4, outputs)
    if ending is not None:
        model.append(ending)
    return model.eval()


def logits_of(model: nn.Module) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(IMAGES)
    return logits


@torch.no_grad()
def test_a_network_that_ends_in_a_softmax_gives_the_probabilities_of_one_that_does_not() -> None:
    logits = load_classifier(network())
    for ending in (nn.Softmax(-1), nn.LogSoftmax(-1)):
        classifier = load_classifier(network(ending=ending))
        torch.testing.assert_close(classifier.probabilities(IMAGES), logits.probabilities(IMAGES))
    functional = load_classifier(Wrapped(lambda z, _: torch.exp(z.log_softmax(1))))
    unended = load_classifier(Wrapped(lambda z, _: z))
    torch.testing.assert_close(functional.probabilities(IMAGES), unended.probabilities(IMAGES))


@torch.no_grad()
def test_a_network_that_ends_in_a_sigmoid_gives_its_own_probabilities() -> None:
    expected = logits_of(network()).sigmoid()
    for ending in (None, nn.Sigmoid()):
        classifier = load_classifier(network(ending=ending), answer="sigmoid")
        torch.testing.assert_close(classifier.probabilities(IMAGES), expected)


@torch.no_grad()
@pytest.mark.parametrize("squeezed", [False, True])
def test_one_logit_is_that_of_class_1(squeezed: bool) -> None:
    expected = logits_of(network(1)).sigmoid()
    for ending in (nn.Identity(), nn.Sigmoid()):
        model = nn.Sequential(network(1, ending), *[nn.Flatten(0)] * squeezed).eval()
        classifier = load_classifier(model, answer="sigmoid", class_names=["ill", "well"])
        probabilities = classifier.probabilities(IMAGES)
        torch.testing.assert_close(probabilities, torch.cat((1 - expected, expected), 1))


@pytest.mark.parametrize("ending", [nn.Identity(), nn.Sigmoid()])
def test_one_number_is_no_softmax(ending: nn.Module) -> None:
    classifier = load_classifier(network(1, ending))
    with pytest.raises(ClassifierError, match=r"softmax is always 1: give answer='sigmoid'"):
        classifier(IMAGES)


def test_the_ending_must_fit_the_answer() -> None:
    with pytest.raises(ClassifierError, match=r"ends in a sigmoid.*give answer='sigmoid'"):
        load_classifier(network(ending=nn.Sigmoid()))(IMAGES)
    with pytest.raises(ClassifierError, match=r"ends in a softmax.*give answer='softmax'"):
        load_classifier(network(ending=nn.Softmax(-1)), answer="sigmoid")(IMAGES)


def test_endings_are_found_through_changes_of_shape_and_type() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    assert found_ending(logits.sigmoid().double()[None].squeeze(0).clone()) == "sigmoid"
    assert found_ending(logits.unsqueeze(1).softmax(-1).flatten(1).float()) == "softmax"
    assert found_ending(logits * 2) == "other"
    assert found_ending((logits * 2).clamp(-9, 9)) == "other"
    assert found_ending(logits.softmax(-1).detach()) == "softmax"
    assert found_ending(logits.sigmoid()[:, :1]) == "sigmoid"


@torch.no_grad()
@pytest.mark.parametrize(
    "output",
    [
        lambda z, x: (z,),
        lambda z, x: [x, z],
        lambda z, _: (z, None),
        lambda z, _: {"out": z},
        lambda z, x: {"out": z, "features": x},
        lambda z, _: {"logits": z, "auxiliary": z},
        lambda z, _: NamedOutput(z, z),
    ],
)
def test_logits_are_found_where_there_is_one_way_to_read_them(
    output: Callable[[Tensor, Tensor], Any],
) -> None:
    model = Wrapped(output)
    assert torch.equal(load_classifier(model)(IMAGES), logits_of(model.network))


@pytest.mark.parametrize(
    ("output", "parts"),
    [
        (lambda z, _: (z, z), r"a tuple of 0: a tensor of shape \(2, 5\), 1: a tensor"),
        (lambda z, x: {"a": z, "b": z}, r"a dict of a: a tensor of shape \(2, 5\), b: a tensor"),
        (lambda z, x: {"features": x}, r"a dict of features: a tensor of shape \(2, 3, 32, 32\)"),
        (lambda z, _: z.argmax(1), r"a tensor of shape \(2,\)"),
        (lambda z, _: z.round().long(), r"a tensor of shape \(2, 5\)"),
        (lambda z, _: {}, "a dict of nothing"),
        (lambda z, _: "cat", "a str"),
    ],
)
def test_other_outputs_are_refused_with_their_parts(
    output: Callable[[Tensor, Tensor], Any], parts: str
) -> None:
    with pytest.raises(TypeError, match=rf"Wrapped must return logits \(N, classes\).*{parts}"):
        load_classifier(Wrapped(output))(IMAGES)


def test_features_are_refused_or_told() -> None:
    headless = network()
    headless.num_classes = 0  # type: ignore[assignment]
    for model in (headless, nn.DataParallel(headless)):
        with pytest.raises(ValueError, match=r"no classification head .*num_classes is 0"):
            load_classifier(model)
    for backbone in (network(12, nn.ReLU()), network(12, nn.LayerNorm(12))):
        with pytest.warns(UserWarning, match="the 12 numbers that Sequential returns look like"):
            load_classifier(backbone)(IMAGES)


def test_class_names_must_be_as_many_as_classes() -> None:
    with pytest.raises(ClassifierError, match="has 5 classes, and 2 class names were given"):
        load_classifier(network(), class_names=["cat", "dog"])(IMAGES)
    with pytest.raises(ClassifierError, match="has 2 classes, and 3 class names were given"):
        load_classifier(network(1), answer="sigmoid", class_names=["a", "b", "c"])(IMAGES)


def difference(logits: Tensor) -> Tensor:
    return logits[:, 1] - logits[:, 3]


@torch.no_grad()
def test_scores_by_a_function_by_its_name_and_by_the_network_itself() -> None:
    expected = difference(logits_of(network()))[:, None]
    for answer in (difference, lambda z: difference(z)[:, None], f"{__name__}:difference"):
        classifier = load_classifier(network(), answer=answer)
        assert torch.equal(classifier(IMAGES), expected)
        assert torch.equal(classifier.probabilities(IMAGES), expected)
    assert torch.equal(load_classifier(network(), answer="score")(IMAGES), logits_of(network()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answer": "softplus"}, "unknown answer 'softplus': give 'softmax', 'sigmoid', 'score'"),
        ({"answer": "no.such:thing"}, "cannot be imported"),
        ({"answer": "math:pi"}, "is a float, and no function"),
        ({"answer": "score", "scale": 0.0}, "scale must be positive"),
        ({"scale": 1.0}, "scale is for scores"),
    ],
)
def test_answers_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_classifier(network(), **options)


def test_a_function_must_return_scores() -> None:
    with pytest.raises(TypeError, match=r"answer must return scores \(N,\) or \(N, M\)"):
        load_classifier(network(), answer=lambda z: z.sum())(IMAGES)


def test_kept_answers() -> None:
    target = torch.tensor([0])
    before, after = torch.tensor([[0.6, 0.9]]), torch.tensor([[0.55, 0.2]])
    assert Meaning("sigmoid").kept(before, after, target)
    assert not Meaning("sigmoid").kept(before, 1 - after, target)
    assert Meaning("score").kept(before, before / 2, target)
    assert not Meaning("score").kept(before, before / 2.1, target)
    assert Meaning("score", scale=2.0).kept(before, before - 0.9, target)
    assert Meaning().kept(before, after, target)
    assert not Meaning().kept(before, before, target)


@pytest.mark.parametrize("lambda_k", [0.5, 20.0])
def test_explanations_of_one_logit_and_of_its_two_logits_are_the_same(lambda_k: float) -> None:
    """A sigmoid of z is a softmax of (0, z), so that both have one explanation."""
    model = network(1)
    two = nn.Sequential(model, nn.ZeroPad1d((1, 0)))
    solver = rcx.SolverSettings(steps=6)
    explanations = [
        rcx.CartoonX(classifier, lambda_k, solver=solver, levels=2).explain(IMAGES)
        for classifier in (
            load_classifier(model, answer="sigmoid"),
            load_classifier(two),
        )
    ]
    one, other = explanations
    torch.testing.assert_close(one.mask, other.mask, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one.distortion, other.distortion, atol=1e-5, rtol=1e-4)
    assert torch.equal(one.label_kept, other.label_kept)
    assert one.settings["answer"] == "sigmoid"
    assert other.settings["answer"] == "softmax"


def test_a_scale_is_a_unit() -> None:
    """Scores in other units, with the scale in these, have the same explanation."""
    solver = rcx.SolverSettings(steps=6)
    explanations = [
        rcx.CartoonX(
            load_classifier(network(), answer=answer, scale=scale), solver=solver, levels=2
        ).explain(IMAGES)
        for answer, scale in ((difference, 0.5), (lambda z: 8 * difference(z), 4.0))
    ]
    one, other = explanations
    torch.testing.assert_close(one.mask, other.mask, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(8 * one.probability, other.probability)
    assert one.quantity == "score"


def test_a_score_of_zero_needs_a_scale() -> None:
    zero = load_classifier(network(), answer=lambda z: 0 * z[:, 0])
    with pytest.raises(ClassifierError, match=r"score of image 0 is 0.*give scale="):
        rcx.CartoonX(zero, levels=2).explain(IMAGES)


def test_one_of_several_scores_must_be_named() -> None:
    explainer = rcx.CartoonX(
        load_classifier(network(), answer="score"), solver=rcx.SolverSettings(steps=2), levels=2
    )
    with pytest.raises(ValueError, match="returns 5 scores for an image: name one by target"):
        explainer.explain(IMAGES)
    assert explainer.explain(IMAGES, target=3).target.tolist() == [3, 3, 3]


@pytest.mark.parametrize("answer", ["sigmoid", "score"])
def test_measures_that_do_not_fit_are_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="'kl' compares classes"):
        rcx.CartoonX(load_classifier(network(), answer=answer), distortion="kl")


def test_a_function_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "my_scores.py"
    file.write_text("def first(logits):\n    return logits[:, 0]\n")
    classifier = load_classifier(network(), answer=f"{file}:first")
    with torch.no_grad():
        assert torch.equal(classifier(IMAGES)[:, 0], logits_of(network())[:, 0])
    assert answer_name(classifier.answer) == "my_scores:first"
    before = answer_source(classifier.answer)
    file.write_text("def first(logits):\n    return 2 * logits[:, 0]\n")
    linecache.checkcache()
    assert answer_source(load_classifier(network(), answer=f"{file}:first").answer) != before
    with pytest.raises(ValueError, match=r"cannot be imported: .*No such file"):
        load_classifier(network(), answer=f"{tmp_path}/other.py:first")
