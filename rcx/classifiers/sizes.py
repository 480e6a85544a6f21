"""Image sizes that fit a classifier."""

from __future__ import annotations

import copy

import torch

from rcx.classifiers.classifier import Classifier
from rcx.system.isolation import isolated

_COMMON_SIZE = 224  # height and width that most networks are made for


def image_size(classifier: Classifier, size: int | None = None) -> int:
    """Choose the height and width at which a classifier's images are explained.

    Parameters
    ----------
    classifier : Classifier
        The classifier. A copy of it is asked whether it takes images of the size.
    size : int, optional
        The size that the user asks for. By default, it is the one that the classifier was made
        for, or 224 if this is unknown.

    Returns
    -------
    int

    Raises
    ------
    ClassifierError
        If the classifier cannot take images of the size that the user asks for.
    """
    if size is None:
        return classifier.input_size or _COMMON_SIZE
    _try(classifier, size)
    return size


@isolated()
@torch.no_grad()
def _try(classifier: Classifier, size: int) -> None:
    """Pass a grey image of a size through a copy of the classifier."""
    copied = copy.deepcopy(classifier).eval()
    copied(torch.full((1, classifier.channels, size, size), 0.5))
