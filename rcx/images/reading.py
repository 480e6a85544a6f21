"""Read image files of every kind into one shape: float tensors (N, 3, size, size) in [0, 1]."""

from __future__ import annotations

import operator
import os
import re
import stat
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torchvision.transforms import functional

from rcx.system.text import printable

Fit = Literal["stretch", "crop"]
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

Image.init()
# Raster formats only: some of Pillow's others (EPS) run an external interpreter.
KNOWN = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
FORMATS = [name for name in KNOWN if name in Image.OPEN]
IMAGE_SUFFIXES = frozenset(
    suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS
)
SMALLEST, LARGEST = 8, 4096


class ImageError(ValueError):
    """An image, or every one of them, cannot be read."""


class ImageWarning(UserWarning):
    """Some images cannot be read and are left out."""


@dataclass(frozen=True)
class ImageFailure:
    """A path that gave no image, and why, in one line."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


@dataclass(frozen=True)
class ImageSet:
    """What `read_images` found: ``images`` (N, 3, size, size), their paths, and the failures."""

    images: torch.Tensor
    paths: list[Path]
    failures: list[ImageFailure]


def load_images(
    paths: Paths,
    size: int = 256,
    *,
    fit: Fit = "stretch",
    on_error: Literal["warn", "raise"] = "warn",
) -> torch.Tensor:
    """Load image files and folders as one batch.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, and folders whose image files are taken in natural order (subfolders are not).
    size : int
        Height and width of the result, 8 to 4096.
    fit : {"stretch", "crop"}
        "stretch" resizes to a square, as the published study does; "crop" resizes the shorter
        side and cuts out the centre. Both are bilinear and antialiased.
    on_error : {"warn", "raise"}
        What happens when some of the images cannot be read.

    Returns
    -------
    Tensor (N, 3, size, size)
        float32 in [0, 1]; RGB, transparent pixels over white, turned as EXIF says.

    Raises
    ------
    ImageError
        If no image can be read, or one cannot and ``on_error="raise"``. Every file is named with
        the reason.
    ValueError
        If ``size``, ``fit`` or ``on_error`` is none of the above.

    Warns
    -----
    ImageWarning
        Naming each image left out, with the reason.
    """
    if on_error not in ("warn", "raise"):
        raise ValueError(f"on_error must be 'warn' or 'raise', not {on_error!r}")
    found = read_images(paths, size, fit=fit)
    if not found.paths and not found.failures:
        raise ImageError("no images were given")
    if found.failures:
        total = len(found.paths) + len(found.failures)
        message = f"{len(found.failures)} of {total} images cannot be read: " + "; ".join(
            map(str, found.failures)
        )
        if on_error == "raise" or not found.paths:
            raise ImageError(message)
        warnings.warn(message, ImageWarning, stacklevel=2)
    return found.images


def read_images(paths: Paths, size: int = 256, *, fit: Fit = "stretch") -> ImageSet:
    """Read image files and folders; what cannot be read is reported and does not stop the rest.

    Parameters are those of `load_images`.

    Returns
    -------
    ImageSet
        ``images`` (N, 3, size, size) and ``paths`` belong together; N may be 0.
    """
    size = _checked(size, fit)
    files, failures = find_images(paths)
    images, read = [], []
    for file in files:
        try:
            images.append(read_image(file, size, fit=fit))
            read.append(file)
        except ImageError as error:
            failures.append(ImageFailure(file, str(error)))
    batch = torch.stack(images) if images else torch.empty(0, 3, size, size)
    return ImageSet(batch, read, failures)


def find_images(paths: Paths) -> tuple[list[Path], list[ImageFailure]]:
    """List the image files that ``paths`` name, without reading them.

    Returns
    -------
    files : list of Path
        Files as given; folders replaced by what is in them with a suffix in ``IMAGE_SUFFIXES``
        and is not hidden, in natural order: 2.png before 10.png.
    failures : list of ImageFailure
        What is not there or cannot be listed, and folders without images.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    files: list[Path] = []
    failures: list[ImageFailure] = []
    for path in map(Path, given):
        try:
            if not stat.S_ISDIR(path.stat().st_mode):
                files.append(path)
                continue
            inside = [file for file in path.iterdir() if _looks_like_image(file)]
        except (OSError, ValueError) as error:
            failures.append(ImageFailure(path, _reason(error)))
            continue
        files += sorted(inside, key=_natural)
        if not inside:
            failures.append(ImageFailure(path, "the folder has no image files"))
    return files, failures


