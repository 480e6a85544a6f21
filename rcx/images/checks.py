"""Checks of the images that users pass, made before any work on them begins."""

from __future__ import annotations

from torch import Tensor


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
        If they have another shape, or an image has values outside [0, 1] or NaN. The first such
        image is named.
    """
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"images must be a float tensor (N, C, H, W) in [0, 1], got {kind}; "
            "rcx.load_images reads files into such a tensor"
        )
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
