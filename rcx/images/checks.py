"""What users pass to an explainer, checked before the first second of work."""

from __future__ import annotations

from torch import Tensor


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
