"""Shearlets: images as coefficients of a frame of edges at several scales and angles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from rcx.representations.representation import Band, check_last_axes, height_and_width
from rcx.representations.shearlet_filters import (
    ShearletSystem,
    frequency_responses,
    shearlets_of,
)


class Shearlets:
    """Represent images by their shearlet coefficients, which fast Fourier transforms compute.

    A shearlet answers to an edge of one scale and one angle. Every filter has a coefficient at
    every pixel, so that there are many more coefficients than pixels. The transform is that of a
    frame: each filter is a product in frequency, and the inverse divides by the sum of the filters'
    squares.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels. One number stands for a square. Odd sizes are
        allowed. Both are at least ``2**(scales + 1)``.
    shear_levels : sequence of int
        For each scale, from the coarsest to the finest, how finely angles are told apart, at least
        0: a level d has ``4 * 2**d`` of them.
    system : {"compact", "meyer"}
        ``"compact"`` has the filters of ShearLab 3D [1]_, of finite support in space. ``"meyer"``
        has those of the fast finite shearlet transform [2]_, of finite support in frequency, whose
        squares sum to 1.

    Raises
    ------
    ValueError
        If the system is unknown, a shear level is negative, or the image is too small.

    Notes
    -----
    With the levels 1, 1, 2, 2, as in ShearletX [3]_, there are 20 + 28 filters and a low pass, so
    that images of 256 x 256 pixels have K = 3 211 264 coefficients. Images continue at the opposite
    edge.

    The low pass has the taps of [1]_. The directional filter is made in the same way, by a mapping
    of its own, so that coefficients are near those of ShearLab and not the same.

    References
    ----------
    .. [1] G. Kutyniok, W.-Q. Lim, R. Reisenhofer, "ShearLab 3D: Faithful Digital Shearlet
       Transforms Based on Compactly Supported Shearlets", ACM TOMS 2016, Section 3.
    .. [2] S. Häuser, G. Steidl, "Fast Finite Shearlet Transform: a tutorial", 2012.
    .. [3] S. Kolek, R. Windesheim, H. Andrade-Loarca, G. Kutyniok, R. Levie, "Explaining Image
       Classifiers with Multiscale Directional Image Representation", CVPR 2023.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        shear_levels: Sequence[int] = (1, 1, 2, 2),
        system: ShearletSystem = "compact",
    ) -> None:
        self.size = height_and_width(size)
        self.shear_levels, self.system = tuple(shear_levels), system
        if system not in get_args(ShearletSystem):
            raise ValueError(
                f"unknown system {system!r}; one of {', '.join(get_args(ShearletSystem))}"
            )
        if not self.shear_levels or any(
            isinstance(level, bool) or not isinstance(level, int) or level < 0
            for level in self.shear_levels
        ):
            raise ValueError(
                "shear_levels must have a whole number of at least 0 for each scale, got "
                f"{shear_levels!r}"
            )
        smallest = 2 ** (len(self.shear_levels) + 1)
        if min(self.size) < smallest:
            raise ValueError(
                f"{len(self.shear_levels)} scales of shearlets need images of at least {smallest} "
                f"pixels each way, got {self.size[0]} x {self.size[1]}; give fewer shear_levels"
            )
        levels = ", ".join(map(str, self.shear_levels))
        self.name = f"shearlets ({system}, shear levels {levels})"
        names = ["low pass"] + [
            f"detail {shearlet.detail}, {shearlet.angle:.0f}°"
            for shearlet in shearlets_of(self.shear_levels)
        ]
        pixels = self.size[0] * self.size[1]
        self.bands = tuple(
            Band(name, number * pixels, (number + 1) * pixels, self.size)
            for number, name in enumerate(names)
        )
        self.length = self.bands[-1].stop

    def __repr__(self) -> str:
        return (
            f"Shearlets(size={self.size}, shear_levels={self.shear_levels}, system={self.system!r})"
        )

    def _filters(self, like: Tensor) -> _Filters:
        return _filters(self.size, self.shear_levels, self.system, like.dtype, like.device)

    def analyse(self, images: Tensor) -> Tensor:
        """Turn images ``(..., H, W)`` into coefficients ``(..., K)``."""
        check_last_axes(images, self.size, "images")
        spectrum = torch.fft.rfft2(images)[..., None, :, :]
        parts: Tensor = torch.fft.irfft2(spectrum * self._filters(images).analysis, s=self.size)
        return parts.flatten(-3)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn coefficients ``(..., K)`` into images ``(..., H, W)``, inverting `analyse`.

        Other coefficients may give the same image. Those of `analyse` have the least norm.
        """
        check_last_axes(coefficients, (self.length,), "coefficients")
        parts = torch.unflatten(coefficients, -1, (len(self.bands), *self.size))
        spectrum = (torch.fft.rfft2(parts) * self._filters(coefficients).synthesis).sum(-3)
        images: Tensor = torch.fft.irfft2(spectrum, s=self.size)
        return images

    def energy_inside(self, regions: Tensor) -> Tensor:
        """Measure how much of each coefficient's energy lies inside regions of the image.

        `LocalisedRepresentation` says what this means.

        Parameters
        ----------
        regions : Tensor
            ``(..., H, W)`` in [0, 1], 1 inside the region and 0 outside.

        Returns
        -------
        Tensor
            ``(..., K)`` in [0, 1].
        """
        check_last_axes(regions, self.size, "regions")
        # a coefficient draws its dual filter, which is even, around its own place
        patterns = torch.fft.irfft2(self._filters(regions).synthesis, s=self.size).square()
        shares = torch.fft.rfft2(patterns / patterns.sum((-2, -1), keepdim=True))
        inside: Tensor = torch.fft.irfft2(
            torch.fft.rfft2(regions)[..., None, :, :] * shares, s=self.size
        )
        return inside.clamp(0, 1).flatten(-3)


class _Filters(NamedTuple):
    """Responses ``(B, H, W // 2 + 1)`` of the filters, and of those of the dual frame."""

    analysis: Tensor
    synthesis: Tensor


@lru_cache(maxsize=8)
def _filters(
    size: tuple[int, int],
    shear_levels: tuple[int, ...],
    system: ShearletSystem,
    dtype: torch.dtype,
    device: torch.device,
) -> _Filters:
    """Make the filters; they are cached, as they take longer than a transform."""
    responses = frequency_responses(size, shear_levels, system)
    dual = responses / (responses**2).sum(0)
    # Autograd must be able to use them even if the first caller is in inference mode.
    with torch.inference_mode(False):
        analysis, synthesis = (
            torch.tensor(part, dtype=dtype, device=device) for part in (responses, dual)
        )
        return _Filters(analysis, synthesis)
