"""Pictures as data URIs that are small enough for a page with many of them."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

_QUALITY = 82


def data_uri(pixels: npt.ArrayLike, *, side: int | None = None, quality: int = _QUALITY) -> str:
    """Encode a picture as PNG or as WebP, whichever is smaller.

    Parameters
    ----------
    pixels : array-like
        ``(H, W)``, ``(1, H, W)`` or ``(3, H, W)`` in [0, 1]; also a tensor on the CPU.
    side : int, optional
        The longest side in pixels. A larger picture is made smaller.
    quality : int
        WebP's quality, from 1 to 100.

    Returns
    -------
    str
        ``data:image/...;base64,...``.

    Raises
    ------
    ValueError
        If the pixels have another shape.
    """
    values = np.asarray(pixels, dtype=np.float64)
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    elif values.ndim == 3 and values.shape[0] == 3:
        values = values.transpose(1, 2, 0)
    elif values.ndim != 2:
        raise ValueError(f"A picture is (H, W), (1, H, W) or (3, H, W), not {values.shape}.")
    image = Image.fromarray((np.clip(values, 0, 1) * 255).round().astype(np.uint8))
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    candidates = {"png": _encoded(image, "png", optimize=True)}
    candidates["webp"] = _encoded(image, "webp", quality=quality, method=6)
    kind = min(candidates, key=lambda name: len(candidates[name]))
    return f"data:image/{kind};base64,{base64.b64encode(candidates[kind]).decode()}"


def _encoded(image: Image.Image, kind: str, **options: bool | int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
