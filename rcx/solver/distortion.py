"""How far the classifier's answer moved."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

DistortionMeasure = Literal["relative", "probability", "l2", "kl", "maximise-target"]


LEAST_PROBABILITY = 1e-6
"""A class that is less probable is taken to be as probable as this in the relative distortion."""


def check_measure(measure: str) -> None:
    """Raise ValueError unless the measure is one of `DistortionMeasure`."""
    if measure not in get_args(DistortionMeasure):
        raise ValueError(
            f"unknown distortion {measure!r}; one of {', '.join(get_args(DistortionMeasure))}"
        )


def distortion(
    measure: DistortionMeasure, logits: Tensor, reference: Tensor, target: Tensor
) -> Tensor:
    """Distortion of each obfuscation.

    Parameters
    ----------
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        ``"relative"``: squared change of the explained class's probability, as a share of its
        probability for the image; the default. ``"probability"``: the squared change itself, as
        published for CartoonX; it can never exceed the squared probability, so that explanations
        of unsure images cost more than they save. ``"l2"``: Euclidean distance between the
        probability vectors, the report's measure in its Figure 3. ``"kl"``: Kullback-Leibler
        divergence of the obfuscation's probabilities from the image's. ``"maximise-target"``:
        squared distance of the explained class's probability from 1.
    logits : Tensor
        ``(N, L, classes)``, of L obfuscations of each of N images.
    reference : Tensor
        ``(N, classes)``, logits of the images themselves.
    target : Tensor
        ``(N,)`` int64, the explained classes.

    Returns
    -------
    Tensor
        ``(N, L)``, not negative.
    """
    if measure == "kl":
        log_moved = logits.log_softmax(-1)
        log_original = reference.log_softmax(-1)[:, None]
        return (log_moved.exp() * (log_moved - log_original)).sum(-1)
    moved = logits.softmax(-1)
    if measure == "l2":
        return torch.linalg.vector_norm(moved - reference.softmax(-1)[:, None], dim=-1)
    index = target[:, None]
    expected = reference.softmax(-1).gather(1, index)
    wanted = torch.ones_like(expected) if measure == "maximise-target" else expected
    chosen = moved.gather(-1, index[..., None].expand(-1, moved.shape[1], 1)).squeeze(-1)
    change = chosen - wanted
    return (
        change / expected.clamp_min(LEAST_PROBABILITY) if measure == "relative" else change
    ).square()
