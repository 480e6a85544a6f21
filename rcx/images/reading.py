"""Image files of many formats, read into float tensors (N, C, size, size) in [0, 1]."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from rcx.images.checks import ImageError, checked_channels, checked_size
from rcx.images.decoding import Fit, failure_reason, read_image
from rcx.images.formats import is_image_file
from rcx.system.text import printable

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class ImageWarning(UserWarning):
    """An image cannot be read and is left out."""


@dataclass(frozen=True)
class ImageFailure:
    """A path from which no image was read.

    Attributes
    ----------
    path : Path
        The file or folder.
    reason : str
        Why no image was read, in one line.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


@dataclass(frozen=True)
class ImageSet:
    """The images that `read_images` read, and the paths from which it could not.

    Attributes
    ----------
    images : Tensor
        ``(N, channels, size, size)`` float32 in [0, 1].
    paths : list of Path
        The files of the N images.
    failures : list of ImageFailure
        The paths from which no image was read.
    """

    images: torch.Tensor
    paths: list[Path]
    failures: list[ImageFailure]


def load_images(
    paths: Paths,
    size: int = 256,
    *,
    fit: Fit = "stretch",
    channels: int = 3,
    on_error: Literal["warn", "raise"] = "warn",
) -> torch.Tensor:
    """Load image files and folders as one batch.

    Parameters
    ----------
    paths : path or iterable of paths
        Files and folders. A folder stands for the image files directly inside it, in natural order:
        ``2.png`` before ``10.png``. A file is one of them if its suffix is that of an image format,
        readable or not, or if its content is an image; hidden files and all others are passed over.
    size : int
        Height and width of the result in pixels, from 8 to 4096.
    fit : {"stretch", "crop"}
        How an image becomes a square. ``"stretch"`` resizes both sides, as the published study
        does. ``"crop"`` resizes the shorter side and cuts out the centre. Both are bilinear and
        antialiased.
    channels : int
        Number of channels: 3 for RGB, 1 for grey, or another number for a stack of bands. These are
        a TIFF file of so many pages, or an array ``(channels, H, W)`` or ``(H, W, channels)`` that
        ``numpy.save`` wrote. Of other files with many pages or frames, the first is read. 8-bit
        values are divided by 255, other integers by 65535, and floats by 1, or by 255 if some are
        above 1.
    on_error : {"warn", "raise"}
        What happens if some of the images cannot be read: ``"warn"`` leaves them out with a
        warning, ``"raise"`` raises an error.

    Returns
    -------
    Tensor
        ``(N, channels, size, size)`` float32 in [0, 1], colours in sRGB. Transparent pixels are
        laid over white, each image is turned as its EXIF orientation says, and colours of another
        ICC profile are converted. Broken metadata are ignored.

    Raises
    ------
    ImageError
        If no image can be read, or if one of them cannot and ``on_error="raise"``. The message
        names each file with the reason.
    ValueError
        If ``size``, ``fit``, ``channels`` or ``on_error`` has another value than those above.

    Warns
    -----
    ImageWarning
        If images are left out. The message names each of them with the reason.
    """
    if on_error not in ("warn", "raise"):
        raise ValueError(f"on_error must be 'warn' or 'raise', not {on_error!r}")
    loaded = read_images(paths, size, fit=fit, channels=channels)
    if not loaded.paths and not loaded.failures:
        raise ImageError("no images were given")
    if loaded.failures:
        total = len(loaded.paths) + len(loaded.failures)
        message = f"{len(loaded.failures)} of {total} images cannot be read: " + "; ".join(
            map(str, loaded.failures)
        )
        if on_error == "raise" or not loaded.paths:
            raise ImageError(message)
        warnings.warn(message, ImageWarning, stacklevel=2)
    return loaded.images


def read_images(
    paths: Paths, size: int = 256, *, fit: Fit = "stretch", channels: int = 3
) -> ImageSet:
    """Read image files and folders, and report those that cannot be read.

    Parameters
    ----------
    paths, size, fit, channels
        As for `load_images`.

    Returns
    -------
    ImageSet
        The images, their paths and the failures. There may be no image.

    Raises
    ------
    ValueError
        If ``size``, ``fit`` or ``channels`` has another value than those of `load_images`.
    """
    size, channels = checked_size(size, fit), checked_channels(channels)
    files, failures = find_images(paths)
    images, readable = [], []
    for file in files:
        try:
            images.append(read_image(file, size, fit=fit, channels=channels))
            readable.append(file)
        except ImageError as error:
            failures.append(ImageFailure(file, str(error)))
    batch = torch.stack(images) if images else torch.empty(0, channels, size, size)
    return ImageSet(batch, readable, failures)


def find_images(paths: Paths, *, unique: bool = False) -> tuple[list[Path], list[ImageFailure]]:
    """List the image files that paths name, without reading them.

    Parameters
    ----------
    paths : path or iterable of paths
        As for `load_images`.
    unique : bool
        Whether a file that is named twice, for instance by a link, is listed only once.

    Returns
    -------
    files : list of Path
        The files as they were given. A folder is replaced by the image files in it, in natural
        order; those of formats that cannot be read are among them.
    failures : list of ImageFailure
        The paths that do not exist or cannot be listed, and the folders without images.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    files: list[Path] = []
    failures: list[ImageFailure] = []
    for path in map(Path, given):
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                files.append(path)
                continue
            inside = [file for file in path.iterdir() if is_image_file(file)]
        except (OSError, ValueError) as error:
            failures.append(ImageFailure(path, failure_reason(error)))
            continue
        files += sorted(inside, key=_natural)
        if not inside:
            failures.append(ImageFailure(path, "the folder has no image files"))
    if unique:
        # Path.resolve would fail on a link that leads to itself; realpath does not.
        by_real_path = {os.path.realpath(file): file for file in reversed(files)}
        files = list(by_real_path.values())[::-1]
    return files, failures


def _natural(file: Path) -> list[tuple[int, str]]:
    """Return a sort key in which digits count as numbers. The name itself decides ties."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", file.name.lower())
    return [(int(digits or -1), text) for digits, text in parts] + [(-2, file.name)]
