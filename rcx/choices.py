"""What fits a classifier: the size of its images, the class that a word names, a device."""

from __future__ import annotations

import copy
import difflib
from typing import Literal

import torch

from rcx.classifiers import Classifier, ClassifierError
from rcx.text import reason

Baseline = Literal["integrated gradients", "SmoothGrad", "GradCAM", "guided backprop", "KernelSHAP"]
"""Other methods than rcx's own, see `rcx.baselines.attribution`."""

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


def class_index(classifier: Classifier, wanted: str) -> int:
    """Index of the class that a word or a number names.

    Parameters
    ----------
    classifier : Classifier
        Its ``class_names`` are compared, without regard to case, ``_`` and ``-``.
    wanted : str
        A name, or an index in decimal digits.

    Raises
    ------
    ValueError
        If no class is meant; close matches are given.
    """
    names = classifier.class_names or ()
    if wanted.strip().isdecimal():
        index = int(wanted)
        if names and index >= len(names):
            raise ValueError(
                f"unknown class {index}: {classifier.name} has the classes 0 to {len(names) - 1}"
            )
        return index
    if not names:
        raise ValueError(
            f"unknown class {wanted!r}: {classifier.name} has no class names, give an index"
        )
    by_name: dict[str, int] = {}
    for index, name in enumerate(names):
        by_name.setdefault(_plain(name), index)
    if _plain(wanted) in by_name:
        return by_name[_plain(wanted)]
    close = difflib.get_close_matches(_plain(wanted), by_name, 3, 0.6)
    hint = " or ".join(repr(names[by_name[name]]) for name in close)
    raise ValueError(
        f"unknown class {wanted!r} of {classifier.name}"
        + (f"; did you mean {hint}?" if hint else f": give a name or 0 to {len(names) - 1}")
    )


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def usable_device(name: str) -> str:
    """Return a device's name, or ``"auto"``, if it can be used on this machine.

    Raises
    ------
    ValueError
        If torch does not know it or cannot use it.
    """
    if name != "auto":
        try:
            torch.zeros(1, device=name).cpu()
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise ValueError(f"device {name!r} cannot be used here: {reason(error)}") from error
    return name
