"""Rules that choose which images to look at, so that no eye chooses them."""

from __future__ import annotations

import torch
from torch import Tensor


def doubtful_images(
    probabilities: Tensor, labels: Tensor | None = None, *, first: int, doubtful: int
) -> Tensor:
    """Positions of the first images, followed by those that the classifier is least sure about.

    Parameters
    ----------
    probabilities : Tensor
        ``(N, classes)``, the classifier's answers, as from
        `rcx.classifiers.Classifier.probabilities`.
    labels : Tensor, optional
        ``(N,)``, the true classes. With them, an image is the more doubtful the smaller the
        probability of its true class is, so that misclassified images tend to come first. Without
        them, and where the class is -1, an image is the more doubtful the smaller the probability
        of its predicted class is.
    first : int
        How many images are taken in their order, whatever the classifier answers; at least 0.
    doubtful : int
        How many of the other images are added, the most doubtful one first; at least 0.

    Returns
    -------
    Tensor
        ``(first + doubtful,)`` int64, on the device of the probabilities. No position comes twice.

    Raises
    ------
    ValueError
        If there are fewer images than are asked for, or the labels do not fit the probabilities.
    """
    if probabilities.ndim != 2:
        raise ValueError(
            f"probabilities must have the shape (N, classes), got {tuple(probabilities.shape)}"
        )
    count = len(probabilities)
    if first < 0 or doubtful < 0 or first + doubtful > count:
        raise ValueError(
            f"{first} first and {doubtful} doubtful images cannot be taken from {count} images"
        )
    if labels is None:
        certainty = probabilities.amax(1)
    elif labels.shape == (count,):
        labels = labels.to(probabilities.device)
        of_truth = probabilities.gather(1, labels.clamp_min(0)[:, None])[:, 0]
        certainty = torch.where(labels < 0, probabilities.amax(1), of_truth)
    else:
        raise ValueError(f"{tuple(labels.shape)} labels do not fit {count} images")
    others = first + certainty[first:].argsort(stable=True)[:doubtful]
    return torch.cat([torch.arange(first, device=others.device), others])
