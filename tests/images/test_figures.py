"""Grids of pictures in the project's style, and matplotlib left as it was."""

import matplotlib
import numpy as np
import pytest
import torch
from helpers import rendered

from rcx.images import figures


def test_tall_images_and_grey_ones() -> None:
    figure = figures.picture_grid([[torch.rand(3, 40, 20), torch.rand(40, 20)]])
    height, width, _ = rendered(figure).shape
    assert height > 0.8 * width
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert [pixels.ndim for pixels in shown] == [3, 2]


def test_a_picture_fills_its_column() -> None:
    pixels = torch.rand(2, 3, 16, 16)
    captions = [
        ["goldfish\nprobability 0.5", "goldfish\nprobability 0.5 → 0.4\ndistortion 0.1"]
    ] * 2
    figure = figures.picture_grid([[image, image[0]] for image in pixels], captions=captions)
    width = rendered(figure).shape[1]
    assert figure.axes[0].get_window_extent().width > 0.9 * width / 2


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="as many in every row"):
        figures.picture_grid([[torch.rand(4, 4)], []])


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    rendered(figures.picture_grid([[torch.rand(4, 4)]]))
    assert dict(matplotlib.rcParams) == before
    with figures.style():
        assert matplotlib.rcParams["axes.titlelocation"] == "left"
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][0] == figures.BLUE
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    figure = figures.picture_grid([[torch.rand(4, 4)]])
    assert figure._repr_png_().startswith(b"\x89PNG")
