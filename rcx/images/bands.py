"""Values of more than 8 bits, and stacks of bands: arrays of numpy and TIFF files of many pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from rcx.images.checks import ImageError, check_pixel_count
from rcx.images.metadata import upright

ARRAY_PREFIX = b"\x93NUMPY"
"""First bytes of a file that numpy.save wrote."""
_ONE_BAND = ("1", "L", "I", "I;16", "I;16L", "I;16B", "F")  # Pillow's modes of one channel


def array_bands(path: Path, channels: int) -> npt.NDArray[np.float32]:
    """Read an image that numpy.save wrote.

    Parameters
    ----------
    path : Path
        The file. It holds an array ``(channels, H, W)`` or ``(H, W, channels)``, or, if there are 1
        or 3 channels, greys ``(H, W)``.
    channels : int
        Number of channels.

    Returns
    -------
    ndarray
        ``(channels, H, W)``, or ``(1, H, W)`` for greys, float32 in [0, 1].

    Raises
    ------
    ImageError
        If the array has another shape or type, or if there are two ways to read it.
    ValueError
        If numpy cannot read the file.
    """
    # Only the header is read, so that a shape that the file does not hold takes no memory.
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    shape = array.shape
    if array.ndim == 2 and channels in (1, 3):
        bands = array[None]
    elif array.ndim == 3 and (shape[0] == channels) != (shape[2] == channels):
        bands = array if shape[0] == channels else np.moveaxis(array, 2, 0)
    else:
        cause = "can be read in two ways" if array.ndim == 3 and channels in shape else "is another"
        greys = ", or greys (H, W)" if channels in (1, 3) else ""
        raise ImageError(
            f"the array must be ({channels}, H, W) or (H, W, {channels}){greys}; "
            f"its shape {shape} {cause}"
        )
    if 0 in shape:
        raise ImageError(f"the array of shape {shape} is empty")
    check_pixel_count(bands.shape[2], bands.shape[1])
    if array.dtype.kind not in "buif":
        raise ImageError(f"the array holds {array.dtype}; save numbers from 0 to 1, or uint8")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind in "iu" and array.max() < 256:
        raise ImageError(
            f"its {array.dtype} values end at {array.max()}, so that white may be 255 or 65535; "
            "save them as uint8 or uint16"
        )
    return scaled(np.array(bands))


def page_bands(image: ImageFile.ImageFile, channels: int) -> npt.NDArray[np.float32]:
    """Read a TIFF file in which each page is a band.

    Returns
    -------
    ndarray
        ``(channels, H, W)`` float32 in [0, 1].

    Raises
    ------
    ImageError
        If the file is another one, or its pages differ in size or type.
    """
    pages = getattr(image, "n_frames", 1)
    if image.format != "TIFF" or pages != channels:
        raise ImageError(
            f"an image of {channels} channels must be a TIFF file of {channels} pages or an array "
            f"in .npy; this is {image.format} with {pages} page{'s' * (pages != 1)}"
        )
    bands = []
    for number in range(pages):
        image.seek(number)
        if image.mode not in _ONE_BAND:
            raise ImageError(f"page {number + 1} must be a single band, and has {image.mode}")
        image.load()
        bands.append(np.asarray(upright(image)))
        if (bands[-1].shape, bands[-1].dtype) != (bands[0].shape, bands[0].dtype):
            raise ImageError(f"page {number + 1} has another size or type than the first")
    return scaled(np.stack(bands))


def is_deep_grey(image: Image.Image) -> bool:
    """Tell whether an image is grey, with more than 8 bits."""
    return image.mode == "F" or image.mode.startswith("I")


def scaled(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Scale values to [0, 1].

    White is 255 for values of 8 bits, 65535 for other integers, and 1 for floats and truth values.
    Floats above 1 are taken for 8-bit values stored as floats, as Pillow writes them.
    """
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iu":
        white = 255 if values.dtype == np.uint8 else 65535
    else:
        white = 1 if high <= 1 else 255
    if not (low >= 0 and high <= white):
        raise ImageError(f"its values go from {low:g} to {high:g}, so that white is not known")
    return values.astype(np.float32) / np.float32(white)
