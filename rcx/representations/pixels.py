"""Pixels as coefficients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rcx.representations.representation import Band, _check, _image_size


class Pixels:
    """The identity: one coefficient per pixel, shared by the colours.

    With it the method is Pixel RDE [1]_.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels.

    References
    ----------
    .. [1] S. Kolek et al., "A rate-distortion framework for explaining black-box model decisions",
       xxAI, 2022.
    """

    name = "pixels"

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = _image_size(size)
        self.length = self.size[0] * self.size[1]
        self.bands: tuple[Band, ...] = (Band("pixels", 0, self.length, self.size),)

    def __repr__(self) -> str:
        return f"Pixels(size={self.size})"

    def analyse(self, images: Tensor) -> Tensor:
        """Turn ``(..., H, W)`` images into ``(..., K)`` coefficients."""
        _check(images, self.size, "images")
        return images.flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn ``(..., K)`` coefficients into ``(..., H, W)`` images."""
        _check(coefficients, (self.length,), "coefficients")
        return coefficients.unflatten(-1, self.size)

    def energy_inside(self, regions: Tensor) -> Tensor:
        """Share of each coefficient's energy inside of regions, see `Wavelets.energy_inside`."""
        return self.analyse(regions)
