"""Representations: the two plugs of the one method.

A representation turns images ``(N, C, H, W)`` into coefficients ``(N, C, K)`` with one flat
coefficient axis, and back. Everything downstream speaks of coefficients and masks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pywt
import torch
from torch import Tensor

from rcx.representations.banded import BandedMatrix
from rcx.representations.representation import Band, _check, _image_size

# On a CPU, so many neighbouring samples are transformed at a time, with the coefficients that they
# need; in shorter signals most of the coefficients are needed anyway.
_SAMPLES = 32
_SHORTEST_IN_BLOCKS = 100


class Wavelets:
    """Two-dimensional discrete wavelet transform, as matrix products.

    Each level applies one analysis matrix per direction; the inverse applies one synthesis matrix
    per direction. The matrices are PyWavelets' own one-dimensional transform of the identity, so
    every wavelet and padding that PyWavelets knows is available and equal to it. Coefficients are
    ordered as PyWavelets orders them: the approximation, then the horizontal, vertical and diagonal
    details from the coarsest level to the finest.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels; odd sizes too.
    wavelet : str
        Any discrete wavelet of PyWavelets (``pywt.wavelist(kind="discrete")``).
    levels : int
        Depth of the pyramid. Every level must find at least one filter length of samples.
    padding : str
        Any signal extension mode of PyWavelets that is linear (all but none are).

    Raises
    ------
    ValueError
        For an unknown wavelet or padding, or a depth that the image size does not allow.

    Notes
    -----
    K is 69 831 for 256 x 256 images, db3, zero padding and 5 levels, as in CartoonX [1]_.

    References
    ----------
    .. [1] S. Kolek et al., "Cartoon Explanations of Image Classifiers", ECCV 2022, Section 3.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        wavelet: str = "db3",
        levels: int = 5,
        padding: str = "zero",
    ) -> None:
        self.size = _image_size(size)
        self.wavelet, self.levels, self.padding = wavelet, levels, padding
        self.name = f"wavelets ({wavelet}, {levels} levels)"
        if wavelet not in pywt.wavelist(kind="discrete"):
            raise ValueError(
                f"unknown wavelet {wavelet!r}; one of pywt.wavelist(kind='discrete'), such as 'db3'"
            )
        if padding not in pywt.Modes.modes:
            raise ValueError(f"unknown padding {padding!r}; one of {pywt.Modes.modes}")
        deepest = deepest_level(self.size, wavelet, padding)
        if isinstance(levels, bool) or not isinstance(levels, int) or not 1 <= levels <= deepest:
            raise ValueError(
                f"levels must be a whole number from 1 to {deepest} for {wavelet} on "
                f"{self.size[0]} x {self.size[1]} images, got {levels!r}"
            )
        self._sizes = _pyramid(self.size, wavelet, levels, padding)
        self.bands = self._layout()
        self.length = self.bands[-1].stop

    def __repr__(self) -> str:
        return f"Wavelets(size={self.size}, wavelet={self.wavelet!r}, levels={self.levels})"

    def _layout(self) -> tuple[Band, ...]:
        coarsest = self._sizes[-1]
        bands = [Band(f"approximation {self.levels}", 0, coarsest[0] * coarsest[1], coarsest)]
        for level in range(self.levels, 0, -1):
            height, width = self._sizes[level]
            start = bands[-1].stop
            shape = (3, height, width)
            bands.append(Band(f"detail {level}", start, start + 3 * height * width, shape))
        return tuple(bands)

    def _matrices(self, level: int, like: Tensor) -> tuple[BandedMatrix, ...]:
        """Analysis and synthesis along the rows, analysis and synthesis along the columns."""
        height, width = self._sizes[level - 1]
        rows = _filters(height, self.wavelet, self.padding, like.dtype, like.device)
        columns = _filters(width, self.wavelet, self.padding, like.dtype, like.device)
        return *rows, *columns

    def analyse(self, images: Tensor) -> Tensor:
        """Turn ``(..., H, W)`` images into ``(..., K)`` coefficients."""
        _check(images, self.size, "images")
        details: list[Tensor] = []
        approximation = images
        for level in range(1, self.levels + 1):
            height, width = self._sizes[level]
            rows, _, columns, _ = self._matrices(level, images)
            both = columns.on_columns(rows.on_rows(approximation))
            low, high = both.split(height, dim=-2)
            approximation, vertical = low.split(width, dim=-1)
            horizontal, diagonal = high.split(width, dim=-1)
            details.insert(0, torch.stack((horizontal, vertical, diagonal), dim=-3).flatten(-3))
        return torch.cat((approximation.flatten(-2), *details), dim=-1)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn ``(..., K)`` coefficients into ``(..., H, W)`` images, the exact inverse."""
        _check(coefficients, (self.length,), "coefficients")
        # in one call: the gradient of each slice would be as long as all coefficients
        bands = coefficients.split([band.stop - band.start for band in self.bands], dim=-1)
        shapes = [band.shape for band in self.bands]
        parts = [part.unflatten(-1, shape) for part, shape in zip(bands, shapes, strict=True)]
        approximation = parts[0]
        for level, detail in zip(range(self.levels, 0, -1), parts[1:], strict=True):
            _, rows, _, columns = self._matrices(level, coefficients)
            horizontal, vertical, diagonal = detail.unbind(-3)
            low = torch.cat((approximation, vertical), dim=-1)
            high = torch.cat((horizontal, diagonal), dim=-1)
            both = torch.cat((low, high), dim=-2)
            approximation = rows.on_rows(columns.on_columns(both))
        return approximation

    def energy_inside(self, regions: Tensor) -> Tensor:
        """Share of each coefficient's energy that lies inside of regions of the image.

        Parameters
        ----------
        regions : Tensor
            ``(..., H, W)`` in [0, 1], 1 inside.

        Returns
        -------
        Tensor
            ``(..., K)`` in [0, 1]: of what a coefficient alone would draw, squared, the part that
            falls inside.
        """
        _check(regions, self.size, "regions")
        rows, columns = (torch.eye(length).to(regions) for length in self.size)
        parts: list[Tensor] = []
        for level in range(1, self.levels + 1):
            height, width = self._sizes[level]
            _, up, _, across = self._matrices(level, regions)
            # what each row of coefficients draws, down to the image: low, then high frequencies
            low_rows, high_rows = (rows @ up.dense).split(height, dim=1)
            low_columns, high_columns = (columns @ across.dense).split(width, dim=1)
            for one, other in (
                (high_rows, high_columns),
                (low_rows, high_columns),
                (high_rows, low_columns),
            ):
                parts.insert(0, _energy(one, other, regions))
            rows, columns = low_rows, low_columns
        return torch.cat((_energy(rows, columns, regions), *parts), dim=-1)


def _energy(rows: Tensor, columns: Tensor, regions: Tensor) -> Tensor:
    """Share inside for coefficients that draw the products of a row's and a column's pattern."""
    one, other = (pattern.square() / pattern.square().sum(0) for pattern in (rows, columns))
    return (one.T @ regions @ other).flatten(-2).clamp(0, 1)


def deepest_level(size: int | Sequence[int], wavelet: str, padding: str = "zero") -> int:
    """Largest depth at which every level still finds one filter length of samples.

    Parameters
    ----------
    size : int or (int, int)
        Image size in pixels.
    wavelet, padding : str
        As in `Wavelets`.

    Returns
    -------
    int
        0 where the image is smaller than the filter. At least ``pywt.dwt_max_level``.
    """
    filter_length = pywt.Wavelet(wavelet).dec_len
    length, level = min(_image_size(size)), 0
    while length >= filter_length:
        length = pywt.dwt_coeff_len(length, filter_length, padding)
        level += 1
    return level


def _pyramid(
    size: tuple[int, int], wavelet: str, levels: int, padding: str
) -> list[tuple[int, int]]:
    """Image sizes from the image (index 0) to the coarsest approximation."""
    filter_length = pywt.Wavelet(wavelet).dec_len
    sizes = [size]
    for _ in range(levels):
        height, width = (pywt.dwt_coeff_len(n, filter_length, padding) for n in sizes[-1])
        sizes.append((height, width))
    return sizes


@lru_cache(maxsize=256)
def _filters(
    length: int, wavelet: str, padding: str, dtype: torch.dtype, device: torch.device
) -> tuple[BandedMatrix, BandedMatrix]:
    """Analysis ``(2m, n)`` and synthesis ``(n, 2m)`` matrices of one level and direction."""
    low, high = pywt.dwt(np.eye(length), wavelet, mode=padding, axis=0)
    basis = np.eye(2 * len(low))
    synthesis = pywt.idwt(basis[: len(low)], basis[len(low) :], wavelet, mode=padding, axis=0)
    whole = device.type != "cpu" or length < _SHORTEST_IN_BLOCKS
    samples, pairs = (None, None) if whole else (_SAMPLES, _SAMPLES // 2)
    # cached tensors must stay usable by autograd, whatever mode the first caller was in
    with torch.inference_mode(False):
        analysis = torch.tensor(np.concatenate((low, high)), dtype=dtype, device=device)
        inverse = torch.tensor(synthesis[:length], dtype=dtype, device=device)
        return BandedMatrix(analysis, pairs, samples), BandedMatrix(inverse, samples, pairs)
