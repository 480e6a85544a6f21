"""Figures of explanations: beside their images, and on the way to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rcx.explain.explanation import Explanation
from rcx.images.figures import (
    FAINT,
    INK,
    RED,
    STYLE,
    StyledFigure,
    picture_grid,
    style,
)
from rcx.system.text import shortened


def explanation_figure(
    explanations: Explanation | Sequence[Explanation], *, titles: Sequence[str] | None = None
) -> StyledFigure:
    """Show images beside their explanations, a row for each image.

    Parameters
    ----------
    explanations : Explanation or sequence of Explanation
        One column each, such as a CartoonX and a Pixel RDE, each of the same N images.
    titles : sequence of str, optional
        Of the explanations' columns; the methods' names by default.

    Returns
    -------
    Figure
        Below each image the class and its probability; below each explanation the probability
        before and after, non-sparsity and distortion, in red where the label is lost.

    Raises
    ------
    ValueError
        If there is no explanation, or they are of different numbers of images.
    """
    columns = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    if not columns or any(len(column) != len(columns[0]) for column in columns):
        counts = ", ".join(str(len(column)) for column in columns) or "none"
        raise ValueError(f"explanations of {counts} images do not stand side by side")
    if titles is None:
        titles = [str(column.settings.get("method", "explanation")) for column in columns]
    rows, captions, colours = [], [], []
    for number, first in enumerate(columns[0]):
        alone = [first, *(column[number] for column in columns[1:])]
        rows.append([first.images[0] / 255, *(one.picture[0] for one in alone)])
        captions.append([_image_caption(first), *(_caption(one) for one in alone)])
        colours.append([INK, *(INK if bool(one.label_kept) else RED for one in alone)])
    return picture_grid(rows, ["Image", *titles], captions, colours)


def _image_caption(one: Explanation) -> str:
    target, predicted = (
        shortened(one.label(int(index)), 24) for index in (one.target, one.predicted)
    )
    probability = f"probability {float(one.probability):.3f}"
    if target == predicted:
        return f"{target}\n{probability}"
    return f"predicted {predicted}\nexplained {target}, {probability}"


def _caption(one: Explanation) -> str:
    """Three lines: class, probability before and after; non-sparsity and distortion."""
    after = f"{float(one.probability):.3f} → {float(one.probability_after):.3f}"
    name = shortened(one.label(int(one.target)), 24)
    if bool(one.empty):
        name += ": empty, costs too much"
    elif not bool(one.label_kept):
        name += f" lost to {shortened(one.label(int(one.predicted_after)), 24)}"
    numbers = f"non-sparsity {float(one.nonsparsity):.4f}, distortion {float(one.distortion):.4f}"
    return f"{shortened(name, 44)}\nprobability {after}\n{numbers}"


def history_figure(
    explanations: Explanation | Sequence[Explanation], labels: Sequence[str] | None = None
) -> StyledFigure:
    """Show how distortion, non-sparsity, loss and residual went over the solver's steps.

    Parameters
    ----------
    explanations : Explanation or sequence of Explanation
        A colour each: a thin line for each image, a thick one for their median.
    labels : sequence of str, optional
        For the legend; the methods' names by default.

    Returns
    -------
    Figure
        A dotted line in the last panel is the tolerance, below which an image stops.
    """
    runs = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    if labels is None:
        labels = [str(run.settings.get("method", "explanation")) for run in runs]
    names = ("distortion", "non-sparsity", "loss", "residual")
    with style():
        figure = StyledFigure(figsize=(9, 4.6))
        panels = figure.subplots(2, 2).flatten()
        for axes, name in zip(panels, names, strict=True):
            key = name.replace("-", "")
            cycle = STYLE["axes.prop_cycle"].by_key()["color"]
            for number, (run, label) in enumerate(zip(runs, labels, strict=True)):
                colour = cycle[number % len(cycle)]
                # an image that has stopped keeps its last value
                curves = pd.DataFrame(run.history[key].numpy()).ffill(axis=1).to_numpy()
                steps = np.arange(1, curves.shape[1] + 1)
                axes.plot(steps, curves.T, color=colour, alpha=0.35, linewidth=0.8)
                axes.plot(
                    steps, np.median(curves, axis=0), color=colour, linewidth=1.2, label=label
                )
            axes.set_title(name)
            axes.set_xlabel("step")
            axes.margins(x=0.01)
            if key == "distortion":
                axes.set_ylim(bottom=0)
            else:
                axes.set_yscale("log")
        for run in runs:
            if tolerance := run.settings.get("solver", {}).get("tolerance"):
                panels[-1].axhline(tolerance, color=FAINT, linestyle=":", linewidth=1)
        if len(runs) > 1:
            panels[-1].legend()
    return figure
