"""The names of a classifier's classes, and which of them a text means."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Iterable, Mapping, Sequence

from rcx.images.imagenet import imagenet_labels

ClassNames = Iterable[str] | Mapping[int, str] | Mapping[str, str]
"""Names of classes in the order of their indices, or by index as in ``{0: "cat", 1: "dog"}``."""

_LEAST_ALIKE = 0.9  # share of the names that stand in the labels of ImageNet, if they are its own


def checked_class_names(class_names: ClassNames) -> tuple[str, ...]:
    """Return names of classes in the order of their indices.

    Parameters
    ----------
    class_names : iterable of str, or mapping of int or str to str
        The names in order, or by index. An index may be written as text, as JSON has it.

    Raises
    ------
    TypeError
        If it is one text, or a name is no text.
    ValueError
        If there is no name, or the indices of a mapping are not 0, 1, 2 and so on.
    """
    if isinstance(class_names, str | bytes | os.PathLike):
        raise TypeError(
            f"class_names must be a list with a name for each class, not one text {class_names!r}; "
            "write ['cat', 'dog'], or text.split(',') for names with commas between them"
        )
    if isinstance(class_names, Mapping):
        class_names = _in_order(class_names)
    elif not isinstance(class_names, Iterable) or isinstance(class_names, set | frozenset):
        kind = type(class_names).__name__
        raise TypeError(f"class_names must be a list with a name for each class, not a {kind}")
    names = list(class_names)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"class_names must be texts, but that of class {index} is {name!r}")
    if not names:
        raise ValueError("class_names is empty: give a name for each class, or leave it out")
    return tuple(map(str, names))  # numpy's texts as Python's


def _in_order(class_names: Mapping[int, str] | Mapping[str, str]) -> list[str]:
    """List the names of a mapping in the order of their indices."""
    names: dict[int, str] = {}
    for key, name in class_names.items():
        try:
            index = int(key)
        except (TypeError, ValueError):
            raise ValueError(
                f"class_names must be a list or map indices to names, but {key!r} is no index; "
                "turn a mapping of names to indices around: {index: name for name, index in ...}"
            ) from None
        if isinstance(key, float) or index in names:
            raise ValueError(f"class_names must name each class once, by its index, not {key!r}")
        names[index] = name
    missing = [index for index in range(len(names)) if index not in names]
    if missing:
        raise ValueError(
            f"class_names has {len(names)} names, but none for class {missing[0]}; "
            f"give a name for each class from 0 to {len(names) - 1}"
        )
    return [names[index] for index in range(len(names))]


def index_by_name(names: tuple[str, ...], name: str) -> int | None:
    """Find the class that a text means, or return None.

    The case matters only where it tells two names apart, and ``_`` and ``-`` stand for spaces. A
    name of several synonyms, such as ``"tabby, tabby cat"``, is found whole and by each of them.
    Where the names are those of ImageNet, a class is also found by its WordNet id and by all its
    synonyms.

    Parameters
    ----------
    names : tuple of str
        The names of all classes.
    name : str
        The text.

    Raises
    ------
    ValueError
        If the text means several classes.
    """
    if name in names:  # ImageNet has a dog called Cardigan and a cardigan
        return names.index(name)
    indices = _indices(names).get(_plain(name))
    if indices is None:
        labels, own = _labels_indices(names), _indices(names)
        keys = [_plain(part) for part in name.split(",")]
        tables = [labels.get(key) or own.get(key, []) for key in keys]
        indices = [index for index in tables[0] if all(index in table for table in tables)]
    if len(indices) > 1:
        classes = " and ".join(f"{index} ({names[index]})" for index in indices)
        raise ValueError(f"{name!r} means the classes {classes}: give an index")
    return indices[0] if indices else None


def similar_names(names: tuple[str, ...], name: str) -> list[str]:
    """List up to three names of classes that are like a text."""
    plain = {_plain(class_name): class_name for class_name in reversed(names)}
    return [plain[key] for key in difflib.get_close_matches(_plain(name), plain, 3, 0.6)]


@functools.lru_cache(maxsize=8)
def _indices(names: tuple[str, ...]) -> dict[str, list[int]]:
    """List classes by their names and, where no class has that name, by their synonyms."""
    whole: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        whole.setdefault(_plain(name), [index])  # Of two equal names, the first is meant.
    return _by_synonym(names) | whole


@functools.lru_cache(maxsize=8)
def _labels_indices(names: tuple[str, ...]) -> dict[str, list[int]]:
    """List classes by WordNet ids and all synonyms, if the names are those of ImageNet."""
    labels = imagenet_labels(len(names))
    pairs = zip(names, labels.values(), strict=False)
    alike = [_plain(name.split(",")[0]) in map(_plain, label.split(",")) for name, label in pairs]
    if not labels or sum(alike) < _LEAST_ALIKE * len(names):
        return {}
    ids = {wnid: [index] for index, wnid in enumerate(labels)}
    return _by_synonym(list(labels.values())) | ids


def _by_synonym(names: Sequence[str]) -> dict[str, list[int]]:
    """List classes by the synonyms that stand in their names, with commas between them."""
    synonyms: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        for key in {_plain(synonym) for synonym in name.split(",")} - {""}:
            synonyms.setdefault(key, []).append(index)
    return synonyms


def _plain(name: str) -> str:
    """Return a name in lower case and with single spaces between its words."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
