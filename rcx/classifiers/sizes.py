"""What fits a classifier: the size of its images, the class that a word names, a device."""

from __future__ import annotations

import copy

import torch

from rcx.classifiers.classifier import Classifier, ClassifierError

STUDY_SIZE = 256
"""Height and width of the published study's images."""


def image_size(classifier: Classifier, size: int | None = None) -> int:
    """Height and width at which a classifier's images are explained.

    Parameters
    ----------
    classifier : Classifier
        Stays as it is; a copy is asked whether it takes images of a size.
    size : int, optional
        The size that is wanted. By default the study's 256, which is somewhat more than the 224
        that most networks are made for. Networks made for images below 224 get their own size, and
        so do those that take no other, as most vision transformers.

    Returns
    -------
    int

    Raises
    ------
    ClassifierError
        If the classifier cannot take images of the wanted size.
    """
    made_for = classifier.input_size
    if size is not None:
        _try(classifier, size)
        return size
    if made_for is not None and made_for < 224:
        return made_for
    try:
        _try(classifier, STUDY_SIZE)
    except ClassifierError:
        return made_for or STUDY_SIZE
    return STUDY_SIZE


@torch.no_grad()
def _try(classifier: Classifier, size: int) -> None:
    copied = copy.deepcopy(classifier).eval()
    copied(torch.full((1, 3, size, size), 0.5))
