"""The pyramid shows every band of wavelet coefficients in its place."""

import numpy as np
import pytest
import torch

from rcx.report.wavelet_figures import pyramid_figure
from rcx.representations.pixels import Pixels
from rcx.representations.wavelets import Wavelets


@pytest.fixture
def wavelets() -> Wavelets:
    return Wavelets(32, levels=2)


def test_a_pyramid_shows_every_band_in_its_place(wavelets: Wavelets) -> None:
    values = torch.zeros(wavelets.length)
    horizontal = wavelets.bands[-1].start  # the finest level's first orientation
    values[horizontal] = -3.0
    (axes,) = pyramid_figure(wavelets, {"coefficients": values}).axes
    tiles = {
        tuple(np.round(image.get_extent(), 1).tolist()): np.asarray(image.get_array())
        for image in axes.images
    }
    assert len(tiles) == 7
    below = tiles[0.0, 0.5, 1.0, 0.5]
    assert below.shape == wavelets.bands[-1].shape[1:]
    assert below[0, 0] == 1, "the largest value of its band is white, whatever its sign"
    assert sum(float(tile.sum()) for tile in tiles.values()) == 1


def test_a_pyramid_is_only_for_wavelets(wavelets: Wavelets) -> None:
    with pytest.raises(ValueError, match="no pyramid"):
        pyramid_figure(Pixels(4), {"mask": torch.ones(16)})
    with pytest.raises(ValueError, match="values of shape"):
        pyramid_figure(wavelets, {"mask": torch.ones(3)})
    with pytest.raises(ValueError, match="at least one panel"):
        pyramid_figure(wavelets, {})
