"""Figures of explanations: beside their images, and their curves over the solver's steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import Tensor

from rcx.images.figures import (
    COLOURS,
    FAINT,
    INK,
    RED,
    StyledFigure,
    picture_grid,
    style,
)
from rcx.system.text import shortened

if TYPE_CHECKING:
    from rcx.explain.explanation import Explanation


def explanation_figure(
    explanations: Explanation | Sequence[Explanation],
    *,
    titles: Sequence[str] | None = None,
    maps: Mapping[str, Tensor] | None = None,
) -> StyledFigure:
    """Show images beside their explanations, a row for each image.

    Parameters
    ----------
    explanations : Explanation or sequence of Explanation
        A column for each, such as one by CartoonX and one by Pixel RDE, all of the same N images.
    titles : sequence of str, optional
        Titles of the explanations' columns; by default the methods' names.
    maps : mapping of str to Tensor, optional
        Maps ``(N, H, W)`` of other methods, by the titles of their columns, which come last. None
        of their values is negative. Each map is drawn in shares of its largest value.

    Returns
    -------
    StyledFigure
        The class and its probability stand below each image. The probability before and after, the
        non-sparsity and the distortion stand below each explanation, in red if the label is lost.

    Raises
    ------
    ValueError
        If there is no explanation, or explanations or maps are of different numbers of images.
    """
    others = maps or {}
    columns = list(explanations) if isinstance(explanations, Sequence) else [explanations]
    lengths = [len(column) for column in columns] + [len(one) for one in others.values()]
    if not columns or len(set(lengths)) > 1:
        counts = ", ".join(map(str, lengths)) or "none"
        raise ValueError(f"explanations of {counts} images do not stand side by side")
    if titles is None:
        titles = [str(column.settings.get("method", "explanation")) for column in columns]
    rows, captions, colours = [], [], []
    for number, row in enumerate(zip(*columns, strict=True)):
        pictures = [explanation.picture[0] for explanation in row]
        pictures += [one[number] / one[number].max().clamp_min(1e-12) for one in others.values()]
        rows.append([_shown(row[0].images[0]), *pictures])
        texts = [_image_caption(row[0]), *(_caption(explanation) for explanation in row)]
        captions.append(texts + [""] * len(others))
        inks = [INK if bool(explanation.label_kept) else RED for explanation in row]
        colours.append([INK, *inks] + [INK] * len(others))
    return picture_grid(rows, ["Image", *titles, *others], captions, colours)


def _shown(image: Tensor) -> Tensor:
    """Return an image ``(C, H, W)`` uint8 in [0, 1], in grey if it has neither 1 nor 3 channels."""
    pixels = image / 255
    return pixels if len(pixels) in (1, 3) else pixels.mean(0, keepdim=True)


def _name(explanation: Explanation, index: Tensor) -> str:
    """Name of a class, short enough for a caption."""
    return shortened(explanation.label(int(index)), 24)


def _image_caption(explanation: Explanation) -> str:
    """Two lines: the class and its probability."""
    target, predicted = (
        _name(explanation, index) for index in (explanation.target, explanation.predicted)
    )
    probability = f"{explanation.quantity} {float(explanation.probability):.3f}"
    if target == predicted:
        return f"{target}\n{probability}"
    return f"predicted {predicted}\nexplained {target}, {probability}"


def _caption(explanation: Explanation) -> str:
    """Three lines: the class, its probability before and after, non-sparsity and distortion."""
    name = _name(explanation, explanation.target)
    if bool(explanation.empty):
        name += ": empty, costs too much"
    elif not bool(explanation.label_kept):
        name += " lost"
        if explanation.meaning.kind == "softmax":
            name += f" to {_name(explanation, explanation.predicted_after)}"
    before, after = float(explanation.probability), float(explanation.probability_after)
    rate, distortion = float(explanation.nonsparsity), float(explanation.distortion)
    return (
        f"{shortened(name, 44)}\n{explanation.quantity} {before:.3f} → {after:.3f}\n"
        f"non-sparsity {rate:.4f}, distortion {distortion:.4f}"
    )


def history_figure(
    explanations: Explanation | Sequence[Explanation], labels: Sequence[str] | None = None
) -> StyledFigure:
    """Show distortion, non-sparsity, loss and residual over the solver's steps.

    Parameters
    ----------
    explanations : Explanation or sequence of Explanation
        Each has a colour, with a thin line for each image and a thick one for their median.
    labels : sequence of str, optional
        Labels of the legend; by default the methods' names.

    Returns
    -------
    StyledFigure
        A dotted line in the panel of the residual is the tolerance, below which a mask has
        converged.
    """
    runs = list(explanations) if isinstance(explanations, Sequence) else [explanations]
    if labels is None:
        labels = [str(run.settings.get("method", "explanation")) for run in runs]
    names = ("distortion", "non-sparsity", "loss", "residual")
    with style():
        figure = StyledFigure(figsize=(9, 4.6))
        panels = figure.subplots(2, 2).flatten()
        for axes, name in zip(panels, names, strict=True):
            key = name.replace("-", "")
            for number, (run, label) in enumerate(zip(runs, labels, strict=True)):
                colour = COLOURS[number % len(COLOURS)]
                # The curve of an image that has stopped stays at its last value.
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
            panels[-1].axhline(run.tolerance, color=FAINT, linestyle=":", linewidth=1)
        if len(runs) > 1:
            panels[-1].legend()
    return figure
