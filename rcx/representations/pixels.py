"""Pixels: every pixel is a coefficient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rcx.representations.representation import Band, check_last_axes, height_and_width


class Pixels:
    """Represent images by their pixels, so that each colour has one coefficient per pixel.

    With this representation, the method is Pixel RDE [1]_.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels. One number stands for a square.

    Raises
    ------
    ValueError
        If the height or the width is less than 1 pixel.

    References
    ----------
    .. [1] S. Kolek et al., "A rate-distortion framework for explaining black-box model decisions",
       xxAI, 2022.
    """

    name = "pixels"

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = height_and_width(size)
        self.length = self.size[0] * self.size[1]
        self.bands: tuple[Band, ...] = (Band("pixels", 0, self.length, self.size),)

    def __repr__(self) -> str:
        return f"Pixels(size={self.size})"

    def analyse(self, images: Tensor) -> Tensor:
        """Turn images ``(..., H, W)`` into coefficients ``(..., K)``."""
        check_last_axes(images, self.size, "images")
        return images.flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn coefficients ``(..., K)`` into images ``(..., H, W)``."""
        check_last_axes(coefficients, (self.length,), "coefficients")
        return torch.unflatten(coefficients, -1, self.size)

    def energy_inside(self, regions: Tensor) -> Tensor:
        """Measure how much of each pixel lies inside regions, as `LocalisedRepresentation` says."""
        return self.analyse(regions)
