"""The class that is explained: given by an index or by a name, or the predicted one."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rcx.classifiers.class_names import index_by_name, similar_names
from rcx.classifiers.classifier import Classifier

Target = int | str | Sequence[int] | Sequence[str] | npt.NDArray[Any] | Tensor | None
"""Classes to explain, as one index or name for all images, or one for each. None means the
predicted classes."""


def checked_targets(target: Target, logits: Tensor, classifier: Classifier) -> Tensor:
    """Return the index of the class to explain for each image.

    Parameters
    ----------
    target : int, str, sequence of int or str, array, Tensor or None
        As `Target` says. What is no text must be of an integer type.
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
        If the target names no class, has no whole numbers, or is neither one class nor N of them,
        and if None is given for several scores.
    """
    count, classes = logits.shape
    if target is None:
        if classifier.meaning.kind == "score" and classes > 1:
            raise ValueError(
                f"{classifier.name} returns {classes} scores for an image: name one by target"
            )
        return logits.argmax(1)
    values = _values(target, count, classes)
    indices = [_index(value, classes, classifier) for value in values]
    if not _is_single(target) and len(indices) != count:
        raise ValueError(
            f"target must be one class or {count}, one for each image, got {len(indices)}"
        )
    return torch.tensor(indices, dtype=torch.int64, device=logits.device).expand(count)


def class_index(classifier: Classifier, name: str) -> int:
    """Return the index of the class that a name or a number means.

    Parameters
    ----------
    classifier : Classifier
        The classifier with the ``class_names``.
    name : str
        The name of a class, in any case and with ``_`` or ``-`` in place of spaces, or an index in
        decimal digits. Of several synonyms, as in ``"tabby, tabby cat"``, each names the class. A
        class of ImageNet is also named by its WordNet id, such as ``"n02123045"``.

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
    index_of_name = index_by_name(names, name)
    if index_of_name is None:
        hint = " or ".join(map(repr, similar_names(names, name)))
        raise ValueError(
            f"unknown class {name!r} of {classifier.name}"
            + (f"; did you mean {hint}?" if hint else f": give a name or 0 to {len(names) - 1}")
        )
    return index_of_name


def _is_single(target: object) -> bool:
    """Whether a target is one class for all images, and no list."""
    if isinstance(target, Tensor | np.ndarray):
        return target.ndim == 0
    return isinstance(target, str | bytes) or not isinstance(target, Sequence)


def _values(target: Any, count: int, classes: int) -> list[Any]:
    """List the classes of a target, each as it was given."""
    if isinstance(target, Tensor) and target.is_meta:
        raise ValueError("target is on the device meta and has no values; use device='cpu'")
    if _is_single(target):
        return [target.item() if isinstance(target, Tensor | np.ndarray) else target]
    shape = tuple(getattr(target, "shape", (len(target),)))
    if len(shape) > 1:
        remedy = "; of one-hot labels, take .argmax(1)" if shape == (count, classes) else ""
        raise ValueError(f"target must be one class or {count}, got the shape {shape}{remedy}")
    return target.tolist() if isinstance(target, Tensor | np.ndarray) else list(target)


def _index(value: Any, classes: int, classifier: Classifier) -> int:
    """Return the index of one class."""
    if isinstance(value, str):
        index = class_index(classifier, value)
    elif isinstance(value, bool | np.bool_):
        raise ValueError(f"target must be an index or a name, but {value} is a truth value")
    else:
        value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
        try:
            index = operator.index(value)
        except TypeError:
            kind = f"{value!r} ({type(value).__name__})"
            raise ValueError(f"target must be names or whole numbers, got {kind}") from None
    if not 0 <= index < classes:
        raise ValueError(f"target must be from 0 to {classes - 1}, got {value!r}")
    return index
