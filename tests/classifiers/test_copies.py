"""Copies for explanations: of networks that do not hold still, and with the original unchanged."""

from collections.abc import Callable

import pytest
import torch
from networks import random_images, small_network
from torch import Tensor, nn

import rcx
from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.loading import load_classifier

IMAGES = random_images(1)
SHORT = rcx.SolverSettings(steps=4)


def explained(model: nn.Module) -> rcx.Explanation:
    return rcx.CartoonX(model, solver=SHORT, levels=2).explain(IMAGES)


class Normalising(nn.Module):
    """A network that normalises the tensor that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images.sub_(0.45).div_(0.25))
        return logits


def test_a_network_that_works_in_place_changes_nothing() -> None:
    images = IMAGES.clone()
    by_hand = load_classifier(small_network(), mean=[0.45], std=[0.25])
    classifier = load_classifier(Normalising())
    torch.testing.assert_close(classifier(images), by_hand(IMAGES))
    explanation = rcx.CartoonX(classifier, solver=SHORT, levels=2).explain(images)
    expected = rcx.CartoonX(by_hand, solver=SHORT, levels=2).explain(IMAGES)
    torch.testing.assert_close(explanation.mask, expected.mask, atol=1e-4, rtol=1e-4)
    assert torch.equal(images, IMAGES)


def test_a_hook_that_only_looks_is_left_out_and_kept_in_the_original() -> None:
    seen: list[Tensor] = []
    network = small_network()
    handle = network[0].register_forward_hook(lambda *call: seen.append(call[-1]))
    explanation = explained(network)
    assert len(seen) <= 1
    assert not any(tensor.requires_grad for tensor in seen)
    network(IMAGES)
    assert len(seen) >= 1
    handle.remove()
    assert torch.equal(explanation.mask, explained(network).mask)


def test_a_hook_that_changes_the_answer_is_explained() -> None:
    network = small_network()
    network[0].register_forward_hook(lambda *call: 3 * call[-1])
    with torch.no_grad():
        torch.testing.assert_close(
            inference_copy(load_classifier(network))(IMAGES), network(IMAGES)
        )


@pytest.mark.parametrize(
    "stop", [Tensor.detach, lambda z: nn.functional.one_hot(z.argmax(1), 5).float()]
)
def test_an_answer_without_a_gradient_is_refused(stop: Callable[[Tensor], Tensor]) -> None:
    class Stopped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = small_network()

        def forward(self, images: Tensor) -> Tensor:
            return stop(self.network(images))

    with pytest.raises(ClassifierError, match="no gradient reaches the image"):
        explained(Stopped())


def compiled_network(network: nn.Module) -> nn.Module:
    compiled: nn.Module = torch.compile(network)  # type: ignore[assignment]
    return compiled


def test_compiled_and_parallel_networks_are_the_network_inside() -> None:
    plain = load_classifier(small_network())
    compiled = compiled_network(small_network())
    parallel = nn.DataParallel(small_network())
    for model in (compiled, parallel, nn.DataParallel(compiled)):
        classifier = load_classifier(model)
        assert classifier.name == plain.name
        assert classifier.weights_hash == plain.weights_hash
        assert torch.equal(explained(model).mask, explained(plain).mask)


def test_a_network_with_a_compiled_part() -> None:
    network = small_network()
    network[0] = compiled_network(network[0])
    assert load_classifier(network).weights_hash == load_classifier(small_network()).weights_hash
    assert torch.equal(explained(network).mask, explained(small_network()).mask)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["scripted", "traced", "frozen"])
def test_torchscript(kind: str) -> None:
    network = small_network().eval()
    if kind == "traced":
        script = torch.jit.trace(network, IMAGES)
    else:
        script = torch.jit.script(network)
        script = torch.jit.freeze(script) if kind == "frozen" else script
    required = [parameter.requires_grad for parameter in script.parameters()]
    explanation = explained(script)
    torch.testing.assert_close(explanation.mask, explained(network).mask, atol=1e-3, rtol=1e-3)
    assert required == [parameter.requires_grad for parameter in script.parameters()]


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(channels: int) -> None:
    network = small_network()
    network[0] = nn.Conv2d(channels, 4, 3)
    classifier = load_classifier(network)
    assert classifier.channels == channels
    images = torch.rand(2, channels, 32, 32, generator=torch.Generator().manual_seed(1))
    explanation = rcx.CartoonX(classifier, solver=SHORT, levels=2).explain(images)
    assert explanation.images.shape == images.shape
    explanation.figure()


def test_the_number_of_channels_is_that_of_the_means_or_as_told() -> None:
    grey = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert load_classifier(grey).channels == 1
    assert load_classifier(grey, channels=3).channels == 3
    assert load_classifier(grey, mean=[0.5] * 3, std=[0.5] * 3).channels == 3
    assert load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))).channels == 3
    with pytest.raises(ValueError, match="channels must be a positive integer"):
        load_classifier(grey, channels=0)


class Restless(nn.Module):
    """A network that draws random numbers in eval mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(nn.functional.dropout(images, 0.5, training=True))
        return logits


class Rounding(nn.Module):
    """A network whose answer moves in steps."""

    def __init__(self) -> None:
        super().__init__()
        self.network = small_network()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return (10_000 * logits).round()


def test_a_network_that_answers_differently_each_time_is_told() -> None:
    with pytest.warns(UserWarning, match="Restless answers the same image differently"):
        explained(Restless())


def test_a_gradient_of_zero_is_told() -> None:
    with pytest.warns(UserWarning, match="answer of Rounding has a gradient of 0 everywhere"):
        explained(Rounding())


def test_weights_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match="Sequential has layers that are not initialised"):
        load_classifier(nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten()))
    with torch.device("meta"):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    with pytest.raises(ValueError, match="Sequential is on the device meta"):
        load_classifier(network)


def test_whatever_a_network_raises_is_told_with_its_name_and_the_shape() -> None:
    class One(nn.Module):
        def forward(self, *, pixel_values: Tensor) -> Tensor:
            return pixel_values.mean((2, 3))

    with pytest.raises(ClassifierError, match=r"One cannot take images of the shape \(2, 3, 32"):
        load_classifier(One())(random_images(2))
