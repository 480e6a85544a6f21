"""The object in front of an image, found by GrabCut without the classifier."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_ROUNDS = 3
_SMALLEST_SIDE = 8  # in pixels; a smaller image has too few of them to compare frame and inside


class ForegroundWarning(UserWarning):
    """GrabCut found no foreground in an image."""


def foreground(images: Tensor, generator: torch.Generator) -> Tensor:
    """Tell foreground from background by GrabCut [1]_, as in the reproducibility study.

    GrabCut learns the colours of the background from the pixels outside a rectangle. Here these are
    a frame of one pixel. The published code names the sides of the rectangle in the wrong order, so
    that it takes the right side of a wide photo and the lower end of a tall one for background.

    Parameters
    ----------
    images : Tensor
        ``(N, C, H, W)`` in [0, 1]. If there are not three colours, their mean is used, as grey.
    generator : torch.Generator
        Seeds the clustering of colours, in the same way for each image.

    Returns
    -------
    Tensor
        ``(N, H, W)`` bool, True in the foreground. Where none is found, it is True everywhere.

    Warns
    -----
    ForegroundWarning
        If no foreground is found in an image.

    Raises
    ------
    RuntimeError
        If OpenCV is not installed.

    References
    ----------
    .. [1] C. Rother, V. Kolmogorov, A. Blake, "GrabCut", ACM Trans. Graphics 23, 2004.
    """
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    colours = images if images.shape[1] == 3 else images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    pixels = (255 * colours).round().clamp(0, 255).to(torch.uint8).movedim(1, -1).cpu().numpy()
    with ThreadPoolExecutor(1) as thread:  # OpenCV's random numbers are the thread's own
        regions = torch.from_numpy(np.stack([*thread.map(_grabcut, pixels, repeat(seed))]))
    empty = ~regions.flatten(1).any(1)
    if empty.any():
        names = ", ".join(str(number) for number in empty.nonzero().flatten().tolist())
        warnings.warn(
            f"GrabCut found no foreground in image {names} of the batch; the whole image is kept",
            ForegroundWarning,
            stacklevel=2,
        )
    return (regions | empty[:, None, None]).to(images.device)


def _grabcut(pixels: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.bool_]:
    """Find the foreground ``(H, W)`` of an image ``(H, W, 3)`` in 8 bits."""
    try:
        import cv2
    except ImportError as error:
        raise RuntimeError(
            "the foreground start needs OpenCV: pip install 'rcx[foreground]'"
        ) from error
    height, width = pixels.shape[:2]
    classes = np.zeros((height, width), np.uint8)
    if min(height, width) < _SMALLEST_SIDE:
        return classes.astype(bool)
    inside = (1, 1, width - 2, height - 2)
    background, front = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(seed)
    blue_first = np.ascontiguousarray(pixels[..., ::-1])
    cv2.grabCut(blue_first, classes, inside, background, front, _ROUNDS, cv2.GC_INIT_WITH_RECT)
    return np.isin(classes, (cv2.GC_FGD, cv2.GC_PR_FGD))
