"""Image sizes that fit a classifier."""

from __future__ import annotations

import copy

import torch

from rcx.classifiers.classifier import Classifier, ClassifierError
from rcx.system.isolation import isolated

_STUDY_SIZE = 256  # height and width of the published study's images
_COMMON_SIZE = 224  # height and width that most networks are made for


def image_size(classifier: Classifier, size: int | None = None) -> int:
    """Choose the height and width at which a classifier's images are explained.

    Parameters
    ----------
    classifier : Classifier
        The classifier. A copy of it is asked whether it takes images of a size.
    size : int, optional
        The size that the user asks for. By default, it is the published study's 256, which is
        slightly more than the 224 that most networks are made for. A network that was made for
        smaller images than 224, or that takes no others, gets its own size. Most vision
        transformers take no others.

    Returns
    -------
    int

    Raises
    ------
    ClassifierError
        If the classifier cannot take images of the size that the user asks for.
    """
    made_for = classifier.input_size
    if size is not None:
        _try(classifier, size)
        return size
    if made_for is not None and made_for < _COMMON_SIZE:
        return made_for
    try:
        _try(classifier, _STUDY_SIZE)
    except ClassifierError:
        return made_for or _STUDY_SIZE
    return _STUDY_SIZE


@isolated()
@torch.no_grad()
def _try(classifier: Classifier, size: int) -> None:
    """Pass a grey image of a size through a copy of the classifier."""
    copied = copy.deepcopy(classifier).eval()
    copied(torch.full((1, 3, size, size), 0.5))
