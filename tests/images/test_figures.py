"""Figures: what is on them, in the project's style, whatever the class names are."""

import io

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from rcx.explain.explanation import Explanation
from rcx.explain.figures import explanation_figure, history_figure
from rcx.images import figures
from rcx.report import wavelet_figures
from rcx.representations.pixels import Pixels
from rcx.representations.wavelets import Wavelets

NAMES = ["goldfish", "$\\frac{1}", "名前\nwith a line break", "an exceedingly long name of a class"]


def explanation(count=2, size=16, method="CartoonX", kept=True, target=0, predicted=0):
    """Numbers that look like an explanation's, drawn from a seed."""
    draw = torch.Generator().manual_seed(1)
    rows = {
        name: torch.rand(count, generator=draw)
        for name in (
            "distortion",
            "distortion_error",
            "nonsparsity",
            "loss",
            "lambda_k",
            "probability",
            "probability_after",
            "residual",
        )
    }
    history = {
        name: torch.rand(count, 12, generator=draw) + 0.1
        for name in ("distortion", "nonsparsity", "loss", "residual")
    }
    for curve in history.values():
        curve[0, 8:] = torch.nan  # this one stopped early
    return Explanation(
        picture=torch.rand(count, 1, size, size, generator=draw),
        mask=torch.rand(count, 40, generator=draw),
        target=torch.full((count,), target),
        predicted=torch.full((count,), predicted),
        predicted_after=torch.full((count,), target if kept else 3),
        label_kept=torch.full((count,), kept),
        converged=torch.ones(count, dtype=torch.bool),
        steps=torch.full((count,), 12),
        history=history,
        settings={"method": method, "solver": {"tolerance": 0.04}},
        **rows,
    )


def drawn(figure):
    """The picture (height, width, 3) that a figure makes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def captions(figure):
    return [axes.get_xlabel() for axes in figure.axes]


def test_a_row_for_each_image_and_a_column_for_each_explanation():
    images = torch.rand(2, 3, 16, 16)
    cartoon, pixels = explanation(), explanation(method="Pixel RDE")
    figure = explanation_figure(images, [cartoon, pixels], NAMES)
    assert len(figure.axes) == 6
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["Image", "CartoonX", "Pixel RDE"]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.allclose(shown[0], images[0].permute(1, 2, 0))
    assert np.allclose(shown[1], cartoon.picture[0, 0])
    assert np.allclose(shown[5], pixels.picture[1, 0])
    assert drawn(figure).shape[1] > drawn(figure).shape[0]


def test_captions_say_class_probabilities_and_numbers():
    one = explanation(count=1)
    image, cartoon = captions(explanation_figure(torch.rand(1, 3, 16, 16), one, NAMES))
    before, after = float(one.probability), float(one.probability_after)
    assert image == f"goldfish\nprobability {before:.3f}"
    assert cartoon.splitlines()[:2] == ["goldfish", f"probability {before:.3f} → {after:.3f}"]
    assert f"non-sparsity {float(one.nonsparsity):.4f}" in cartoon
    assert f"distortion {float(one.distortion):.4f}" in cartoon


def test_a_lost_label_is_red_and_names_the_class_that_took_its_place():
    lost = explanation(count=1, kept=False)
    figure = explanation_figure(torch.rand(1, 3, 16, 16), lost, NAMES)
    label = figure.axes[1].xaxis.label
    assert "goldfish lost to an exceedingly long nam…" in label.get_text()
    assert label.get_color() == figures.RED
    assert figure.axes[0].xaxis.label.get_color() == figures.INK


def test_another_class_than_the_predicted_is_told_apart():
    other = explanation(count=1, target=3, predicted=0)
    caption = captions(explanation_figure(torch.rand(1, 3, 16, 16), other, NAMES))[0]
    assert caption.startswith("predicted goldfish\nexplained an exceedingly long nam…, ")


@pytest.mark.parametrize("target", range(5))
def test_class_names_are_taken_literally(target):
    one = explanation(count=1, target=target, predicted=target)
    figure = explanation_figure(torch.rand(1, 3, 16, 16), one, NAMES)
    assert drawn(figure).std() > 0  # and no warning of a missing glyph, no parsing as a formula
    if target == 4:
        assert captions(figure)[0].startswith("class 4\n")


def test_tall_images_and_grey_ones():
    figure = figures.picture_grid([[torch.rand(3, 40, 20), torch.rand(40, 20)]])
    height, width, _ = drawn(figure).shape
    assert height > 0.8 * width
    assert [axes.images[0].get_array().ndim for axes in figure.axes] == [3, 2]


def test_a_picture_fills_its_column():
    figure = explanation_figure(torch.rand(2, 3, 16, 16), explanation(), NAMES)
    pixels = drawn(figure)
    box = figure.axes[0].get_window_extent()
    assert box.width > 0.9 * pixels.shape[1] / 2


def test_counts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="3 images do not fit explanations of 2"):
        explanation_figure(torch.rand(3, 3, 16, 16), explanation())
    with pytest.raises(ValueError, match="none"):
        explanation_figure(torch.rand(3, 3, 16, 16), [])
    with pytest.raises(ValueError, match="as many in every row"):
        figures.picture_grid([[torch.rand(4, 4)], []])


def test_history_keeps_the_last_value_of_an_image_that_has_stopped():
    run = explanation(count=1)
    figure = history_figure([run, explanation(method="Pixel RDE")])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "distortion",
        "non-sparsity",
        "loss",
        "residual",
    ]
    line = figure.axes[0].lines[0].get_ydata()
    assert len(line) == 12
    assert np.allclose(line[8:], float(run.history["distortion"][0, 7]))
    texts = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert texts == ["CartoonX", "Pixel RDE"]
    assert drawn(figure).std() > 0


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    drawn(history_figure(explanation()))
    assert dict(matplotlib.rcParams) == before
    with figures.style():
        assert matplotlib.rcParams["axes.titlelocation"] == "left"
    assert dict(matplotlib.rcParams) == before


def test_use_style_stays_until_told_otherwise():
    with matplotlib.rc_context():
        figures.use_style()
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][0] == figures.BLUE


def test_a_notebook_shows_a_figure_without_pyplot():
    assert history_figure(explanation())._repr_png_().startswith(b"\x89PNG")


@pytest.fixture
def wavelets():
    return Wavelets(32, levels=2)


def test_a_pyramid_shows_every_band_in_its_place(wavelets):
    values = torch.zeros(wavelets.length)
    horizontal = wavelets.bands[-1].start  # the finest level's first orientation
    values[horizontal] = -3.0
    (axes,) = wavelet_figures.pyramid_figure(wavelets, {"coefficients": values}).axes
    tiles = {tuple(np.round(image.get_extent(), 1)): image.get_array() for image in axes.images}
    assert len(tiles) == 7
    below = tiles[0.0, 0.5, 1.0, 0.5]
    assert below.shape == wavelets.bands[-1].shape[1:]
    assert below[0, 0] == 1, "the largest of its band, whatever its sign"
    assert sum(float(tile.sum()) for tile in tiles.values()) == 1


def test_a_pyramid_is_only_for_wavelets(wavelets):
    with pytest.raises(ValueError, match="no pyramid"):
        wavelet_figures.pyramid_figure(Pixels(4), {"mask": torch.ones(16)})
    with pytest.raises(ValueError, match="values of shape"):
        wavelet_figures.pyramid_figure(wavelets, {"mask": torch.ones(3)})
    with pytest.raises(ValueError, match="at least one panel"):
        wavelet_figures.pyramid_figure(wavelets, {})
