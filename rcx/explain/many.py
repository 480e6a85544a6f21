"""Explanations of any number of images, one after the other, with no more memory than for a few."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np
import torch

from rcx.classifiers.targets import class_index
from rcx.explain.empty import EmptyExplanationWarning, reason_for_emptiness
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.items import Item, Reader, Unread
from rcx.images.checks import ImageError, checked_size
from rcx.images.decoding import Fit
from rcx.images.reading import ImageWarning
from rcx.system.text import reason


@dataclass(frozen=True)
class UnexplainedImage:
    """An image that `explain_all` could not read or explain.

    Attributes
    ----------
    name : str
        Path of the file, or a text like ``"image 7"``, counted from 0.
    reason : str
        Why the image was not explained, in one line.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@overload
def explain_all(
    explainer: Explainer,
    images: Iterable[Any] | str | os.PathLike[str],
    target: int | str | None = ...,
    *,
    use_labels: bool = ...,
    size: int | None = ...,
    fit: Fit = ...,
    on_error: Literal["warn", "raise"] = ...,
) -> Iterator[Explanation]: ...


@overload
def explain_all(
    explainer: Explainer,
    images: Iterable[Any] | str | os.PathLike[str],
    target: int | str | None = ...,
    *,
    use_labels: bool = ...,
    size: int | None = ...,
    fit: Fit = ...,
    on_error: Literal["yield"],
) -> Iterator[Explanation | UnexplainedImage]: ...


def explain_all(
    explainer: Explainer,
    images: Iterable[Any] | str | os.PathLike[str],
    target: int | str | None = None,
    *,
    use_labels: bool = False,
    size: int | None = None,
    fit: Fit = "stretch",
    on_error: Literal["warn", "yield", "raise"] = "warn",
) -> Iterator[Explanation | UnexplainedImage]:
    """Explain images one after the other, as they come.

    Parameters
    ----------
    explainer : Explainer
        A `rcx.CartoonX` or `rcx.PixelRDE`. As many images as its ``images_at_a_time`` are in memory
        and are worked on together.
    images : iterable, path, DataLoader or Dataset
        What to explain: a file or folder, or anything whose items are batches ``(N, C, H, W)`` or
        images ``(C, H, W)`` in [0, 1], paths, or images of Pillow. An item may also be a tuple of
        an image or batch and its labels, or a mapping with an entry such as ``"image"`` or
        ``"pixel_values"``. Files and images of Pillow are resized, tensors are not. Where a
        DataLoader cannot read one image, all of its batch are lost; its Dataset loses the one.
    target : int or str, optional
        Class to explain in every image. By default, the predicted classes are explained.
    use_labels : bool
        Whether to explain the labels that come with the images. By default, they are not looked at.
    size, fit : optional
        Size and fit of files and images of Pillow, as for `rcx.load_images`. By default, the size
        is that of `rcx.classifiers.image_size`.
    on_error : {"warn", "yield", "raise"}
        What happens if an image cannot be read or explained. ``"warn"`` leaves it out and warns,
        ``"yield"`` yields an `UnexplainedImage` in its place, and ``"raise"`` raises the error.

    Yields
    ------
    Explanation or UnexplainedImage
        The explanation of one image, in the order of the images.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit, before any image is explained.

    Warns
    -----
    ImageWarning
        For each image that is left out. The message names it.
    """
    if on_error not in ("warn", "yield", "raise"):
        raise ValueError(f"on_error must be 'warn', 'yield' or 'raise', not {on_error!r}")
    if use_labels and target is not None:
        raise ValueError("give either a target or use_labels=True, not both")
    if isinstance(target, bool) or not isinstance(target, int | str | np.integer | None):
        raise TypeError(
            "target must be one index or name for all images; for one each, give pairs of image "
            "and label, and use_labels=True"
        )
    paths_or_items = isinstance(images, Iterable | os.PathLike) or hasattr(images, "__getitem__")
    if isinstance(images, Mapping | bytes) or not paths_or_items:
        kind = type(images).__name__
        raise TypeError(f"images must be paths, tensors, a Dataset or a DataLoader, not a {kind}")
    if isinstance(target, str):
        class_index(explainer.classifier, target)
    checked_size(size or 256, fit)
    return _outcomes(explainer, Reader(explainer, size, fit, use_labels), images, target, on_error)


def _outcomes(
    explainer: Explainer,
    reader: Reader,
    images: Any,
    target: int | str | None,
    on_error: str,
) -> Iterator[Explanation | UnexplainedImage]:
    """Yield what became of each image, and warn of what the user has to know."""
    explained, failure = 0, None
    for name, outcome in _explained(explainer, reader.items(images), target):
        if isinstance(outcome, Explanation):
            explained += 1
            if bool(outcome.empty):
                message = f"the explanation of {name} is empty: {reason_for_emptiness(outcome)}"
                warnings.warn(message, EmptyExplanationWarning, stacklevel=2)
            yield outcome
            continue
        failure = UnexplainedImage(name, _reason(outcome))
        if on_error == "raise":
            raise ImageError(str(failure)) from outcome
        if on_error == "yield":
            yield failure
        else:
            warnings.warn(f"left out {failure}", ImageWarning, stacklevel=2)
    if failure is not None and not explained and on_error == "warn":
        raise ImageError(f"no image could be explained; the last is {failure}")


# an image's name, and its explanation or what went wrong
_Outcome = tuple[str, Explanation | Exception]


def _explained(
    explainer: Explainer, items: Iterator[Item | Unread], target: int | str | None
) -> Iterator[_Outcome]:
    """Explain neighbours of one size together, and keep the order."""
    group: list[Item] = []
    for item in items:
        if group and (isinstance(item, Unread) or not _alike(group[0], item)):
            yield from _together(explainer, group, target)
            group = []
        if isinstance(item, Unread):
            yield item.name, item.error
            continue
        group.append(item)
        if len(group) == explainer.images_at_a_time:
            yield from _together(explainer, group, target)
            group = []
    if group:
        yield from _together(explainer, group, target)


def _alike(first: Item, second: Item) -> bool:
    return first.image.shape == second.image.shape and first.image.device == second.image.device


def _together(
    explainer: Explainer, group: Sequence[Item], target: int | str | None
) -> Iterator[_Outcome]:
    """Explain images of one size together or, where that fails, one by one."""
    classes = target if group[0].label is None else [item.label for item in group]
    try:
        images = torch.stack([item.image for item in group])
        explanations = explainer.explain(images, classes, warn=False)
    except Exception as error:  # NaN, too little memory, or an error of the model itself
        if len(group) == 1:
            yield group[0].name, error
            return
        for item in group:
            yield from _together(explainer, [item], target)
        return
    for item, explanation in zip(group, explanations, strict=True):
        yield item.name, explanation


def _reason(error: Exception) -> str:
    """Say what went wrong with an image, which was the first of its batch."""
    return reason(error).replace("image 0 of the batch", "it").replace("image 0", "it")
