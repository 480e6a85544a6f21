"""Baselines: by hand, on several kinds of network, and with the model unchanged."""

import copy
import sys
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import pywt
import timm
import torch
import torchvision
from helpers import Linear, seeded, smooth_images, tiny_cnn
from torch import Tensor, nn

import rcx
from rcx.classifiers.answers import ClassifierError
from rcx.evaluate.baselines import Baseline, attribution, attributions, check_applies
from rcx.evaluate.curve_measurement import rate_distortion_curves
from rcx.evaluate.localisation import share_inside
from rcx.evaluate.rankings import Ranking
from rcx.images.scenes import draw_scenes
from rcx.representations.pixels import Pixels

NAMES = get_args(Baseline)
IMAGES = smooth_images(2, (32, 32))


def relu_cnn(seed: int = 0) -> nn.Sequential:
    """A convolutional network that overwrites its activations."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 8, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 5),
        ).eval()


each_baseline = pytest.mark.parametrize("name", NAMES)


@each_baseline
def test_maps_have_the_images_size_and_are_reproducible(name: Baseline) -> None:
    model = relu_cnn()
    maps = attribution(name, model, IMAGES, [0, 3], seed=1)
    assert maps.shape == (2, 32, 32)
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    assert maps.min() >= 0
    assert bool(maps.isfinite().all())
    assert torch.equal(maps, attribution(name, model, IMAGES, [0, 3], seed=1))


@each_baseline
def test_images_do_not_influence_each_other(name: Baseline) -> None:
    model = relu_cnn()
    both = attribution(name, model, IMAGES, seed=[4, 7])
    alone = attribution(name, model, IMAGES[1:], seed=[7])
    torch.testing.assert_close(both[1:], alone, atol=1e-6, rtol=1e-4)


@each_baseline
def test_the_model_and_torchs_random_numbers_are_left_alone(name: Baseline) -> None:
    model = relu_cnn()
    model.train()
    model[0].requires_grad_(False)
    model[3].register_forward_hook(lambda *_: None)
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    with torch.inference_mode():
        attribution(name, model, IMAGES.clone())
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(module.training for module in model.modules())
    assert [p.requires_grad for p in model[0].parameters()] == [False, False]
    assert all(p.requires_grad for p in model[3].parameters())
    assert all(p.grad is None for p in model.parameters())
    assert [len(module._forward_hooks) for module in model] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert not any(module._backward_hooks or module._forward_pre_hooks for module in model)
    assert [m.inplace for m in model if isinstance(m, nn.ReLU)] == [True, True]
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


# --- models whose maps can be computed by hand


def test_gradients_of_a_linear_model_are_its_weights() -> None:
    model = Linear(3 * 8 * 8, classes=3)
    images = smooth_images(2, (8, 8))
    weight = model.weight.float()[:, 1].reshape(3, 8, 8)
    smooth = attribution("SmoothGrad", model, images, 1)
    torch.testing.assert_close(smooth, weight.abs().sum(0).expand(2, -1, -1))
    difference = images - images.mean((2, 3), keepdim=True)
    integrated = attribution("integrated gradients", model, images, 1)
    expected = (difference * weight).abs().sum(1)
    torch.testing.assert_close(integrated, expected, atol=1e-5, rtol=1e-3)


def test_wavelet_gradients_of_a_linear_model_are_the_haar_coefficients_of_its_weights() -> None:
    model = Linear(3 * 8 * 8, classes=3)
    weight = model.weight.detach().float()[:, 1].reshape(3, 8, 8).mean(0)
    maps = attribution("wavelet gradients", model, smooth_images(1, (8, 8)), 1)[0]
    expected = np.zeros((8, 8))
    _, *levels = pywt.wavedec2(weight.double().numpy(), "haar", level=3)
    for details in levels:
        for detail in details:
            shares = torch.from_numpy(abs(detail) / abs(detail).max())[None, None]
            wide = nn.functional.interpolate(shares, (8, 8), mode="bilinear", align_corners=False)
            expected += wide[0, 0].numpy()
    np.testing.assert_allclose(maps.numpy(), expected, atol=1e-4)


def test_gradcam_by_hand() -> None:
    class Two(nn.Module):
        """Two channels, brightness and its negative, that are read with weights 2 and 1."""

        def __init__(self) -> None:
            super().__init__()
            self.features = nn.AvgPool2d(4)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            grey = self.features(images.mean(1, keepdim=True))
            means = torch.cat([grey, -grey], 1).mean((2, 3))
            return means @ torch.tensor([[2.0, 0.0], [1.0, 3.0]])

    images = smooth_images(1, (16, 16))
    coarse = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4)
    expected = nn.functional.interpolate(coarse, (16, 16), mode="bilinear", align_corners=False)
    maps = attribution("GradCAM", Two(), images, 0)  # gradient 2 - 1 over 16 positions
    torch.testing.assert_close(maps, expected[:, 0] / 16)
    assert not attribution("GradCAM", Two(), images, 1).any()  # gradient -3: no evidence for it


def test_shapley_values_of_an_additive_model_are_its_terms() -> None:
    model = Linear(3 * 16 * 16, classes=2)
    images = smooth_images(1, (16, 16))
    relevance = attribution("KernelSHAP", model, images, 0)[0]
    difference = (images - images.mean((2, 3), keepdim=True))[0]
    weight = model.weight.detach().float()[:, 0].reshape(3, 16, 16)
    terms = (difference * weight).sum(0)
    values = sorted(set(relevance.flatten().tolist()))
    assert 2 <= len(values) <= 60
    for value in filter(None, values):  # a superpixel's value is the sum of its pixels' terms
        assert float(terms[relevance == value].sum()) == pytest.approx(value, rel=0.02, abs=1e-3)


@pytest.mark.parametrize("kind", ["noise", "uniform", "small", "grey"])
def test_superpixels_are_many_whatever_the_image(kind: str) -> None:
    images = {
        "noise": torch.rand(1, 3, 64, 64, generator=seeded(0)),
        "uniform": torch.full((1, 3, 64, 64), 0.5),
        "small": smooth_images(1, (4, 5)),
        "grey": smooth_images(1, channels=1),
    }[kind]
    model = Linear(images[0].numel(), classes=2)
    maps = attribution("KernelSHAP", model, images, 0)
    assert maps.shape == (1, *images.shape[-2:])
    if kind == "uniform":  # the mean colour replaces itself
        assert maps.abs().max() < 1e-4
    else:
        assert len(set(maps.flatten().tolist())) >= 4


def test_guided_backprop_lets_no_negative_gradient_through_a_relu() -> None:
    linear = nn.Linear(12, 2, bias=False)
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), linear).eval()
    images = torch.rand(1, 3, 2, 2, generator=seeded(0))
    weight = linear.weight[1].reshape(3, 2, 2)
    maps = attribution("guided backprop", model, images, 1)
    torch.testing.assert_close(maps[0], weight.clamp_min(0).sum(0).detach())


def test_trained_networks_are_explained_by_their_objects() -> None:
    scenes = draw_scenes(4, seed=5)
    covered = scenes.object_masks.float().mean((1, 2))
    for classifier in ("sample/cnn", "sample/vit"):
        maps = attribution("integrated gradients", classifier, scenes.images)
        assert bool((share_inside(maps, scenes.object_masks) > 2 * covered).all()), classifier


# --- networks of other families, with random weights


def random_model(make: Callable[..., nn.Module], *arguments: Any, **options: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*arguments, **options).eval()


def test_convolutional_families() -> None:
    vgg = random_model(torchvision.models.vgg16, weights=None, num_classes=7, init_weights=False)
    resnet = random_model(torchvision.models.resnet18, weights=None, num_classes=7)
    convnext = random_model(timm.create_model, "convnext_atto", num_classes=7)
    images = smooth_images(1, (64, 64))
    for model in (vgg, resnet, convnext):
        maps = attribution("GradCAM", model, images)
        assert maps.shape == (1, 64, 64)
    assert attribution("guided backprop", resnet, images).any()
    with pytest.raises(ClassifierError, match="ConvNeXt: it changes how gradients pass"):
        attribution("guided backprop", convnext, images)
    with pytest.warns(UserWarning, match="left out: guided backprop does not apply to ConvNeXt"):
        assert "guided backprop" not in attributions(convnext, images)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_gradcam_does_not_apply_to_transformers(name: str) -> None:
    model = random_model(timm.create_model, name, num_classes=7)
    with pytest.raises(ClassifierError, match="made from tokens"):
        attribution("GradCAM", model, smooth_images(1, (224, 224)))


class SpatialAttention(nn.Module):
    """A map of weights, as in convolutional block attention; no token attends to another."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), 1)
        weights: Tensor = self.conv(pooled).sigmoid()
        return x * weights


