"""Images as they come: files, tensors, and the items of a Dataset or a DataLoader."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from rcx.classifiers.sizes import image_size
from rcx.explain.explainer import Explainer
from rcx.images.checks import ImageError, checked_images
from rcx.images.decoding import Fit, read_image
from rcx.images.reading import find_images
from rcx.system.text import printable

_IMAGE_ENTRIES = ("image", "images", "img", "pixel_values", "input", "inputs", "x")
_LABEL_ENTRIES = ("label", "labels", "target", "targets", "y")

_MOST_FAILURES_IN_A_ROW = 100  # of an iterable without a length, which may never end


class Item(NamedTuple):
    """An image ``(C, H, W)`` with its name and, if it is to be explained, its label."""

    name: str
    image: Tensor
    label: Any


class Unread(NamedTuple):
    """An image that could not be read, or a batch of them, and what went wrong."""

    name: str
    error: Exception


class Reader:
    """Reads the images for an explainer one after the other.

    Parameters
    ----------
    explainer : Explainer
        The explainer, whose classifier chooses the size of files.
    size : int, optional
        Height and width that files and images of Pillow are resized to.
    fit : {"stretch", "crop"}
        How an image becomes a square.
    use_labels : bool
        Whether the labels that come with images are read.
    """

    def __init__(self, explainer: Explainer, size: int | None, fit: Fit, use_labels: bool) -> None:
        self._explainer, self._size, self._fit = explainer, size, fit
        self._use_labels, self._count = use_labels, 0

    def items(self, images: Any) -> Iterator[Item | Unread]:
        """Iterate over the images of what the user has given."""
        for value in _values(images):
            try:
                if isinstance(value, Exception):
                    raise value
                pairs = self._pairs(value)
            except Exception as error:
                for _ in range(_batch_size(images, self._count)):
                    yield Unread(self._next_name(), error)
                continue
            for image, label in pairs:
                yield from self._read(image, label)

    def _next_name(self) -> str:
        """Name the next image by its number, from 0."""
        self._count += 1
        return f"image {self._count - 1}"

    def _pairs(self, value: Any) -> list[tuple[Any, Any]]:
        """List the images of an item with their labels, or with None."""
        items = value if isinstance(value, list) else []
        if items and all(isinstance(part, tuple | Mapping) for part in items):
            return [pair for part in value for pair in self._pairs(part)]
        labels = None
        if isinstance(value, Mapping):
            image = value[_entry(value, _IMAGE_ENTRIES, "image")]
            if self._use_labels:
                labels = value[_entry(value, _LABEL_ENTRIES, "label")]
        elif isinstance(value, list | tuple) and not _is_batch(value):
            if self._use_labels and len(value) < 2:
                raise ValueError("it has no label; leave use_labels out")
            if not value:
                raise ValueError("it is empty, and holds no image")
            image, *others = value
            labels = others[0] if self._use_labels else None
        else:
            image = value
            if self._use_labels:
                raise ValueError("it has no label; leave use_labels out")
        if self._use_labels and labels is None:
            raise ValueError("its label is None; leave use_labels out, or give it a label")
        if not _is_batch(image):
            return [(image, labels)]
        rows = list(image)
        row_labels = [None] * len(rows) if labels is None else list(labels)
        if len(rows) != len(row_labels):
            raise ValueError(f"it has {len(rows)} images, but {len(row_labels)} labels")
        return list(zip(rows, row_labels, strict=True))

    def _read(self, image: Any, label: Any) -> Iterator[Item | Unread]:
        """Read one image, or the images of a folder."""
        if isinstance(image, str | os.PathLike):
            files, failures = find_images(image)
            for failure in failures:
                self._count += 1
                yield Unread(printable(failure.path), ImageError(failure.reason))
            for file in files:
                self._count += 1
                yield self._checked(printable(file), file, label)
        else:
            yield self._checked(self._next_name(), image, label)

    def _checked(self, name: str, image: Any, label: Any) -> Item | Unread:
        try:
            if isinstance(image, Image.Image):
                image = self._from_pillow(image)
            elif isinstance(image, Path):
                image = self._from_file(image)
            (image,) = checked_images(image)
        except Exception as error:  # whatever one image does, the others come after it
            return Unread(name, error)
        return Item(name, image, label)

    def _from_pillow(self, image: Image.Image) -> Tensor:
        """Read an image of Pillow as its file would be read."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "image.tiff")
            ImageOps.exif_transpose(image).save(file)
            return self._from_file(file)

    def _from_file(self, file: Path) -> Tensor:
        """Read a file in the size and with the channels that the classifier takes."""
        classifier = self._explainer.classifier
        if self._size is None:
            self._size = image_size(classifier)
        return read_image(file, self._size, fit=self._fit, channels=classifier.channels)


def _values(images: Any) -> Iterator[Any]:
    """Iterate over items, or exceptions in their place."""
    if isinstance(images, str | os.PathLike | Tensor):
        yield images
        return
    by_number = isinstance(images, Sized) and hasattr(images, "__getitem__")
    if not by_number or isinstance(images, IterableDataset):
        yield from _iterated(images)
        return
    for number in range(len(images)):
        try:
            value = images[number]
        except Exception as error:
            value = error
        yield value


def _iterated(images: Iterable[Any]) -> Iterator[Any]:
    """Iterate over what has no numbers. The iterator of a DataLoader goes on after an error."""
    most = len(images) if isinstance(images, DataLoader) and _has_length(images) else math.inf
    iterator, number, failures = iter(images), 0, 0
    while number < most:
        try:
            value = next(iterator)
            failures = 0
        except StopIteration:
            return
        except Exception as error:
            value, failures = error, failures + 1
        if failures > _MOST_FAILURES_IN_A_ROW and most == math.inf:
            raise value
        yield value
        number += 1


def _has_length(loader: DataLoader[Any]) -> bool:
    return not isinstance(loader.dataset, IterableDataset)


def _batch_size(images: Any, begun: int) -> int:
    """Number of images that fail together with the next one."""
    if not isinstance(images, DataLoader) or not images.batch_size:
        return 1
    left = len(images.sampler) - begun if isinstance(images.sampler, Sized) else images.batch_size
    return max(1, min(images.batch_size, left))


def _is_batch(value: Any) -> bool:
    """Whether a value holds several images: a tensor (N, C, H, W), or a list of single images."""
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim > 3
    if not isinstance(value, list | tuple) or not value:
        return False
    if all(isinstance(part, str | os.PathLike | Image.Image) for part in value):
        return True
    return isinstance(value, list) and all(
        isinstance(part, Tensor) and part.ndim == 3 for part in value
    )


def _entry(item: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    """Name the one entry of an item that holds images, or labels."""
    entries = [name for name in names if name in item]
    if len(entries) == 1:
        return entries[0]
    raise ValueError(
        f"it has the entries {', '.join(map(repr, item))}, of which {len(entries) or 'none'} may "
        f"be the {what}; yield pairs of image and label"
    )