def read_image(
    path: str | os.PathLike[str], size: int = 256, *, fit: Fit = "stretch"
) -> torch.Tensor:
    """Read one image file as a float32 tensor (3, size, size) in [0, 1].

    Raises
    ------
    ImageError
        If it cannot be read; the message is the reason, without the path.
    """
    size = _checked(size, fit)
    try:
        with warnings.catch_warnings():
            # Pillow warns about a bomb before it refuses one; its other warnings (damaged
            # metadata) do not concern the pixels.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            pixels = _pixels(Path(path))
        return _resize(pixels, size, fit).clamp(0, 1).expand(3, size, size).contiguous()
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every kind on damaged files
        raise ImageError(_reason(error)) from error


def _checked(size: int, fit: str) -> int:
    try:
        whole = operator.index(size)
    except TypeError:
        whole = 0
    if isinstance(size, bool) or not SMALLEST <= whole <= LARGEST:
        raise ValueError(f"size must be an integer from {SMALLEST} to {LARGEST}, not {size!r}")
    if fit not in ("stretch", "crop"):
        raise ValueError(f"fit must be 'stretch' or 'crop', not {fit!r}")
    return whole


def _looks_like_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")


def _natural(file: Path) -> list[tuple[int, str]]:
    """Sort key by which digits count as numbers; the name itself settles ties."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", file.name.lower())
    return [(int(digits or -1), text) for digits, text in parts] + [(-2, file.name)]


def _pixels(path: Path) -> torch.Tensor:
    """Decode the first frame: (3, H, W) or, where there is no colour, (1, H, W), in [0, 1]."""
    info = path.stat()
    # Opening a pipe or a device could wait for ever.
    if not stat.S_ISREG(info.st_mode):
        raise ImageError("not a file")
    if info.st_size == 0:
        raise ImageError("the file is empty")
    with Image.open(path, formats=FORMATS) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode == "F" or image.mode.startswith("I"):
        return torch.from_numpy(_scaled(np.asarray(image)))[None]
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return functional.to_tensor(image.convert("RGB"))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Bring 16-bit and float greys to [0, 1]; 8-bit ones Pillow has scaled by itself.

    Floats above 1 are taken for 8-bit greys stored as floats, as Pillow writes them.
    """
    low, high = float(values.min()), float(values.max())
    white = 65535 if values.dtype.kind in "iu" else 1 if high <= 1 else 255
    if not (low >= 0 and high <= white):
        raise ImageError(f"its greys go from {low:g} to {high:g}, so that white is not known")
    return values.astype(np.float32) / white


def _resize(pixels: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    if fit == "stretch":
        return functional.resize(pixels, [size, size], antialias=True)
    height, width = pixels.shape[-2:]
    longer = size * max(height, width) // min(height, width)
    # A thread of an image would become a huge one before it is cropped.
    if longer > LARGEST * 8:
        raise ImageError(f"{width}x{height} pixels are too elongated for fit='crop'")
    return functional.center_crop(functional.resize(pixels, [size], antialias=True), [size])


def _reason(error: Exception) -> str:
    """Say in one line what is wrong with a file."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or damaged, or of an unsupported format"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    bomb = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
    return text if bomb else f"damaged or unsupported: {text}"


def find_photos(paths: Paths) -> tuple[list[Path], list[ImageFailure]]:
    """As `rcx.images.find_images`, but a file that is named twice is listed once."""
    files, failures = find_images(paths)
    # realpath and not resolve, which fails where a link leads to itself
    different = {os.path.realpath(file): file for file in reversed(files)}
    return list(different.values())[::-1], failures
