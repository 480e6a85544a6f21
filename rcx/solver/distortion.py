"""Measures of how far the classifier's answer moves."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

DistortionMeasure = Literal["relative", "probability", "l2", "kl", "maximise-target"]
"""Names of the distortion measures, which `rcx.solver.distortion` describes."""

LEAST_PROBABILITY = 1e-6
"""The relative distortion divides by a probability of at least this, so that it stays finite."""


def check_measure(measure: str) -> None:
    """Raise ValueError unless the measure is one of `DistortionMeasure`."""
    if measure not in get_args(DistortionMeasure):
        raise ValueError(
            f"unknown distortion {measure!r}; one of {', '.join(get_args(DistortionMeasure))}"
        )


def distortion(
    measure: DistortionMeasure, logits: Tensor, reference: Tensor, target: Tensor
) -> Tensor:
    """Measure how far obfuscations move the classifier's answers.

    Write ``q`` for the class probabilities of an obfuscation, ``p`` for those of its image, and
    ``c`` for the explained class.

    ``"relative"``
        ``((q[c] - p[c]) / p[c])**2``, the default of the explainers. It is 1 where ``q[c]`` is 0,
        however sure the classifier was of the image, so that one lambda serves all images.
    ``"probability"``
        ``(q[c] - p[c])**2``, as published for CartoonX. It is ``p[c]**2`` where ``q[c]`` is 0, so
        that an unsure image has little to lose, and its optimum can be the empty mask.
    ``"l2"``
        The Euclidean distance between ``q`` and ``p``, as in Figure 3 of the report.
    ``"kl"``
        The Kullback-Leibler divergence ``sum(q * log(q / p))``.
    ``"maximise-target"``
        ``(1 - q[c])**2``.

    Parameters
    ----------
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        One of the above.
    logits : Tensor
        ``(N, L, classes)``, the answers to L obfuscations of each of N images.
    reference : Tensor
        ``(N, classes)``, the answers to the images themselves, as logits.
    target : Tensor
        ``(N,)`` int64, the explained classes.

    Returns
    -------
    Tensor
        ``(N, L)``, not negative.

    References
    ----------
    CartoonX, ECCV 2022, Section 3, for ``"probability"``.
    """
    if measure == "kl":
        log_probabilities = logits.log_softmax(-1)
        log_originals = reference.log_softmax(-1)[:, None]
        return (log_probabilities.exp() * (log_probabilities - log_originals)).sum(-1)
    probabilities = logits.softmax(-1)
    if measure == "l2":
        changes = probabilities - reference.softmax(-1)[:, None]
        distance: Tensor = torch.linalg.vector_norm(changes, dim=-1)
        return distance
    index = target[:, None]
    original = reference.softmax(-1).gather(1, index)
    indices = index[..., None].expand(-1, probabilities.shape[1], 1)
    probability = probabilities.gather(-1, indices).squeeze(-1)
    if measure == "maximise-target":
        return (probability - 1).square()
    change = probability - original
    if measure == "relative":
        change = change / original.clamp_min(LEAST_PROBABILITY)
    return change.square()


def steadied(measure: DistortionMeasure, distances: Tensor) -> Tensor:
    """Return distances whose gradient no single noise sample dominates.

    The relative distortion of an unsure answer has no narrow bound: where noise makes a class of
    probability 0.1 certain, it is 81, and that one sample would outweigh all others. Above 1, the
    square ``r**2`` therefore becomes ``2 * r - 1``, as in Huber's loss [1]_. Below 1 nothing
    changes, so that answers with a probability of at least a half are never affected. Other
    measures are returned as they are.

    Parameters
    ----------
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        The measure that the distances are of.
    distances : Tensor
        ``(N, L)``, from `distortion`.

    Returns
    -------
    Tensor
        ``(N, L)``.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
       Statistics, 1964.
    """
    if measure != "relative":
        return distances
    return torch.where(distances <= 1, distances, 2 * distances.clamp_min(1).sqrt() - 1)
