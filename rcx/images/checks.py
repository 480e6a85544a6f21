"""Checks of what users pass as images, made before any work on them begins."""

from __future__ import annotations

import operator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_MOST_COLOURS = 4  # channels of an image file; tensors may have more

SMALLEST, LARGEST = 8, 4096
"""Smallest and largest size, in pixels, that an image can be given."""


class ImageError(ValueError):
    """An image cannot be read, or no image can."""


def checked_size(size: int, fit: str) -> int:
    """Return the size as an int, or raise ValueError if the size or the fit is impossible."""
    whole = _whole(size)
    if not SMALLEST <= whole <= LARGEST:
        raise ValueError(f"size must be an integer from {SMALLEST} to {LARGEST}, not {size!r}")
    if fit not in ("stretch", "crop"):
        raise ValueError(f"fit must be 'stretch' or 'crop', not {fit!r}")
    return whole


def checked_channels(channels: int) -> int:
    """Return the number of channels as an int, or raise ValueError if it is impossible."""
    whole = _whole(channels)
    if whole < 1:
        raise ValueError(f"channels must be an integer from 1, not {channels!r}")
    return whole


def _whole(number: int) -> int:
    """Return an integer of any type as an int, and 0 for anything else."""
    try:
        return 0 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        return 0


def check_pixel_count(width: int, height: int) -> None:
    """Raise ImageError for an image of more pixels than Pillow allows."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise ImageError(f"image size ({width * height} pixels) exceeds limit of {limit} pixels")


def checked_images(images: Tensor) -> Tensor:
    """Check images and return them as a batch.

    Parameters
    ----------
    images : Tensor
        ``(N, C, H, W)``, or one image ``(C, H, W)``, of any floating-point type, in [0, 1].

    Returns
    -------
    Tensor
        ``(N, C, H, W)`` float32, without a history of gradients.

    Raises
    ------
    TypeError
        If the images are no tensor of a floating-point type.
    ValueError
        If they have another shape, such as channels last, or an image has values outside [0, 1] or
        NaN. The first such image is named.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise TypeError(
            f"images must be a float tensor (N, C, H, W) in [0, 1], got {_kind_and_remedy(images)}"
        )
    if images.is_meta or images.layout != torch.strided or images.is_nested:
        kind = "nested" if images.is_nested else f"of layout {images.layout}"
        kind = "on the device meta" if images.is_meta else kind
        raise ValueError(f"images must be a dense tensor with values, but this one is {kind}")
    images = images.detach().float()
    order = "2, 0, 1" if images.ndim == 3 else "0, 3, 1, 2"
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must have the shape (N, C, H, W), got {tuple(images.shape)}")
    if images.shape[3] <= _MOST_COLOURS < images.shape[1]:
        raise ValueError(
            f"images must have the shape (N, C, H, W), got {tuple(images.shape)}, which has the "
            f"channels last; use images.permute({order})"
        )
    outside = ~((images >= 0) & (images <= 1)).flatten(1).all(1)
    if outside.any():
        raise ValueError(
            f"images must be in [0, 1] and without NaN, image {int(outside.nonzero()[0])} is not; "
            "divide by 255, and leave normalisation to the classifier"
        )
    return images


def _kind_and_remedy(images: object) -> str:
    """Say what a value is that is no float tensor, and how to make one of it."""
    kind = type(images).__name__
    if isinstance(images, Tensor):
        remedy = "use images / 255" if images.dtype == torch.uint8 else "use images.float()"
        return f"{images.dtype}; {remedy}"
    if isinstance(images, np.ndarray):
        return f"{kind}; use torch.from_numpy(images), with values from 0 to 1 and channels first"
    if isinstance(images, Image.Image):
        return f"{kind}; use torchvision.transforms.functional.to_tensor(image)"
    if isinstance(images, list | tuple) and images and isinstance(images[0], Tensor):
        return f"{kind}; use torch.stack(images), or rcx.explain_all for images of several sizes"
    return f"{kind}; rcx.load_images reads files into such a tensor"
