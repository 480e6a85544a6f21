"""Errors name the argument that does not fit, or the image at which the classifier fails."""

from typing import Any

import pytest
import torch
from explainers import METHODS, Method, assert_same_bits, cartoonx, every_method, pixel_rde
from helpers import smooth_images, tiny_cnn
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn
from torchvision import tv_tensors

import rcx
from rcx.classifiers.answers import ClassifierError


@pytest.mark.parametrize("lambda_k", [-1, -1e-9, float("nan"), float("inf")])
@every_method
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
        ({"device": "abacus"}, ValueError, "abacus"),
        ({"lamda": 3}, TypeError, "lamda"),
    ],
)
@every_method
def test_options_that_make_no_sense(
    method: Method, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        method(tiny_cnn(), **options)


def test_unknown_classifiers() -> None:
    with pytest.raises(ValueError, match="unknown"):
        rcx.CartoonX("sample/nothing")
    with pytest.raises(TypeError, match="name or a torch module"):
        rcx.PixelRDE(3)  # type: ignore[arg-type]


def images_with(value: float) -> Tensor:
    """Images of which the second has a pixel of this value."""
    images = smooth_images(3)
    images[1, 0, 5, 5] = value
    return images


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.01, 1.01, 255.0])
@every_method
def test_images_out_of_range_are_named(method: Method, value: float) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\] and without NaN, image 1 is not"):
        method(tiny_cnn()).explain(images_with(value))


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
        (torch.zeros(2, 24, 24, 3), ValueError, r"channels last; use images.permute\(0, 3, 1, 2\)"),
        (torch.zeros(24, 24, 4), ValueError, r"channels last; use images.permute\(2, 0, 1\)"),
        (torch.zeros(1, 24, 24, 1), ValueError, "channels last"),
        (torch.zeros(1, 3, 24, 24, dtype=torch.uint8), TypeError, "use images / 255"),
        (torch.zeros(1, 3, 24, 24).numpy(), TypeError, "use torch.from_numpy"),
        ([torch.zeros(3, 24, 24)], TypeError, "use torch.stack"),
        (Image.new("RGB", (24, 24)), TypeError, "to_tensor"),
        ("dog.jpg", TypeError, "got str; rcx.load_images reads files"),
        (torch.zeros(1, 3, 24, 24, device="meta"), ValueError, "on the device meta"),
        (torch.zeros(1, 3, 24, 24).to_sparse(), ValueError, "dense tensor"),
        (torch.zeros(1, 3, 24, 24, dtype=torch.complex64), TypeError, "got torch.complex64"),
    ],
)
@every_method
def test_values_that_are_no_batch_of_images(
    method: Method, images: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        method(tiny_cnn()).explain(images)


def test_images_that_only_lie_differently_in_memory_are_the_same_bits() -> None:
    images = smooth_images(2)
    explainer = cartoonx(tiny_cnn())
    expected = explainer.explain(images)
    for same in (
        images.double(),
        images.clone().requires_grad_(),
        images.transpose(2, 3).contiguous().transpose(2, 3),
        images.contiguous(memory_format=torch.channels_last),
        torch.nn.Parameter(images),
        tv_tensors.Image(images),
    ):
        assert_same_bits(explainer.explain(same), expected)
    for dtype in (torch.float16, torch.bfloat16):
        rounded = images.to(dtype)
        assert_same_bits(explainer.explain(rounded), explainer.explain(rounded.float()))
    repeated = images[:1].expand(2, -1, -1, -1)
    assert_same_bits(explainer.explain(repeated), explainer.explain(repeated.clone()))


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
@every_method
def test_targets_that_do_not_fit(method: Method, target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        method(tiny_cnn()).explain(smooth_images(3), target)


def test_images_too_small_for_the_wavelets() -> None:
    explainer = cartoonx(tiny_cnn(), levels=5)
    with pytest.raises(ValueError, match="levels must be a whole number from 1 to 0 for db3 on 4"):
        explainer.explain(smooth_images(1, (4, 40)))
    with pytest.raises(ValueError, match="unknown wavelet"):
        cartoonx(tiny_cnn(), wavelet="cartoon").explain(smooth_images(1))


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_starting_masks_for_other_images(rows: int) -> None:
    start = torch.ones(rows, 24 * 24)
    with pytest.raises(ValueError, match="a starting mask must have the shape"):
        pixel_rde(tiny_cnn(), start=start).explain(smooth_images(3))


def test_a_starting_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match="a starting mask must have the shape"):
        pixel_rde(tiny_cnn(), start=torch.ones(100)).explain(smooth_images(1))


class NanAnswers(nn.Module):
    """A classifier that answers NaN to images with a pixel of at least a brightness."""

    def __init__(self, model: nn.Module, brightest: float) -> None:
        super().__init__()
        self.model, self.brightest = model, brightest

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits.where(images.amax((1, 2, 3))[:, None] < self.brightest, torch.nan)


@every_method
def test_a_classifier_that_answers_nan_is_named(method: Method) -> None:
    with pytest.raises(
        ClassifierError, match="NanAnswers returned NaN or infinite logits for image 0"
    ):
        method(NanAnswers(tiny_cnn(), 0.5)).explain(smooth_images(2))


# noise of shearlets is too weak to be brighter than an image
@pytest.mark.parametrize("method", METHODS[:-1])
def test_a_classifier_that_answers_nan_to_obfuscations_is_named(method: Method) -> None:
    with pytest.raises(ClassifierError, match="NaN or infinite logits"):
        method(NanAnswers(tiny_cnn(), 1.01), start="random", clamp=False).explain(smooth_images(2))


@pytest.mark.parametrize("brightest", [0.6, 1.01])
def test_the_image_that_a_classifier_fails_at_is_counted_in_the_whole_batch(
    brightest: float,
) -> None:
    images = torch.cat([torch.full((2, 3, 24, 24), 0.5), smooth_images(1)])
    failing = NanAnswers(tiny_cnn(), brightest)
    # The third image itself is too bright, or its obfuscations are.
    explainer = pixel_rde(failing, start="random", clamp=False, batch_size=1)
    with pytest.raises(ClassifierError, match="image 2"):
        explainer.explain(images)


def test_settings_of_the_solver_are_checked() -> None:
    with pytest.raises(ValidationError, match="steps"):
        rcx.SolverSettings(steps=-1)
