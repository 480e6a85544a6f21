"""Figures in the project's one style: colours, matplotlib settings, and grids of pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcx.images.descriptions import figure_description
from rcx.system.quiet import ignored_warnings

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
)
"""Colours of Okabe and Ito (2008), which colour-blind readers can tell apart."""

INK, FAINT = "#222222", "#6b6b6b"
"""Colours of text and of thin lines."""

_STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # It comes with matplotlib, so figures look the same everywhere.
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "image.cmap": "gray",
}
_PICTURE = 2.35  # inches, width of a picture in a grid
_LINE = 0.16  # inches, height of a line of a caption


class StyledFigure(Figure):
    """A matplotlib figure that a notebook shows without pyplot and its global list of figures."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save the figure as matplotlib does, without warnings of characters that the font lacks.

        Such a character is drawn as a box.

        Parameters
        ----------
        fname : path or binary file
            The file to write.
        **options
            Any option of ``matplotlib.figure.Figure.savefig``, which this method overrides.
        """
        with ignored_warnings(UserWarning, "Glyph .* missing from"):
            super().savefig(fname, **options)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Give the picture in a notebook a text that describes it."""
        metadata = {"alt": figure_description(self)}
        return {}, {"image/png": metadata, "image/svg+xml": metadata}

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in the project's style."""
    return matplotlib.rc_context(_STYLE)


def draw_picture(
    axes: Axes, pixels: npt.ArrayLike, caption: str = "", *, colour: str = INK
) -> None:
    """Draw an image or a mask with a caption below it.

    Parameters
    ----------
    axes : Axes
        The axes to draw on.
    pixels : array-like
        ``(H, W)``, ``(1, H, W)`` or ``(3, H, W)`` in [0, 1]. One channel is drawn in grey.
    caption : str
        The caption, of one or more lines. It is taken literally, even if it looks like a formula.
    colour : str
        The caption's colour.
    """
    values = np.asarray(pixels)
    if values.ndim == 3:
        values = values[0] if len(values) == 1 else values.transpose(1, 2, 0)
    axes.imshow(np.clip(values, 0, 1), vmin=0, vmax=1, cmap="gray")
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#c8c8c8", linewidth=0.6)
    axes.set_xlabel(caption, color=colour, fontsize=8, loc="left", labelpad=4, linespacing=1.35)
    axes.xaxis.label.set_parse_math(False)


def picture_grid(
    rows: Sequence[Sequence[npt.ArrayLike]],
    titles: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    colours: Sequence[Sequence[str]] = (),
) -> StyledFigure:
    """Lay pictures out as a grid.

    Parameters
    ----------
    rows : sequence of sequences of array-like
        The pictures, each as for `draw_picture`. All rows have the same length.
    titles : sequence of str
        The titles above the columns. By default, there are none.
    captions : sequence of sequences of str
        The caption below each picture. By default, there are none.
    colours : sequence of sequences of str
        The colour of each caption. By default, all captions are nearly black.

    Returns
    -------
    StyledFigure

    Raises
    ------
    ValueError
        If there is no picture, or the rows have different lengths.
    """
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("a grid needs at least one picture, and as many in every row")
    texts = captions or [[""] * len(row) for row in rows]
    lines = max(text.count("\n") + 1 if text else 0 for row in texts for text in row)
    shape = np.asarray(rows[0][0]).shape[-2:]
    height = _PICTURE * shape[0] / shape[1] + lines * _LINE + 0.16
    with style():
        figure = StyledFigure(
            figsize=((_PICTURE + 0.1) * len(rows[0]), height * len(rows) + (0.25 if titles else 0))
        )
        axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for number, row in enumerate(rows):
            for column, pixels in enumerate(row):
                colour = colours[number][column] if colours else INK
                draw_picture(axes[number, column], pixels, texts[number][column], colour=colour)
        for panel, title in zip(axes[0], titles, strict=bool(titles)):
            panel.set_title(title, parse_math=False)
    return figure