def test_gradcam_goes_by_what_a_network_does_and_not_by_names() -> None:
    network = relu_cnn()
    network.insert(1, SpatialAttention())
    maps = attribution("GradCAM", network, IMAGES)
    assert maps.shape == (len(IMAGES), *IMAGES.shape[-2:])


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_network_loses_only_the_methods_that_do_not_apply() -> None:
    network = torch.jit.trace(relu_cnn().eval(), IMAGES[:1])
    with pytest.warns(UserWarning, match="left out"):
        maps = attributions(network, IMAGES[:1])
    assert {"integrated gradients", "SmoothGrad", "KernelSHAP"} <= set(maps)


def test_baselines_go_through_the_same_curves() -> None:
    pixels = Pixels(32)
    rankings = {
        name: Ranking(pixels, attribution(name, relu_cnn(), IMAGES))
        for name in ("SmoothGrad", "KernelSHAP")
    }
    curves = rate_distortion_curves(relu_cnn(), IMAGES, rankings, percent=(0, 50, 100), draws=2)
    for curve in curves.values():
        assert float(curve.at(100).max()) == pytest.approx(0, abs=1e-6)


def test_all_baselines_that_apply_are_computed() -> None:
    maps = attributions(relu_cnn(), IMAGES, [0, 3], seed=1)
    assert tuple(maps) == NAMES
    for name in NAMES:
        assert torch.equal(maps[name], attribution(name, relu_cnn(), IMAGES, [0, 3], seed=1))


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown baseline 'LRP'; one of integrated gradients"):
        attribution("LRP", relu_cnn(), IMAGES)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="target"):
        attribution("SmoothGrad", relu_cnn(), IMAGES, 5)
    with pytest.raises(ClassifierError, match="no feature map"):
        attribution("GradCAM", Linear(3 * 32 * 32), IMAGES)
    with pytest.raises(ValueError, match="seeds"):
        attribution("SmoothGrad", rcx.load_classifier(tiny_cnn()), IMAGES, seed=[1])


@pytest.mark.parametrize(("module", "package"), [("captum", "captum"), ("skimage", "scikit-image")])
def test_the_missing_extra_is_named(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"other methods need {package}: pip install 'rcx\[baselines\]'"
    with pytest.raises(RuntimeError, match=message):
        check_applies("SmoothGrad", rcx.load_classifier(tiny_cnn()), IMAGES)
    with pytest.raises(RuntimeError, match=message):
        attributions(tiny_cnn(), IMAGES)
