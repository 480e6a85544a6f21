"""What a start network learns from: images with their evidence, and masks of explanations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rcx.solver.objective import Objective
from rcx.starts.evidence import StartSettings, gather_evidence


class SolvedMasks(NamedTuple):
    """Masks that the solver found for N images.

    Attributes
    ----------
    masks : Tensor
        ``(N, K)`` in [0, 1], in any floating-point precision.
    lambda_k : Tensor
        ``(N,)``, the trade-offs that they were found for.
    """

    masks: Tensor
    lambda_k: Tensor

    @property
    def fingerprint(self) -> str:
        """Hash of the masks, which tells trainings apart."""
        return hashlib.sha256(self.masks.half().numpy().tobytes()).hexdigest()


class TrainingData(NamedTuple):
    """Images to learn from, with the evidence for each, in a form that needs little memory.

    Attributes
    ----------
    images : Tensor
        ``(N, C, H, W)`` uint8.
    logits : Tensor
        ``(N, classes)``, the classifier's answers.
    slopes : Tensor
        ``(N, P, K)``, the inverse hyperbolic sine of the slopes, in half precision.
    distortions : Tensor
        ``(N, P)``, distortions at the probes.
    """

    images: Tensor
    logits: Tensor
    slopes: Tensor
    distortions: Tensor


def gather_data(
    images: Tensor,
    objective_of: Callable[[Tensor], Objective],
    settings: StartSettings,
    generator: torch.Generator,
    batch_size: int,
    report: Callable[[int, int, float], None],
) -> TrainingData:
    """Gather the evidence of every image once, because it costs more than a training step.

    Parameters
    ----------
    images : Tensor
        ``(N, C, H, W)`` uint8.
    objective_of : callable
        Makes the objective of some of the images.
    settings : StartSettings
        The probes.
    generator : torch.Generator
        Source of the noise.
    batch_size : int
        Number of images that are looked at together.
    report : callable
        Called with the number of images done, the number of all images, and NaN.
    """
    logits, slopes, distortions = [], [], []
    for start in range(0, len(images), batch_size):
        objective = objective_of(images[start : start + batch_size])
        evidence = gather_evidence(objective, settings, generator)
        logits.append(objective.logits.cpu())
        slopes.append(evidence.slopes.asinh().half().cpu())
        distortions.append(evidence.distortions.cpu())
        report(min(len(images), start + len(objective)), len(images), torch.nan)
    return TrainingData(images, *(torch.cat(parts) for parts in (logits, slopes, distortions)))
