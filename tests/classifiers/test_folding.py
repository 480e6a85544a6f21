"""The copy that explanations use: the user's model stays as it is, and batch norms are folded."""

from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from networks import (
    batch_norms,
    random_images,
    small_classifier,
    small_network,
    with_statistics,
    wrapped,
)
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.loading import load_classifier


def state(model: nn.Module) -> dict[str, object]:
    """Everything about a model, without its tensors, that a caller could find changed."""
    return {
        "modes": [module.training for module in model.modules()],
        "grads": [(p.requires_grad, p.grad) for p in model.parameters()],
        "hooks": [
            (list(m._forward_hooks.values()), list(m._forward_pre_hooks.values()))
            for m in model.modules()
        ],
        "ids": [id(module) for module in model.modules()],
    }


class TestInferenceCopy:
    @pytest.mark.parametrize("training", [True, False])
    def test_the_users_model_is_left_alone(self, training: bool) -> None:
        model = small_network().train(training)
        model[0].weight.requires_grad_(False)
        model[2].register_forward_hook(lambda *_: None)
        before = state(model)
        tensors = {key: value.clone() for key, value in model.state_dict().items()}
        frozen = inference_copy(load_classifier(model))
        torch.autograd.backward(frozen(random_images().requires_grad_()).sum())
        torch.testing.assert_close(dict(model.state_dict()), tensors, rtol=0, atol=0)
        assert state(model) == before

    def test_random_state_is_left_alone(self) -> None:
        classifier = small_classifier()
        before = torch.get_rng_state()
        inference_copy(classifier)
        assert torch.equal(torch.get_rng_state(), before)

    def test_gradients_reach_the_images_only(self) -> None:
        frozen = inference_copy(small_classifier())
        images = random_images().requires_grad_()
        torch.autograd.backward(frozen(images).sum())
        assert images.grad is not None
        assert images.grad.abs().sum() > 0
        assert not frozen.training
        assert all(not p.requires_grad and p.grad is None for p in frozen.parameters())

    @pytest.mark.parametrize(
        ("make", "left"),
        [
            (lambda: torchvision.models.mobilenet_v3_small(), 0),
            (lambda: torchvision.models.resnet18(), 0),
            (lambda: torchvision.models.densenet121(), 62),  # these norms precede convolutions
            (lambda: timm.create_model("mobilenetv3_small_050"), 0),
            (lambda: timm.create_model("tf_mobilenetv3_small_100"), 0),
            (lambda: timm.create_model("test_efficientnet"), 0),
        ],
    )
    def test_folding_keeps_the_answers(self, make: Callable[[], nn.Module], left: int) -> None:
        classifier = load_classifier(with_statistics(make()), mean=[0.4], std=[0.3])
        frozen = inference_copy(classifier, example=random_images(1, 64))
        assert batch_norms(classifier) > left
        assert batch_norms(frozen) == left
        images = random_images(2, 64, seed=3)
        with torch.no_grad():
            expected, answer = classifier(images), frozen(images)
        torch.testing.assert_close(
            answer, expected, rtol=0, atol=1e-4 * float(expected.abs().max())
        )

    def test_a_model_that_cannot_be_copied(self) -> None:
        model = small_network()
        convolution = model[0]
        assert isinstance(convolution.weight, nn.Parameter)
        model.cache = convolution.weight * 2  # torch refuses to copy a tensor that is no leaf
        with pytest.raises(TypeError, match=r"Sequential cannot be copied.*state_dict"):
            inference_copy(load_classifier(model))

    def test_a_model_that_cannot_be_tried_is_still_copied(self) -> None:
        frozen = inference_copy(Classifier(small_network(), name="small", input_size=1))
        assert batch_norms(frozen) == 1
        torch.testing.assert_close(frozen(random_images()), small_classifier()(random_images()))


class Network(nn.Module):
    """Convolution, batch norm and a head; subclasses connect the first two in unusual ways."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv: nn.Conv2d = nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.act = nn.ReLU(inplace=True)

    def features(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.conv(x))
        return normalised

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean((-2, -1))


class ActivationBetween(Network):
    def features(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.act(self.conv(x)))
        return normalised


class ConvTwice(Network):
    def features(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.conv(self.conv(x)))
        return normalised


class NormTwice(Network):
    def features(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.norm(self.conv(x)))
        return normalised


class ResidualTap(Network):
    def features(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        residual: Tensor = self.norm(y) + y
        return residual


class Hooked(Network):
    def __init__(self) -> None:
        super().__init__()
        self.conv.register_forward_hook(lambda module, args, output: output.sin())


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight - self.weight.mean(), self.bias)


class OwnForward(Network):
    def __init__(self) -> None:
        super().__init__()
        self.conv = Standardised(3, 3, 3)


class Noisy(Network):
    def features(self, x: Tensor) -> Tensor:
        return super().features(x) + torch.rand(())


class WithoutStatistics(Network):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, track_running_stats=False)


class TestFolding:
    def test_the_plain_network_is_folded(self) -> None:
        assert batch_norms(inference_copy(wrapped(Network()))) == 0

    def test_a_norm_known_by_two_names(self) -> None:
        model = Network()
        model.alias = model.norm
        assert batch_norms(inference_copy(wrapped(model))) == 0

    @pytest.mark.filterwarnings("ignore:.* answers the same image differently")
    @pytest.mark.parametrize(
        "network", [ActivationBetween, ConvTwice, NormTwice, ResidualTap, Hooked, OwnForward, Noisy]
    )
    def test_norms_in_unusual_places_are_left(self, network: type[Network]) -> None:
        classifier = wrapped(network())
        frozen = inference_copy(classifier)
        assert batch_norms(frozen) == 1
        torch.manual_seed(0)
        expected = classifier(random_images())
        torch.manual_seed(0)
        torch.testing.assert_close(frozen(random_images()), expected)

    def test_without_statistics(self) -> None:
        torch.manual_seed(0)
        classifier = load_classifier(WithoutStatistics().eval())
        frozen = inference_copy(classifier)
        torch.testing.assert_close(frozen(random_images()), classifier(random_images()))
