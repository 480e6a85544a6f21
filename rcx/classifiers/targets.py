"""Which class is explained: a name, an index, or the predicted one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier


def checked_targets(target: int | Sequence[int] | Tensor | None, logits: Tensor) -> Tensor:
    """Return the explained classes ``(N,)``, the predicted ones for None, or raise ValueError."""
    count, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    chosen = torch.as_tensor(target, device=logits.device)
    if chosen.is_floating_point() or chosen.shape not in ((), (count,)):
        raise ValueError(f"target must be one class or {count}, as whole numbers, got {target!r}")
    if bool(((chosen < 0) | (chosen >= classes)).any()):
        raise ValueError(f"target must be from 0 to {classes - 1}, got {target!r}")
    return chosen.long().expand(count)


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
