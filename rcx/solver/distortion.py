"""Measures of how far the classifier's answer moves."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rcx.classifiers.answers import CLASSES, Meaning

DistortionMeasure = Literal["relative", "probability", "l2", "kl", "maximise-target"]
"""Names of the distortion measures, which `rcx.solver.distortion` describes."""

LEAST_PROBABILITY = 1e-6
"""The relative distortion divides by at least this, so that it stays finite."""


def check_measure(measure: str, meaning: Meaning = CLASSES) -> None:
    """Raise ValueError unless the measure is one of `DistortionMeasure` and fits the answer."""
    if measure not in get_args(DistortionMeasure):
        raise ValueError(
            f"unknown distortion {measure!r}; one of {', '.join(get_args(DistortionMeasure))}"
        )
    if measure == "kl" and meaning.kind != "softmax":
        raise ValueError("the distortion 'kl' compares classes that exclude each other")
    if measure == "maximise-target" and meaning.kind == "score":
        raise ValueError("the distortion 'maximise-target' is for probabilities, not for scores")


def distortion(
    measure: DistortionMeasure,
    logits: Tensor,
    reference: Tensor,
    target: Tensor,
    meaning: Meaning = CLASSES,
) -> Tensor:
    """Measure how far obfuscations move the classifier's answers.

    Write ``q`` for the probabilities of an obfuscation, ``p`` for those of its image, and ``c`` for
    the explained class. Where the answer is scores, ``q`` and ``p`` are these.

    ``"relative"``
        ``((q[c] - p[c]) / p[c])**2``, the default of the explainers. It is 1 where ``q[c]`` is 0,
        however sure the classifier was of the image, so that one lambda serves all images.
    ``"probability"``
        ``(q[c] - p[c])**2``, as published for CartoonX. It is ``p[c]**2`` where ``q[c]`` is 0, so
        that an unsure image has little to lose, and its optimum can be the empty mask.
    ``"l2"``
        The Euclidean distance between ``q`` and ``p``, as in Figure 3 of the report.
    ``"kl"``
        The Kullback-Leibler divergence ``sum(q * log(q / p))``, for classes only.
    ``"maximise-target"``
        ``(1 - q[c])**2``, for probabilities only.

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
    meaning : Meaning
        How logits become scores, by default those of classes, and what a relative distortion
        divides by.

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
    scores, originals = meaning.scores(logits), meaning.scores(reference)
    if measure == "l2":
        distance: Tensor = torch.linalg.vector_norm(scores - originals[:, None], dim=-1)
        return distance
    index = target[:, None]
    original = originals.gather(1, index)
    indices = index[..., None].expand(-1, scores.shape[1], 1)
    score = scores.gather(-1, indices).squeeze(-1)
    if measure == "maximise-target":
        return (score - 1).square()
    change = score - original
    if measure == "relative":
        change = change / meaning.sizes(original).clamp_min(LEAST_PROBABILITY)
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
