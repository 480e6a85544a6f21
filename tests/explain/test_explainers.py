"""CartoonX and Pixel RDE as users call them: batches, seeds, the model left alone, clear errors."""

import copy
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from helpers import seeded, smooth_images, tiny_cnn
from pydantic import ValidationError
from torch import Tensor, nn

import rcx
from rcx.classifiers.classifier import ClassifierError
from rcx.explain.explanation import Explanation
from rcx.solver.distortion import DistortionMeasure
from rcx.starts.initial import Start

# these clouds have no foreground, and no network was trained on them
STARTS = [start for start in get_args(Start) if start != "predicted"]
pytestmark = pytest.mark.filterwarnings("ignore::rcx.starts.foreground.ForegroundWarning")

QUICK = rcx.SolverSettings(steps=10, samples=2, stop_early=False)
COMMON: dict[str, Any] = {
    "solver": QUICK,
    "device": "cpu",
    "batch_size": 8,
    "evaluation_samples": 8,
}
Explainer = rcx.CartoonX | rcx.PixelRDE
Method = Callable[..., Explainer]


def cartoonx(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.CartoonX(classifier, lambda_k, **({"levels": 2} | COMMON | options))


def pixel_rde(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.PixelRDE(classifier, lambda_k, **(COMMON | options))


METHODS = (cartoonx, pixel_rde)
both_methods = pytest.mark.parametrize("method", METHODS)


def assert_same_bits(one: Explanation, other: Explanation) -> None:
    for (name, mine), (_, theirs) in zip(one.tensors(), other.tensors(), strict=True):
        assert torch.equal(mine, theirs), name
    for name, curve in one.history.items():
        # NaN after an image has stopped
        torch.testing.assert_close(curve, other.history[name], rtol=0, atol=0, equal_nan=True)


def assert_same_rows(batch: Explanation, row: int, alone: Explanation, atol: float) -> None:
    """Equal up to the rounding of other batch sizes."""
    for name, values in batch.tensors():
        one, other = values[row], dict(alone.tensors())[name][0]
        if one.is_floating_point():
            torch.testing.assert_close(one, other, atol=atol, rtol=1e-3, msg=f"{name} differs")
        else:
            assert torch.equal(one, other), name


# --- one call for many


@pytest.mark.parametrize(
    "start",
    [
        "ones",
        "random",
        "uniform",
    ],
)
@both_methods
def test_images_in_one_call_equal_images_alone(method: Method, start: str) -> None:
    images, targets = smooth_images(4, (24, 26), seed=1), [0, 3, 1, 2]
    classifier = tiny_cnn()
    explainer = method(classifier, start=start)
    batch = explainer.explain(images, targets)
    assert batch.target.tolist() == targets
    for row, image in enumerate(images):
        alone = explainer.explain(image, targets[row])
        assert_same_rows(batch, row, alone, atol=2e-3)


@both_methods
def test_the_predicted_classes_are_explained_unless_told_otherwise(method: Method) -> None:
    images, classifier = smooth_images(8), tiny_cnn()
    explainer = method(classifier)
    predicted = classifier(images).argmax(1)
    assert len(predicted.unique()) > 2
    batch = explainer.explain(images)
    assert torch.equal(batch.target, predicted)
    assert torch.equal(batch.predicted, predicted)
    assert_same_bits(batch, explainer.explain(images, predicted))
    assert_same_bits(explainer.explain(images, 3), explainer.explain(images, [3] * 8))


def test_images_that_stop_at_different_steps_equal_images_alone() -> None:
    solver = rcx.SolverSettings(steps=60, samples=4, tolerance=0.6, overshoot=1)
    explainer = cartoonx(tiny_cnn(), 1.0, solver=solver)
    images = smooth_images(4, seed=1)
    batch = explainer.explain(images)
    assert len(set(batch.steps.tolist())) > 1
    for row, image in enumerate(images):
        assert_same_rows(batch, row, explainer.explain(image), atol=2e-3)


@pytest.mark.parametrize("split", [{"chunk": 2}, {"batch_size": 2}, {"batch_size": 1, "chunk": 1}])
@both_methods
def test_splitting_the_work_does_not_change_the_result(
    method: Method, split: dict[str, int]
) -> None:
    images = smooth_images(3)
    targets = [2, 0, 1]
    whole, parts = (method(tiny_cnn(), **some).explain(images, targets) for some in ({}, split))
    assert len(parts) == 3
    for row in range(3):
        assert_same_rows(whole, row, parts[row], atol=2e-3)


def test_starting_masks_stay_with_their_images_when_the_work_is_split() -> None:
    length = cartoonx(tiny_cnn()).representation((24, 24)).length
    starts = torch.rand(3, length, generator=seeded(0))
    for batch_size in (1, 2, 8):
        explainer = cartoonx(tiny_cnn(), start=starts, batch_size=batch_size)
        explanation = explainer.explain(smooth_images(3))
        torch.testing.assert_close(explanation.history["nonsparsity"][:, 0], starts.mean(1))


# --- seeds


@pytest.mark.parametrize("start", STARTS)
@both_methods
def test_a_seed_gives_the_same_bits(method: Method, start: str) -> None:
    images, classifier = smooth_images(2), tiny_cnn()
    state = torch.get_rng_state()
    one, same, other = (
        method(classifier, start=start, seed=seed).explain(images) for seed in (3, 3, 4)
    )
    assert_same_bits(one, same)
    assert not torch.equal(one.mask, other.mask)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.settings["seed"] == 3


@both_methods
def test_a_generator_of_ones_own_decides(method: Method) -> None:
    images, explainer = smooth_images(2), method(tiny_cnn(), seed=3)
    expected = explainer.explain(images)
    assert_same_bits(explainer.explain(images), expected)
    assert_same_bits(explainer.explain(images, generator=seeded(3)), expected)
    generator = seeded(5)
    given = explainer.explain(images, generator=generator)
    assert given.settings["seed"] == 5
    assert not torch.equal(given.mask, expected.mask)
    # it goes on where it was left
    assert not torch.equal(explainer.explain(images, generator=generator).mask, given.mask)


# --- what an explanation says


@both_methods
def test_an_explanation_is_consistent(method: Method) -> None:
    images, classifier = smooth_images(4), tiny_cnn()
    explainer = method(classifier, 2.0)
    explanation = explainer.explain(images)
    representation = explainer.representation((24, 24))
    probabilities = classifier(images).softmax(-1)
    assert explanation.mask.shape == (4, representation.length)
    assert explanation.mask.min() >= 0
    assert explanation.mask.max() <= 1
    assert (explanation.mask < 1).any()
    assert explanation.picture.shape == (4, 1, 24, 24)
    assert explanation.picture.min() >= 0
    assert explanation.picture.max() <= 1
    torch.testing.assert_close(explanation.nonsparsity, explanation.mask.mean(1))
    torch.testing.assert_close(explanation.lambda_k, torch.full((4,), 2.0))
    torch.testing.assert_close(
        explanation.loss, explanation.distortion + 2 * explanation.nonsparsity
    )
    torch.testing.assert_close(explanation.probability, probabilities.amax(1), atol=1e-5, rtol=0)
    kept = explanation.predicted_after == explanation.target
    assert torch.equal(explanation.label_kept, kept)
    assert ((explanation.probability_after >= 0) & (explanation.probability_after <= 1)).all()
    assert explanation.steps.tolist() == [10] * 4
    for curve in explanation.history.values():
        assert curve.shape == (4, 10)
        assert curve.isfinite().all()
    for _, tensor in explanation.tensors():
        assert not tensor.requires_grad


@both_methods
def test_what_is_reported_was_measured_on_fresh_noise(method: Method) -> None:
    images = smooth_images(3)
    few, many = (
        method(tiny_cnn(), evaluation_samples=samples).explain(images) for samples in (64, 1024)
    )
    assert torch.equal(few.mask, many.mask)
    error = (few.distortion_error**2 + many.distortion_error**2).sqrt()
    assert ((few.distortion - many.distortion).abs() < 5 * error + 1e-6).all()
    assert (many.distortion_error < few.distortion_error).all()


@pytest.mark.parametrize("measure", get_args(DistortionMeasure))
@pytest.mark.parametrize("start", STARTS)
@both_methods
def test_every_measure_and_start_lowers_the_loss(
    method: Method, start: str, measure: DistortionMeasure
) -> None:
    lambda_k = 2.0
    images = smooth_images(2)
    settings = rcx.SolverSettings(
        steps=25,
        samples=4,
        learning_rate=0.03,
        late_learning_rate=0.03,
        early_share=0,
        decay_share=0,
        reach=1,
        stop_early=False,
    )
    explainer = method(tiny_cnn(), lambda_k, distortion=measure, start=start, solver=settings)
    explanation = explainer.explain(images)
    curve = explanation.history["loss"]
    assert (curve[:, -5:].mean(1) < curve[:, 0]).all()
    assert explanation.settings["distortion"] == measure


def test_pixel_rdes_picture_is_its_mask() -> None:
    explanation = pixel_rde(tiny_cnn()).explain(smooth_images(2, (17, 22)))
    assert torch.equal(explanation.picture.flatten(1), explanation.mask)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_cartoon_of_a_mask_of_ones_is_the_grey_image(channels: int) -> None:
    images = smooth_images(2, (25, 30), channels)
    explainer = cartoonx(tiny_cnn(channels))
    representation = explainer.representation((25, 30))
    everything = torch.ones(2, representation.length)
    picture = explainer.picture(representation, images, everything)
    torch.testing.assert_close(picture, images.mean(1, keepdim=True), atol=1e-5, rtol=0)
    nothing = explainer.picture(representation, images, torch.zeros_like(everything))
    assert (nothing == 0).all()


def test_the_cartoon_shows_the_masked_grey_image() -> None:
    images = smooth_images(2)
    explainer = cartoonx(tiny_cnn())
    explanation = explainer.explain(images)
    representation = explainer.representation((24, 24))
    picture = explainer.picture(representation, images, explanation.mask)
    assert torch.equal(explanation.picture, picture)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (40, 19)])
