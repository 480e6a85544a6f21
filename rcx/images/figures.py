"""Figures in the project's one style, for the command line and the chapters."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcx.images.descriptions import described

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
"""The colours of Okabe and Ito (2008), which the colour-blind can tell apart."""

INK, FAINT = "#222222", "#6b6b6b"
STYLE: dict[Any, Any] = {
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
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
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, RED, PURPLE, SKY]),
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
_PICTURE = 2.35  # inches, side of a draw_picture in a grid
_LINE = 0.16  # inches, height of a line of a caption


class StyledFigure(Figure):
    """A figure that a notebook shows as it is, without pyplot's global list of figures."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's; a character that the font lacks is drawn as a box, without a warning."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            super().savefig(fname, **options)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Add to what the other methods draw the text that describes it."""
        told = {"alt": described(self)}
        return {}, {"image/png": told, "image/svg+xml": told}

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def style() -> AbstractContextManager[None]:
    """Context in which matplotlib draws in the project's style."""
    return matplotlib.rc_context(STYLE)


def use_style() -> None:
    """Draw in the project's style from now on, for a chapter's own figures."""
    matplotlib.rcParams.update(STYLE)


def draw_picture(
    axes: Axes, pixels: npt.ArrayLike, caption: str = "", *, colour: str = INK
) -> None:
    """Show an image or a mask, with a caption below it.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    pixels : array-like
        Values in [0, 1] of shape (H, W), (1, H, W) or (3, H, W); one channel is shown in grey.
    caption : str
        Taken literally, even where it looks like a formula. May have several lines.
    colour : str
        Of the caption.
    """
    values = np.asarray(pixels)
    values = values.transpose(1, 2, 0) if values.ndim == 3 else values[..., None]
    shown = values[..., 0] if values.shape[-1] == 1 else values
    axes.imshow(np.clip(shown, 0, 1), vmin=0, vmax=1, cmap="gray")
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
        Pictures as for `picture`; every row has as many.
    titles : sequence of str
        Over the columns.
    captions, colours : sequence of sequences of str
        Below each draw_picture, and the caption's colour.

    Returns
    -------
    Figure
    """
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError("a grid needs at least one draw_picture, and as many in every row")
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
            for place, pixels in enumerate(row):
                colour = colours[number][place] if colours else INK
                draw_picture(axes[number, place], pixels, texts[number][place], colour=colour)
        for axis, title in zip(axes[0], titles, strict=bool(titles)):
            axis.set_title(title, parse_math=False)
    return figure
