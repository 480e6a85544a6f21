"""The object in front, found in the image alone by GrabCut."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

_ROUNDS = 3
_LEAST_SIDE = 8  # pixels; below it there is no frame and inside to compare


class ForegroundWarning(UserWarning):
    """GrabCut found no foreground in an image."""


def foreground(images: Tensor, generator: torch.Generator) -> Tensor:
    """Tell foreground from background by GrabCut [1]_, as in the reproducibility study.

    GrabCut learns the colours of the background from what lies outside of a rectangle. Here that is
    a frame of one pixel. The published code names the rectangle's sides in the wrong order, so that
    the right side of a wide photo, and the lower end of a tall one, are background for certain.

    Parameters
    ----------
    images : Tensor
        ``(N, C, H, W)`` in [0, 1]; colours other than three are shown as their mean, in grey.
    generator : torch.Generator
        Seeds the clustering of colours; common to the images.

    Returns
    -------
    Tensor
        ``(N, H, W)`` bool, True in the foreground; True everywhere, with a `ForegroundWarning`,
        where none is found.

    Raises
    ------
    RuntimeError
        Where OpenCV is not installed.

    References
    ----------
    .. [1] C. Rother, V. Kolmogorov, A. Blake, "GrabCut", ACM Trans. Graphics 23, 2004.
    """
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    colours = images if images.shape[1] == 3 else images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    pixels = (255 * colours).round().clamp(0, 255).to(torch.uint8).movedim(1, -1).cpu().numpy()
    found = torch.from_numpy(np.stack([_grabcut(image, seed) for image in pixels]))
    empty = ~found.flatten(1).any(1)
    if empty.any():
        names = ", ".join(str(number) for number in empty.nonzero().flatten().tolist())
        warnings.warn(
            f"GrabCut found no foreground in image {names} of the batch; the whole image is kept",
            ForegroundWarning,
            stacklevel=2,
        )
    return (found | empty[:, None, None]).to(images.device)


def _grabcut(pixels: np.ndarray, seed: int) -> np.ndarray:
    """Foreground ``(H, W)`` of an image ``(H, W, 3)`` in 8 bits."""
    try:
        import cv2
    except ImportError as error:
        raise RuntimeError(
            "the foreground start needs OpenCV: pip install 'rcx[foreground]'"
        ) from error
    height, width = pixels.shape[:2]
    answer = np.zeros((height, width), np.uint8)
    if min(height, width) < _LEAST_SIDE:
        return answer.astype(bool)
    inside = (1, 1, width - 2, height - 2)
    background, front = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(seed)
    blue_first = np.ascontiguousarray(pixels[..., ::-1])
    cv2.grabCut(blue_first, answer, inside, background, front, _ROUNDS, cv2.GC_INIT_WITH_RECT)
    return (answer == cv2.GC_FGD) | (answer == cv2.GC_PR_FGD)
