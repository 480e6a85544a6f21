"""Explainers with few steps, and comparisons of explanations, that the tests of explainers share."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import rcx
from rcx.explain.explanation import Explanation

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
