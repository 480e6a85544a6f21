"""The class that is explained: given by an index or by a name, or the predicted one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier

Target = int | str | Sequence[int] | Tensor | None
"""Classes to explain, as one index for all images, one for each, or the name of one class for
all images. None means the predicted classes."""


def checked_targets(target: Target, logits: Tensor, classifier: Classifier) -> Tensor:
    """Return the index of the class to explain for each image.

    Parameters
    ----------
    target : int, str, sequence of int, Tensor or None
        As `Target` says.
    logits : Tensor
        ``(N, classes)``, the classifier's answers to the images.
    classifier : Classifier
        The classifier, whose class names are compared with a name.

    Returns
    -------
    Tensor
        ``(N,)`` int64.

    Raises
    ------
    ValueError
        If the target names no class, has no whole numbers, or is neither one class nor N of them.
    """
    count, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    index = class_index(classifier, target) if isinstance(target, str) else target
    indices = torch.as_tensor(index, device=logits.device)
    if indices.is_floating_point() or indices.shape not in ((), (count,)):
        raise ValueError(f"target must be one class or {count}, as whole numbers, got {target!r}")
    if bool(((indices < 0) | (indices >= classes)).any()):
        raise ValueError(f"target must be from 0 to {classes - 1}, got {target!r}")
    return indices.long().expand(count)


def class_index(classifier: Classifier, name: str) -> int:
    """Return the index of the class that a name or a number means.

    Parameters
    ----------
    classifier : Classifier
        The classifier with the ``class_names``.
    name : str
        The name of a class, in any case and with ``_`` or ``-`` in place of spaces, or an index in
        decimal digits.

    Raises
    ------
    ValueError
        If there is no such class. The message names similar classes.
    """
    names = classifier.class_names or ()
    if name.strip().isdecimal():
        index = int(name)
        if names and index >= len(names):
            raise ValueError(
                f"unknown class {index}: {classifier.name} has the classes 0 to {len(names) - 1}"
            )
        return index
    if not names:
        raise ValueError(
            f"unknown class {name!r}: {classifier.name} has no class names, give an index"
        )
    indices: dict[str, int] = {}
    for index, class_name in enumerate(names):
        indices.setdefault(_plain(class_name), index)  # Of two equal names, the first is meant.
    if _plain(name) in indices:
        return indices[_plain(name)]
    similar = difflib.get_close_matches(_plain(name), indices, 3, 0.6)
    hint = " or ".join(repr(names[indices[plain]]) for plain in similar)
    raise ValueError(
        f"unknown class {name!r} of {classifier.name}"
        + (f"; did you mean {hint}?" if hint else f": give a name or 0 to {len(names) - 1}")
    )


def _plain(name: str) -> str:
    """Return a name in lower case and with single spaces between its words."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