@pytest.mark.parametrize("channels", [1, 3])
@both_methods
def test_colours_and_sizes(method: Method, channels: int, size: tuple[int, int]) -> None:
    images = smooth_images(2, size, channels)
    explanation = method(tiny_cnn(channels)).explain(images)
    assert explanation.picture.shape == (2, 1, *size)
    assert explanation.mask.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_images_of_other_float_types_are_explained_in_single_precision(dtype: torch.dtype) -> None:
    images = smooth_images(1).to(dtype)
    explanation = cartoonx(tiny_cnn()).explain(images)
    assert explanation.mask.dtype == torch.float32
    assert_same_bits(explanation, cartoonx(tiny_cnn()).explain(images.float()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_float_types_are_explained_in_single_precision(dtype: torch.dtype) -> None:
    images, model = smooth_images(1), tiny_cnn().to(dtype)
    explanation = cartoonx(model).explain(images)
    assert_same_bits(explanation, cartoonx(copy.deepcopy(model).float()).explain(images))
    assert all(p.dtype == dtype for p in model.parameters())
    logits = rcx.load_classifier(model)(images)
    assert logits.dtype == torch.float32
    assert logits.argmax(1).tolist() == explanation.predicted.tolist()


def test_a_large_lambda_deletes_everything() -> None:
    solver = rcx.SolverSettings(steps=120, samples=2)
    explanation = cartoonx(tiny_cnn(), 1e4, solver=solver).explain(smooth_images(2))
    assert explanation.nonsparsity.max() < 0.01


def test_a_mask_can_be_the_start() -> None:
    explainer = cartoonx(tiny_cnn())
    length = explainer.representation((24, 24)).length
    start = torch.rand(2, length, generator=seeded(0))
    explanation = cartoonx(tiny_cnn(), start=start).explain(smooth_images(2))
    torch.testing.assert_close(explanation.history["nonsparsity"][:, 0], start.mean(1))


def test_defaults_are_those_of_the_report() -> None:
    classifier = tiny_cnn()
    assert rcx.CartoonX(classifier).lambda_k == 20
    assert rcx.PixelRDE(classifier).lambda_k == 4
    assert rcx.CartoonX(classifier).clamp
    assert not rcx.PixelRDE(classifier).clamp
    published = rcx.CartoonX(classifier, solver="published").solver
    assert published == rcx.SolverSettings.preset("published")


def test_each_method_has_a_solver_of_its_own_unless_it_is_told_another() -> None:
    methods = rcx.CartoonX, rcx.PixelRDE
    cartoons, pixels = (method(tiny_cnn()).solver for method in methods)
    assert cartoons == rcx.SolverSettings()
    assert pixels == rcx.SolverSettings(steps=pixels.steps) and pixels.steps < cartoons.steps
    for method in methods:
        assert method(tiny_cnn(), solver="fast").solver == rcx.SolverSettings()


@both_methods
def test_settings_say_what_determined_the_result(method: Method) -> None:
    import json

    settings = method(tiny_cnn(), 3.0).explain(smooth_images(1)).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["lambda_k"] == 3.0
    assert settings["solver"]["steps"] == QUICK.steps
    assert len(settings["weights_hash"]) == 64
    assert settings["method"] == {cartoonx: "CartoonX", pixel_rde: "Pixel RDE"}[method]


def test_progress_is_told_after_each_step() -> None:
    told: list[tuple[int, int]] = []
    cartoonx(tiny_cnn()).explain(
        smooth_images(1), progress=lambda done, most: told.append((done, most))
    )
    assert told == [(step, 10) for step in range(1, 11)]


# --- paths and targets


@both_methods
def test_a_path_gives_one_explanation_for_each_lambda_in_the_order_given(method: Method) -> None:
    images, targets = smooth_images(2), [1, 3]
    explainer = method(tiny_cnn())
    path = explainer.explain_path(images, [4.0, 0.5, 4.0, 1.0], targets)
    for explanation, lambda_k in zip(path, (4.0, 0.5, 4.0, 1.0), strict=True):
        assert explanation.lambda_k.tolist() == [lambda_k] * 2
        assert explanation.settings["lambda_k"] == lambda_k
        assert explanation.target.tolist() == targets
        torch.testing.assert_close(
            explanation.loss, explanation.distortion + lambda_k * explanation.nonsparsity
        )
    assert_same_bits(path[0], path[2])
    for one, other in zip(
        path, explainer.explain_path(images, [4.0, 0.5, 4.0, 1.0], targets), strict=True
    ):
        assert_same_bits(one, other)


@both_methods
def test_a_path_begins_like_a_single_explanation_of_its_middle_lambda(method: Method) -> None:
    images = smooth_images(2)
    alone = method(tiny_cnn(), 2.0).explain(images)
    path = method(tiny_cnn(), 7.0).explain_path(images, [4.0, 0.5, 2.0])
    assert_same_bits(path[2], alone)


@both_methods
def test_along_a_path_masks_get_sparser(method: Method) -> None:
    solver = rcx.SolverSettings(samples=8)
    explainer = method(tiny_cnn(), solver=solver, evaluation_samples=64)
    path = explainer.explain_path(smooth_images(4), [0.5, 2.0, 8.0, 100.0])
    rates = torch.stack([explanation.nonsparsity.mean() for explanation in path])
    assert rates.diff().max() < 0
    assert rates[-1] < 0.3 * rates[0]


@pytest.mark.parametrize(
    ("lambda_ks", "message"),
    [
        ([], "at least one"),
        ([1.0, -1.0], "a positive number"),
        ([float("nan")], "a positive number"),
    ],
)
def test_paths_that_make_no_sense(lambda_ks: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cartoonx(tiny_cnn()).explain_path(smooth_images(1), lambda_ks)


def test_a_target_distortion_finds_each_image_its_own_lambda() -> None:
    images = smooth_images(4, seed=1)
    distortions = []
    for wanted in (0.01, 0.2):
        explainer = cartoonx(
            tiny_cnn(),
            target_distortion=wanted,
            solver=rcx.SolverSettings(samples=4),
            evaluation_samples=128,
        )
        explanation = explainer.explain(images)
        assert len(set(explanation.lambda_k.tolist())) > 1
        torch.testing.assert_close(
            explanation.loss,
            explanation.distortion + explanation.lambda_k * explanation.nonsparsity,
        )
        distortions.append(explanation.distortion.mean())
    assert distortions[0] < distortions[1]


def test_an_images_own_lambda_does_not_depend_on_its_batch() -> None:
    explainer = cartoonx(tiny_cnn(), target_distortion=0.05, evaluation_samples=64)
    images = smooth_images(3, seed=1)
    batch = explainer.explain(images)
    for row, image in enumerate(images):
        assert_same_rows(batch, row, explainer.explain(image), atol=2e-3)


# --- what is left alone


class Breaks(nn.Module):
    """Answers a few times and then fails."""

    def __init__(self, model: nn.Module, answers: int) -> None:
        super().__init__()
        self.model, self.left = model, answers

    def forward(self, images: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the model broke")
        logits: Tensor = self.model(images)
        return logits


def state_of(model: nn.Module) -> dict[str, Any]:
    """Everything about a model that a user could miss."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "modes": [module.training for module in model.modules()],
        "modules": [id(module) for module in model.modules()],
        "free": [parameter.requires_grad for parameter in model.parameters()],
        "ids": [id(parameter) for parameter in model.parameters()],
        "devices": [parameter.device for parameter in model.parameters()],
        "grads": [
            None if parameter.grad is None else parameter.grad.clone()
            for parameter in model.parameters()
        ],
        "hooks": [[list(getattr(module, name)) for name in hooks] for module in model.modules()],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
    }


def assert_unchanged(model: nn.Module, before: dict[str, Any]) -> None:
    after = state_of(model)
    for name in before.keys() - {"grads", "values"}:
        assert after[name] == before[name], name
    assert after["values"].keys() == before["values"].keys()
    for name, value in before["values"].items():
        assert torch.equal(after["values"][name], value), name
    for one, other in zip(before["grads"], after["grads"], strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.equal(one, other)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("answers", [None, 0, 1, 8])
@both_methods
def test_the_users_model_stays_as_it_was(
    method: Method, answers: int | None, training: bool
) -> None:
    images = smooth_images(2)
    inner = tiny_cnn()
    inner[0].requires_grad_(False)
    inner[2].register_forward_hook(lambda *_: None)
    model: nn.Module = inner if answers is None else Breaks(inner, answers)
    inner(images).sum().backward()
    model.train(training)
    before = state_of(model)
    if answers is None:
        method(model).explain(images)
    else:
        with pytest.raises(RuntimeError, match="the model broke"):
            method(model, start="uniform").explain(images)
    assert_unchanged(model, before)


def test_images_and_starts_stay_as_they_were() -> None:
    images = smooth_images(2).requires_grad_()
    before = images.detach().clone()
    length = cartoonx(tiny_cnn()).representation((24, 24)).length
    start = torch.full((length,), 0.5)
    cartoonx(tiny_cnn(), start=start).explain(images)
    assert torch.equal(images, before)
    assert images.grad is None
    assert (start == 0.5).all()


@pytest.mark.parametrize(
    "mode",
    [
        torch.no_grad,
        pytest.param(
            torch.inference_mode,
        ),
    ],
)
@both_methods
def test_explains_where_gradients_are_switched_off(method: Method, mode: Callable[[], Any]) -> None:
    images, explainer = smooth_images(2), method(tiny_cnn())
    with mode():
        explanation = explainer.explain(images)
    assert_same_bits(explanation, explainer.explain(images))


@both_methods
def test_images_made_in_inference_mode_can_be_explained(method: Method) -> None:
    with torch.inference_mode():
        images = smooth_images(2)
    explainer = method(tiny_cnn())
    assert_same_bits(explainer.explain(images), explainer.explain(smooth_images(2)))


def test_a_user_who_trains_on_may_explain_in_between() -> None:
    images, model = smooth_images(2), tiny_cnn()
    first = cartoonx(model).explain(images)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(images)[:, 0].sum().backward()
    optimiser.step()
    second = cartoonx(model).explain(images)
    assert first.settings["weights_hash"] != second.settings["weights_hash"]
    assert not torch.equal(first.mask, second.mask)


# --- errors


@pytest.mark.parametrize("lambda_k", [-1, -1e-9, float("nan"), float("inf")])
@both_methods
def test_lambdas_that_make_no_sense(method: Method, lambda_k: float) -> None:
    with pytest.raises(ValueError, match="lambda_k must be a positive number"):
        method(tiny_cnn(), lambda_k)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "slow"}, ValueError, "unknown solver preset 'slow'"),
        ({"solver": {"steps": 3}}, TypeError, "solver must be a preset's name or SolverSettings"),
        ({"start": "zeros"}, ValueError, "unknown start 'zeros'"),
        ({"distortion": "mse"}, ValueError, "unknown distortion 'mse'"),
        ({"batch_size": -1}, ValueError, "batch_size must be at least 1"),
        ({"target_distortion": 0}, ValueError, "target_distortion must be positive"),
        ({"target_distortion": float("nan")}, ValueError, "target_distortion must be positive"),
        ({"evaluation_samples": 0}, ValueError, "evaluation_samples must be at least 1"),
        ({"device": "abacus"}, RuntimeError, "abacus"),
        ({"lamda": 3}, TypeError, "lamda"),
    ],
)
@both_methods
def test_options_that_make_no_sense(
    method: Method, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        method(tiny_cnn(), **options)


def test_classifiers_that_are_none() -> None:
    with pytest.raises(ValueError, match="unknown"):
        rcx.CartoonX("sample/nothing")
    with pytest.raises(TypeError, match="name or a torch module"):
        rcx.PixelRDE(3)  # type: ignore[arg-type]


def spoilt(value: float) -> Tensor:
    images = smooth_images(3)
    images[1, 0, 5, 5] = value
    return images


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01, 255.0])
@both_methods
def test_images_out_of_range_are_named(method: Method, value: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\] and without NaN, image 1 is not"):
        method(tiny_cnn()).explain(spoilt(value))


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (torch.zeros(1, 3, 24, 24, dtype=torch.uint8), TypeError, "float tensor.*got torch.uint8"),
        (torch.zeros(1, 3, 24, 24, dtype=torch.int64), TypeError, "float tensor"),
        (torch.zeros(1, 3, 24, 24).numpy(), TypeError, "float tensor.*got ndarray"),
        ([torch.zeros(3, 24, 24)], TypeError, "float tensor.*got list"),
        (torch.zeros(24, 24), ValueError, r"shape \(N, C, H, W\), got \(24, 24\)"),
        (torch.zeros(1, 1, 3, 24, 24), ValueError, "shape"),
        (torch.zeros(0, 3, 24, 24), ValueError, "shape"),
    ],
)
@both_methods
def test_what_is_no_batch_of_images(
    method: Method, images: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        method(tiny_cnn()).explain(images)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (5, "target must be from 0 to 4, got 5"),
        (-1, "target must be from 0 to 4"),
        ([0, 1, 7], "target must be from 0 to 4"),
        ([0, 1], "target must be one class or 3"),
        (1.0, "whole numbers"),
        ([0.0, 1.0, 2.0], "whole numbers"),
        (torch.zeros(3, 1, dtype=torch.int64), "target must be one class or 3"),
    ],
)
@both_methods
def test_targets_that_do_not_fit(method: Method, target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method(tiny_cnn()).explain(smooth_images(3), target)


def test_images_too_small_for_the_wavelets() -> None:
    explainer = cartoonx(tiny_cnn(), levels=5)
    with pytest.raises(ValueError, match="levels must be a whole number from 1 to 0 for db3 on 4"):
        explainer.explain(smooth_images(1, (4, 40)))
    with pytest.raises(ValueError, match="unknown wavelet"):
        cartoonx(tiny_cnn(), wavelet="cartoon").explain(smooth_images(1))


@pytest.mark.parametrize(
    "rows",
    [
        1,
        2,
        pytest.param(
            4,
        ),
    ],
)
def test_starting_masks_for_other_images(rows: int) -> None:
    start = torch.ones(rows, 24 * 24)
    with pytest.raises(ValueError, match="a starting mask must have the shape"):
        pixel_rde(tiny_cnn(), start=start).explain(smooth_images(3))


def test_a_starting_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match="a starting mask must have the shape"):
        pixel_rde(tiny_cnn(), start=torch.ones(100)).explain(smooth_images(1))


class Spoils(nn.Module):
    """Answers NaN to images that are brighter than any of a photo, or always."""

    def __init__(self, model: nn.Module, brightest: float) -> None:
        super().__init__()
        self.model, self.brightest = model, brightest

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits.where(images.amax((1, 2, 3))[:, None] < self.brightest, torch.nan)


@both_methods
def test_a_classifier_that_answers_nan_is_named(method: Method) -> None:
    with pytest.raises(ClassifierError, match="Spoils returned NaN or infinite logits for image 0"):
        method(Spoils(tiny_cnn(), 0.5)).explain(smooth_images(2))


@both_methods
def test_a_classifier_that_answers_nan_to_obfuscations_is_named(method: Method) -> None:
    with pytest.raises(ClassifierError, match="NaN or infinite logits"):
        method(Spoils(tiny_cnn(), 1.01), start="random", clamp=False).explain(smooth_images(2))


@pytest.mark.parametrize("brightest", [0.6, 1.01])
def test_the_image_that_a_classifier_fails_at_is_counted_in_the_whole_batch(
    brightest: float,
) -> None:
    images = torch.cat([torch.full((2, 3, 24, 24), 0.5), smooth_images(1)])
    failing = Spoils(tiny_cnn(), brightest)
    # the third image itself is too bright, or its obfuscations are
    explainer = pixel_rde(failing, start="random", clamp=False, batch_size=1)
    with pytest.raises(ClassifierError, match="image 2"):
        explainer.explain(images)


def test_settings_of_the_solver_are_checked() -> None:
    with pytest.raises(ValidationError, match="steps"):
        rcx.SolverSettings(steps=-1)
