"""Colours of other colour spaces, converted to sRGB as the profile in the file says."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

_SAME = 3  # levels of 255 by which profiles of sRGB differ among each other
_WHITE = 230  # of 255: a sound profile takes white to white
_STEPS = 9  # levels of each colour at which a profile is compared with sRGB
# Pillow's modes of the images that a profile's colour space may describe
_MODES = {
    "GRAY": ("1", "L", "LA", "La"),
    "RGB ": ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr"),
    "CMYK": ("CMYK",),
}
_PLAIN_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}


def in_srgb(image: Image.Image) -> Image.Image:
    """Convert an image of 8 bits to sRGB.

    Parameters
    ----------
    image : Image
        Any image of Pillow, with ``info["icc_profile"]`` where the file has a profile.

    Returns
    -------
    Image
        In RGB or RGBA. It is ``image`` itself where that has no profile, one of sRGB, a broken one,
        or one of other channels.
    """
    if image.mode == "LAB":
        return _transform(ImageCms.createProfile("LAB"), "LAB").apply(image)
    profile = _profile(image)
    space = "" if profile is None else profile.profile.xcolor_space
    if profile is None or image.mode not in _MODES.get(space, ()):
        return image
    mode = _PLAIN_MODES[space]
    try:
        transform = _transform(profile, mode)
    except ImageCms.PyCMSError:
        return image
    if not _is_sound(transform, mode) or _is_srgb(transform, mode):
        return image
    converted = transform.apply(image.convert(mode))
    if image.has_transparency_data:
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted


def grey_in_srgb(values: npt.NDArray[np.float32], image: Image.Image) -> npt.NDArray[np.float32]:
    """Convert greys of more than 8 bits to sRGB.

    Parameters
    ----------
    values : ndarray
        ``(H, W)`` float32 in [0, 1], the greys of ``image``.
    image : Image
        The image whose profile is used, if it is one of greys.

    Returns
    -------
    ndarray
        ``(H, W)`` float32 in [0, 1].
    """
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ramp.info["icc_profile"] = image.info.get("icc_profile")
    converted = in_srgb(ramp)
    if converted is ramp:
        return values
    curve = np.asarray(converted)[0, :, 0] / 255
    return np.interp(values, np.linspace(0, 1, 256), curve).astype(np.float32)


def _profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Read the profile of an image; None if there is none or it is broken."""
    data = image.info.get("icc_profile")
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(data)) if data else None
    except (OSError, TypeError, ValueError):
        return None


def _transform(profile: Any, mode: str) -> ImageCms.ImageCmsTransform:
    """Make the conversion to sRGB that photo editors make by default."""
    return ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


def _is_sound(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    white = transform.apply(Image.new("RGB", (1, 1), "white").convert(mode))
    return bool(np.asarray(white).min() >= _WHITE)


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Tell whether a profile is one of sRGB: its conversion then only rounds."""
    if mode == "CMYK":
        return False
    levels = np.linspace(0, 255, 256 if mode == "L" else _STEPS).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(*[levels] * len(mode)), axis=-1).reshape(1, -1, len(mode))
    before = Image.fromarray(grid[..., 0] if mode == "L" else grid)
    after = np.asarray(transform.apply(before)).astype(int)
    return bool(np.abs(after - grid).max() <= _SAME)
