"""Figures of explanations: what is on them, whatever the class names are."""

import matplotlib
import numpy as np
import pytest
import torch
from helpers import rendered

from rcx.explain.explanation import Explanation
from rcx.explain.figures import explanation_figure, history_figure
from rcx.images import figures

NAMES = ["goldfish", "$\\frac{1}", "名前\nwith a line break", "an exceedingly long name of a class"]


def make_explanation(
    count: int = 2,
    size: int = 16,
    method: str = "CartoonX",
    kept: bool = True,
    target: int = 0,
    predicted: int = 0,
) -> Explanation:
    """Numbers that look like an explanation's, drawn from a seed."""
    generator = torch.Generator().manual_seed(1)
    rows = {
        name: torch.rand(count, generator=generator)
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
        name: torch.rand(count, 12, generator=generator) + 0.1
        for name in ("distortion", "nonsparsity", "loss", "residual")
    }
    for curve in history.values():
        curve[0, 8:] = torch.nan  # the first image stopped early
    return Explanation(
        images=torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8),
        picture=torch.rand(count, 1, size, size, generator=generator),
        mask=torch.rand(count, 40, generator=generator),
        target=torch.full((count,), target),
        predicted=torch.full((count,), predicted),
        predicted_after=torch.full((count,), target if kept else 3),
        label_kept=torch.full((count,), kept),
        converged=torch.ones(count, dtype=torch.bool),
        steps=torch.full((count,), 12),
        history=history,
        class_names=dict(enumerate(NAMES)),
        settings={"method": method, "solver": {"tolerance": 0.04}},
        **rows,
    )


def captions(figure: figures.StyledFigure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes]


def test_a_row_for_each_image_and_a_column_for_each_explanation() -> None:
    cartoon, pixels = make_explanation(), make_explanation(method="Pixel RDE")
    figure = explanation_figure([cartoon, pixels])
    assert len(figure.axes) == 6
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["Image", "CartoonX", "Pixel RDE"]
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert np.allclose(shown[0], cartoon.images[0].permute(1, 2, 0) / 255)
    assert np.allclose(shown[1], cartoon.picture[0, 0])
    assert np.allclose(shown[5], pixels.picture[1, 0])
    assert rendered(figure).shape[1] > rendered(figure).shape[0]


def test_maps_of_other_methods_come_last_in_shares_of_their_largest_value() -> None:
    explanation = make_explanation()
    dim = torch.rand(2, 16, 16) / 10
    dim[1] = 0
    figure = explanation_figure(explanation, maps={"another map": dim})
    assert figure.axes[2].get_title(loc="left") == "another map"
    first, second = (np.asarray(figure.axes[place].images[0].get_array()) for place in (2, 5))
    assert np.allclose(first, dim[0] / dim[0].max()) and not second.any()
    assert captions(figure)[2] == ""


def test_captions_say_class_probabilities_and_numbers() -> None:
    explanation = make_explanation(count=1)
    image, cartoon = captions(explanation_figure(explanation))
    before, after = float(explanation.probability), float(explanation.probability_after)
    assert image == f"goldfish\nprobability {before:.3f}"
    assert cartoon.splitlines()[:2] == ["goldfish", f"probability {before:.3f} → {after:.3f}"]
    assert f"non-sparsity {float(explanation.nonsparsity):.4f}" in cartoon
    assert f"distortion {float(explanation.distortion):.4f}" in cartoon


def test_a_lost_label_is_red_and_names_the_class_that_took_its_place() -> None:
    figure = explanation_figure(make_explanation(count=1, kept=False))
    label = figure.axes[1].xaxis.label
    assert "goldfish lost to an exceedingly long nam…" in label.get_text()
    assert label.get_color() == figures.RED
    assert figure.axes[0].xaxis.label.get_color() == figures.INK


def test_another_class_than_the_predicted_is_told_apart() -> None:
    explanation = make_explanation(count=1, target=3, predicted=0)
    caption = captions(explanation_figure(explanation))[0]
    assert caption.startswith("predicted goldfish\nexplained an exceedingly long nam…, ")


@pytest.mark.parametrize("target", range(5))
def test_class_names_are_taken_literally(target: int) -> None:
    figure = explanation_figure(make_explanation(count=1, target=target, predicted=target))
    # There is no warning of a missing glyph, and no name is parsed as a formula.
    assert rendered(figure).std() > 0
    if target == 4:
        assert captions(figure)[0].startswith("class 4\n")


def test_a_picture_fills_its_column() -> None:
    figure = explanation_figure(make_explanation())
    width = rendered(figure).shape[1]
    assert figure.axes[0].get_window_extent().width > 0.9 * width / 2


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="explanations of 2, 3 images do not stand side by side"):
        explanation_figure([make_explanation(), make_explanation(count=3)])
    with pytest.raises(ValueError, match="none"):
        explanation_figure([])
    with pytest.raises(ValueError, match="2, 3"):
        explanation_figure(make_explanation(), maps={"map": torch.rand(3, 16, 16)})


def test_history_keeps_the_last_value_of_an_image_that_has_stopped() -> None:
    explanation = make_explanation(count=1)
    figure = history_figure([explanation, make_explanation(method="Pixel RDE")])
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "distortion",
        "non-sparsity",
        "loss",
        "residual",
    ]
    curve = np.asarray(figure.axes[0].lines[0].get_ydata())
    assert len(curve) == 12
    assert np.allclose(curve[8:], float(explanation.history["distortion"][0, 7]))
    legend = figure.axes[3].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["CartoonX", "Pixel RDE"]
    assert rendered(figure).std() > 0


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    rendered(history_figure(make_explanation()))
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    assert history_figure(make_explanation())._repr_png_().startswith(b"\x89PNG")
