"""Explainers with few steps, and comparisons of explanations, which several tests share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rcx
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation

QUICK = rcx.SolverSettings(steps=10, samples=2)
COMMON: dict[str, Any] = {
    "solver": QUICK,
    "device": "cpu",
    "batch_size": 8,
    "evaluation_samples": 8,
}
Method = Callable[..., Explainer]


def cartoonx(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.CartoonX(classifier, lambda_k, **({"levels": 2} | COMMON | options))


def pixel_rde(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.PixelRDE(classifier, lambda_k, **(COMMON | options))


def waveletx(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.WaveletX(classifier, lambda_k, **({"levels": 2} | COMMON | options))


def shearletx(classifier: nn.Module, lambda_k: float = 2.0, **options: Any) -> Explainer:
    return rcx.ShearletX(classifier, lambda_k, **({"shear_levels": (0, 1)} | COMMON | options))


METHODS = (cartoonx, pixel_rde, waveletx, shearletx)
every_method = pytest.mark.parametrize("method", METHODS)


def penalty_of(explainer: Explainer, images: Tensor, mask: Tensor) -> Tensor:
    """The spatial penalty ``(N,)`` of masks, from the definition."""
    representation = explainer.representation(images.shape[-2:])
    grey = representation.analyse(images.mean(1))
    return explainer.spatial_penalty * representation.synthesise(mask * grey).clamp(0, 1).mean(
        (1, 2)
    )


def assert_same_bits(first: Explanation, second: Explanation) -> None:
    for (name, expected), (_, actual) in zip(first.tensors(), second.tensors(), strict=True):
        assert torch.equal(expected, actual), name
    for name, curve in first.history.items():
        # Curves are NaN after an image has stopped.
        torch.testing.assert_close(curve, second.history[name], rtol=0, atol=0, equal_nan=True)


def assert_same_rows(batch: Explanation, row: int, alone: Explanation, atol: float) -> None:
    """Assert equality up to the rounding that depends on the size of a batch."""
    for name, values in batch.tensors():
        in_batch, single = values[row], dict(alone.tensors())[name][0]
        if in_batch.is_floating_point():
            torch.testing.assert_close(
                in_batch, single, atol=atol, rtol=1e-3, msg=f"{name} differs"
            )
        else:
            assert torch.equal(in_batch, single), name
