"""What users pass to an explainer, checked before the first second of work."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def checked_lambda(lambda_k: float) -> float:
    """Return a trade-off as a float, or raise ValueError."""
    if not math.isfinite(lambda_k) or lambda_k <= 0:
        raise ValueError(
            f"lambda_k must be a positive number, got {lambda_k!r}; without a price on the rate, "
            "the whole image is the answer"
        )
    return float(lambda_k)


def chosen_device(device: str | torch.device) -> torch.device:
    """Return the device that ``"auto"`` or a name means."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def checked_images(images: Tensor) -> Tensor:
    """Return images as a float32 batch ``(N, C, H, W)``, or raise TypeError or ValueError."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a float tensor (N, C, H, W) in [0, 1], got {kind}")
    images = images.detach().float()
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must have the shape (N, C, H, W), got {tuple(images.shape)}")
    outside = ~((images >= 0) & (images <= 1)).flatten(1).all(1)
    if outside.any():
        raise ValueError(
            f"images must be in [0, 1] and without NaN, image {int(outside.nonzero()[0])} is not; "
            "divide by 255, and leave normalisation to the classifier"
        )
    return images


def checked_targets(target: int | Sequence[int] | Tensor | None, logits: Tensor) -> Tensor:
    """Return the explained classes ``(N,)``, the predicted ones for None, or raise ValueError."""
    count, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    chosen = torch.as_tensor(target, device=logits.device)
    if chosen.is_floating_point() or chosen.shape not in ((), (count,)):
        raise ValueError(f"target must be one class or {count}, as whole numbers, got {target!r}")
    if bool(((chosen < 0) | (chosen >= classes)).any()):
        raise ValueError(f"target must be from 0 to {classes - 1}, got {target!r}")
    return chosen.long().expand(count)
