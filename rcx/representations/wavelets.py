"""Wavelets: images as coefficients of the two-dimensional discrete wavelet transform."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pywt
import torch
from torch import Tensor

from rcx.representations.banded import BandedMatrix
from rcx.representations.representation import Band, check_last_axes, height_and_width

# On a CPU, this many neighbouring samples are transformed at a time, with the coefficients that
# they need. In a signal shorter than the second number, they need most of the coefficients anyway.
_SAMPLES = 32
_SHORTEST_IN_BLOCKS = 100


class Wavelets:
    """Represent images by their wavelet coefficients, which matrix products compute.

    Each level applies one analysis matrix per direction, and the inverse applies one synthesis
    matrix per direction. The matrices are PyWavelets' one-dimensional transforms of the identity.
    Every wavelet and padding of PyWavelets is therefore available, with equal coefficients. They
    are ordered as in PyWavelets: the approximation, then the horizontal, vertical and diagonal
    details of each level, from the coarsest level to the finest.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels. One number stands for a square. Odd sizes are
        allowed.
    wavelet : str
        Any discrete wavelet of PyWavelets (``pywt.wavelist(kind="discrete")``).
    levels : int
        Depth of the pyramid, from 1 to `deepest_level`.
    padding : str
        Any signal extension mode of PyWavelets (``pywt.Modes.modes``).

    Raises
    ------
    ValueError
        If the wavelet or the padding is unknown, or the image size does not allow the depth.

    Notes
    -----
    With db3, zero padding and 5 levels, as in CartoonX [1]_, images of 256 x 256 pixels have
    K = 69 831 coefficients.

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
        self.size = height_and_width(size)
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
        """Lay the approximation and the details of each level along the coefficient axis."""
        coarsest = self._sizes[-1]
        bands = [Band(f"approximation {self.levels}", 0, coarsest[0] * coarsest[1], coarsest)]
        for level in range(self.levels, 0, -1):
            height, width = self._sizes[level]
            start = bands[-1].stop
            shape = (3, height, width)
            bands.append(Band(f"detail {level}", start, start + 3 * height * width, shape))
        return tuple(bands)

    def _matrices(self, level: int, like: Tensor) -> tuple[BandedMatrix, ...]:
        """Make the matrices of analysis and synthesis, first for the rows, then for the columns."""
        height, width = self._sizes[level - 1]
        rows = _filters(height, self.wavelet, self.padding, like.dtype, like.device)
        columns = _filters(width, self.wavelet, self.padding, like.dtype, like.device)
        return *rows, *columns

    def analyse(self, images: Tensor) -> Tensor:
        """Turn images ``(..., H, W)`` into coefficients ``(..., K)``."""
        check_last_axes(images, self.size, "images")
        details: list[Tensor] = []
        approximation = images
        for level in range(1, self.levels + 1):
            height, width = self._sizes[level]
            rows, _, columns, _ = self._matrices(level, images)
            both = columns.on_columns(rows.on_rows(approximation))
            low, high = torch.split(both, height, dim=-2)
            approximation, vertical = torch.split(low, width, dim=-1)
            horizontal, diagonal = torch.split(high, width, dim=-1)
            details.insert(0, torch.stack((horizontal, vertical, diagonal), dim=-3).flatten(-3))
        return torch.cat((approximation.flatten(-2), *details), dim=-1)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn coefficients ``(..., K)`` into images ``(..., H, W)``, inverting `analyse`."""
        check_last_axes(coefficients, (self.length,), "coefficients")
        # One call of split saves memory: the gradient of each single slice would have K entries.
        lengths = [band.stop - band.start for band in self.bands]
        parts = [
            torch.unflatten(part, -1, band.shape)
            for part, band in zip(torch.split(coefficients, lengths, -1), self.bands, strict=True)
        ]
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
        rows, columns = (torch.eye(length).to(regions) for length in self.size)
        parts: list[Tensor] = []
        for level in range(1, self.levels + 1):
            height, width = self._sizes[level]
            _, row_synthesis, _, column_synthesis = self._matrices(level, regions)
            # These are the patterns that the coefficients of this level draw along each direction
            # of the image.
            low_rows, high_rows = torch.split(rows @ row_synthesis.dense, height, dim=1)
            low_columns, high_columns = torch.split(columns @ column_synthesis.dense, width, dim=1)
            for row_patterns, column_patterns in (
                (high_rows, high_columns),
                (low_rows, high_columns),
                (high_rows, low_columns),
            ):
                parts.insert(0, _energy(row_patterns, column_patterns, regions))
            rows, columns = low_rows, low_columns
        return torch.cat((_energy(rows, columns, regions), *parts), dim=-1)


def _energy(rows: Tensor, columns: Tensor, regions: Tensor) -> Tensor:
    """Measure the energy inside regions for coefficients that each draw a product of two patterns.

    Parameters
    ----------
    rows, columns : Tensor
        ``(H, h)`` and ``(W, w)``, the patterns along the two directions of the image.
    regions : Tensor
        ``(..., H, W)`` in [0, 1].

    Returns
    -------
    Tensor
        ``(..., h * w)`` in [0, 1].
    """
    row_shares, column_shares = (
        pattern.square() / pattern.square().sum(0) for pattern in (rows, columns)
    )
    return (row_shares.T @ regions @ column_shares).flatten(-2).clamp(0, 1)


def deepest_level(size: int | Sequence[int], wavelet: str, padding: str = "zero") -> int:
    """Find the largest depth at which every level still transforms at least one filter length.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the images, in pixels.
    wavelet, padding : str
        As for `Wavelets`.

    Returns
    -------
    int
        At least ``pywt.dwt_max_level``; 0 if the image is smaller than the filter.
    """
    filter_length = pywt.Wavelet(wavelet).dec_len
    length, level = min(height_and_width(size)), 0
    while length >= filter_length:
        length = pywt.dwt_coeff_len(length, filter_length, padding)
        level += 1
    return level


def _pyramid(
    size: tuple[int, int], wavelet: str, levels: int, padding: str
) -> list[tuple[int, int]]:
    """List the sizes of the image (index 0) and of each level's approximation."""
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
    """Make the matrices of analysis ``(2m, n)`` and synthesis ``(n, 2m)`` of n samples."""
    low, high = pywt.dwt(np.eye(length), wavelet, mode=padding, axis=0)
    basis = np.eye(2 * len(low))
    synthesis = pywt.idwt(basis[: len(low)], basis[len(low) :], wavelet, mode=padding, axis=0)
    whole = device.type != "cpu" or length < _SHORTEST_IN_BLOCKS
    samples, pairs = (None, None) if whole else (_SAMPLES, _SAMPLES // 2)
    # The tensors are cached, so autograd must be able to use them even if the first caller is in
    # inference mode.
    with torch.inference_mode(False):
        analysis = torch.tensor(np.concatenate((low, high)), dtype=dtype, device=device)
        inverse = torch.tensor(synthesis[:length], dtype=dtype, device=device)
        return BandedMatrix(analysis, pairs, samples), BandedMatrix(inverse, samples, pairs)
