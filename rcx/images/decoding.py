"""One image file of any supported format, decoded into a float tensor (3, size, size) in [0, 1]."""

from __future__ import annotations

import operator
import os
import stat
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torchvision.transforms import functional

Fit = Literal["stretch", "crop"]

Image.init()
# These are raster formats only. Pillow reads some others, such as EPS, with an external program.
_RASTER_FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
FORMATS = [name for name in _RASTER_FORMATS if name in Image.OPEN]
"""Names of the formats that can be read, as Pillow calls them."""
SMALLEST, LARGEST = 8, 4096
"""Smallest and largest size, in pixels, that an image can be given."""


class ImageError(ValueError):
    """An image cannot be read, or no image can."""


def read_image(
    path: str | os.PathLike[str], size: int = 256, *, fit: Fit = "stretch"
) -> torch.Tensor:
    """Read one image file.

    Parameters
    ----------
    path : path
        The file.
    size, fit
        As for `rcx.images.load_images`.

    Returns
    -------
    Tensor
        ``(3, size, size)`` float32 in [0, 1], as from `rcx.images.load_images`.

    Raises
    ------
    ImageError
        If the file cannot be read. The message is the reason, without the path.
    ValueError
        If ``size`` or ``fit`` has another value than those of `rcx.images.load_images`.
    """
    size = checked_size(size, fit)
    try:
        with warnings.catch_warnings():
            # Pillow first warns of an image with very many pixels and refuses only a larger one.
            # Its other warnings, of damaged metadata, do not concern the pixels.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            pixels = _pixels(Path(path))
        return _resize(pixels.float(), size, fit).clamp(0, 1).expand(3, size, size).contiguous()
    except ImageError:
        raise
    except Exception as error:  # On damaged files, Pillow raises errors of nearly every type.
        raise ImageError(failure_reason(error)) from error


def checked_size(size: int, fit: str) -> int:
    """Return the size as an int, or raise ValueError if the size or the fit is impossible."""
    try:
        whole = operator.index(size)
    except TypeError:
        whole = 0
    if isinstance(size, bool) or not SMALLEST <= whole <= LARGEST:
        raise ValueError(f"size must be an integer from {SMALLEST} to {LARGEST}, not {size!r}")
    if fit not in ("stretch", "crop"):
        raise ValueError(f"fit must be 'stretch' or 'crop', not {fit!r}")
    return whole


def _pixels(path: Path) -> torch.Tensor:
    """Decode the first frame as (3, H, W), or as (1, H, W) if it has no colour, in [0, 1]."""
    info = path.stat()
    # Opening a pipe or a device could block for ever.
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
    pixels: torch.Tensor = functional.to_tensor(image.convert("RGB"))
    return pixels


def _scaled(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scale 16-bit, 32-bit and float greys to [0, 1].

    Floats above 1 are taken for 8-bit greys stored as floats, as Pillow writes them.
    """
    low, high = float(values.min()), float(values.max())
    white = 65535 if values.dtype.kind in "iu" else 1 if high <= 1 else 255
    if not (low >= 0 and high <= white):
        raise ImageError(f"its greys go from {low:g} to {high:g}, so that white is not known")
    return values.astype(np.float32) / np.float32(white)


def _resize(pixels: torch.Tensor, size: int, fit: Fit) -> torch.Tensor:
    resized: torch.Tensor
    if fit == "stretch":
        resized = functional.resize(pixels, [size, size], antialias=True)
        return resized
    height, width = pixels.shape[-2:]
    longer = size * max(height, width) // min(height, width)
    # A very long and thin image would become huge before it is cropped.
    if longer > LARGEST * 8:
        raise ImageError(f"{width}x{height} pixels are too elongated for fit='crop'")
    resized = functional.center_crop(functional.resize(pixels, [size], antialias=True), [size])
    return resized


def failure_reason(error: Exception) -> str:
    """Say in one line why a file cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image, or damaged, or of an unsupported format"
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    too_large = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
    return text if too_large else f"damaged or unsupported: {text}"
