"""Precisions in which a device passes images through the network, timed and checked by the CPU."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.devices import usable_device
from rcx.evaluate.timings import timed
from rcx.explain.cartoonx import CartoonX
from rcx.solver.settings import SolverSettings

_CHECKED = 2  # images that the CPU explains too, as it needs seconds for each
_BEGUN = 2  # steps of the run that does not count
_PUBLISHED_STEPS = 5


class _Precision(NamedTuple):
    """The precision of the network. Masks and transforms stay in single precision."""

    dtype: torch.dtype = torch.float32
    tf32: bool = False


_PRECISIONS = {
    "float32": _Precision(),
    "TF32": _Precision(tf32=True),
    "bfloat16": _Precision(torch.bfloat16),
}


class _Network(nn.Module):
    """A network that computes in a precision, and answers in single precision."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, images: Tensor) -> Tensor:
        lower = self.dtype != torch.float32
        with torch.autocast(images.device.type, self.dtype, enabled=lower):
            logits: Tensor = self.network(images)
        return logits.float()


def device_timings(
    classifier: Classifier, images: Tensor, device: str | torch.device = "cuda", *, seed: int = 0
) -> pd.DataFrame:
    """Time CartoonX on a device in several precisions, and compare its losses with the CPU's.

    Parameters
    ----------
    classifier : Classifier
        The classifier.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    device : str or torch.device
        The device.
    seed : int
        Seed of the noise, which is the same for all precisions and on the CPU.

    Returns
    -------
    DataFrame
        A row for the published solver, extrapolated from a few of its steps, and one for the
        default solver in each precision of the network. ``seconds`` are per image, after a run
        that does not count, and ``ratio`` is how many times faster than the first row a row is.
        ``difference`` is the mean absolute difference between the losses of the first two images
        and those on the CPU.

    Raises
    ------
    ValueError
        If the device cannot be used here.
    """
    hardware = usable_device(device)
    published, default = SolverSettings.preset("published"), CartoonX.default_solver
    few = published.model_copy(update={"steps": _PUBLISHED_STEPS})
    begun = default.model_copy(update={"steps": _BEGUN})
    seconds = timed(CartoonX(classifier, solver=few, device=hardware, seed=seed), images)[1]
    rows = {"published solver, float32": {"seconds": seconds * published.steps / few.steps}}
    checked = images[:_CHECKED]
    expected = CartoonX(classifier, device="cpu", seed=seed).explain(checked).loss
    for name, precision in _PRECISIONS.items():
        network = copy.copy(classifier)
        network._modules = {"model": _Network(classifier.model, precision.dtype)}
        with _tf32(precision.tf32):
            timed(CartoonX(network, solver=begun, device=hardware, seed=seed), images)
            explanation, seconds = timed(CartoonX(network, device=hardware, seed=seed), images)
        rows[name] = {
            "seconds": seconds,
            "loss": float(explanation.loss.mean()),
            "label kept": float(explanation.label_kept.float().mean()),
            "difference": float((explanation.loss[:_CHECKED] - expected).abs().mean()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(1, "ratio", table["seconds"].iloc[0] / table["seconds"])
    return table


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 in products and convolutions, and put back what was set."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
