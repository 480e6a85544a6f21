"""One image file of any supported format, decoded into a float tensor (C, size, size) in [0, 1]."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageFile, UnidentifiedImageError
from torchvision.transforms import functional

from rcx.images.bands import ARRAY_PREFIX, array_bands, is_deep_grey, page_bands, scaled
from rcx.images.checks import LARGEST, ImageError, check_pixel_count, checked_channels, checked_size
from rcx.images.colours import grey_in_srgb, in_srgb
from rcx.images.formats import (
    check_not_raw,
    first_bytes,
    is_heif,
    open_heif,
    readable_formats,
    unidentified,
)
from rcx.images.metadata import upright, without_metadata
from rcx.system.quiet import ignored_warnings

Fit = Literal["stretch", "crop"]

_GREY, _COLOURED = 1, 3  # channels of the images that are read from photographs


def read_image(
    path: str | os.PathLike[str], size: int = 256, *, fit: Fit = "stretch", channels: int = 3
) -> torch.Tensor:
    """Read one image file.

    Parameters
    ----------
    path : path
        The file.
    size, fit, channels
        As for `rcx.images.load_images`.

    Returns
    -------
    Tensor
        ``(channels, size, size)`` float32 in [0, 1], as from `rcx.images.load_images`.

    Raises
    ------
    ImageError
        If the file cannot be read. The message is the reason, without the path.
    ValueError
        If ``size``, ``fit`` or ``channels`` has another value than those of
        `rcx.images.load_images`.
    """
    size, channels = checked_size(size, fit), checked_channels(channels)
    try:
        with ignored_warnings():  # of damaged metadata, which do not concern the pixels
            pixels = _pixels(Path(path), channels).float()
        return _resize(pixels, size, fit).clamp(0, 1).expand(channels, size, size).contiguous()
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(unidentified(Path(path))) from error
    except Exception as error:  # On damaged files, Pillow raises errors of nearly every type.
        raise ImageError(failure_reason(error)) from error


def _pixels(path: Path, channels: int) -> torch.Tensor:
    """Decode a file as (channels, H, W), or as (1, H, W) if it has no colour, in [0, 1]."""
    info = path.stat()
    # Opening a pipe or a device could block for ever.
    if not stat.S_ISREG(info.st_mode):
        raise ImageError("not a file")
    if info.st_size == 0:
        raise ImageError("the file is empty")
    if first_bytes(path).startswith(ARRAY_PREFIX):
        return torch.from_numpy(array_bands(path, channels))
    with _opened(path) as opened:
        check_not_raw(opened, path)
        if channels not in (_GREY, _COLOURED):
            return torch.from_numpy(page_bands(opened, channels))
        image = upright(opened)
    if is_deep_grey(image):
        return torch.from_numpy(grey_in_srgb(scaled(np.asarray(image)), image))[None]
    image = in_srgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    pixels: torch.Tensor = functional.to_tensor(image.convert("L") if channels == _GREY else image)
    return pixels


def _opened(path: Path) -> ImageFile.ImageFile:
    """Open a file and load its first frame, without metadata that Pillow fails on."""
    try:
        return _loaded(path)
    except ImageError:
        raise
    except Exception:
        for content in without_metadata(path.read_bytes()):
            try:
                return _loaded(io.BytesIO(content))
            except Exception:
                continue
        raise


def _loaded(source: Path | io.BytesIO) -> ImageFile.ImageFile:
    formats = readable_formats()
    if isinstance(source, Path) and "HEIF" not in formats and is_heif(first_bytes(source)):
        image = open_heif(source)
    else:
        image = Image.open(source, formats=formats)
    try:
        # Pillow itself only warns of too many pixels, and refuses more than twice as many.
        check_pixel_count(*image.size)
        image.load()
    except BaseException:
        image.close()
        raise
    return image


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
    if isinstance(error, MemoryError):
        return "it does not fit in memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    too_large = isinstance(error, Image.DecompressionBombError)
    return text if too_large else f"damaged or unsupported: {text}"
