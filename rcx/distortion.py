"""How far the classifier's answer moved."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

DistortionMeasure = Literal["probability", "l2", "kl", "maximise-target"]


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
    measure : {"probability", "l2", "kl", "maximise-target"}
        ``"probability"``: squared difference in the explained class's probability, CartoonX's
        default. ``"l2"``: Euclidean distance between the probability vectors, the report's measure
        in its Figure 3. ``"kl"``: Kullback-Leibler divergence of the obfuscation's probabilities
        from the image's. ``"maximise-target"``: squared distance of the explained class's
        probability from 1.
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
    wanted = 1.0 if measure == "maximise-target" else reference.softmax(-1).gather(1, index)
    chosen = moved.gather(-1, index[..., None].expand(-1, moved.shape[1], 1)).squeeze(-1)
    return (chosen - wanted).square()
