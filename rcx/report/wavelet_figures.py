"""Wavelet coefficients and masks drawn as a pyramid, a picture for each band."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rcx.images.figures import INK, StyledFigure, style
from rcx.representations.representation import Representation

_SIDE = 3.6  # inches, of a pyramid
_LARGE = 0.2  # a tile of at least this share of the side has room for its name
# where the tile of an orientation lies in its level: steps right and down
_TILES = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}


def pyramid_figure(
    representation: Representation, panels: Mapping[str, npt.ArrayLike]
) -> StyledFigure:
    """Show values on the coefficient axis of a wavelet transform, band by band.

    The approximation is in the upper left corner. Around it lie the horizontal (below), vertical
    (to the right) and diagonal details of the coarsest level, around these the next level's.

    Parameters
    ----------
    representation : Representation
        Whose first band is the approximation, and whose others are the details from the coarsest
        level to the finest, each ``(3, h, w)``.
    panels : mapping of str to array-like
        By title: values ``(K,)``, such as coefficients or a mask. What is shown is the square root
        of their size, so that small ones can be seen, with white for the largest of each band.

    Returns
    -------
    Figure
    """
    if not panels:
        raise ValueError("a figure needs at least one panel")
    with style():
        figure = StyledFigure(figsize=((_SIDE + 0.1) * len(panels), _SIDE + 0.25))
        for axes, (title, values) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            _draw_pyramid(axes, representation, np.abs(np.asarray(values)))
            axes.set_title(title, parse_math=False)
    return figure


def _draw_pyramid(
    axes: Axes, representation: Representation, sizes: npt.NDArray[np.floating]
) -> None:
    if sizes.shape != (representation.length,):
        raise ValueError(
            f"a pyramid shows values of shape ({representation.length},), got {sizes.shape}"
        )
    approximation, *details = representation.bands
    if not details or any(len(band.shape) != 3 for band in details):
        raise ValueError(f"{representation.name} has no bands of details, so no pyramid")
    for level, band in zip(range(len(details), 0, -1), details, strict=True):
        parts = sizes[band.positions].reshape(band.shape)
        for (name, corner), part in zip(_TILES.items(), parts, strict=True):
            _draw_tile(axes, part, parts.max(), corner, 0.5**level, f"{name} {level}")
    values = sizes[approximation.positions].reshape(approximation.shape)
    _draw_tile(axes, values, values.max(), (0, 0), 0.5 ** len(details), approximation.name)
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_tile(
    axes: Axes,
    values: npt.NDArray[np.floating],
    largest: float,
    corner: tuple[int, int],
    side: float,
    name: str,
) -> None:
    gap = 0.003
    left, top = corner[0] * side + gap, corner[1] * side + gap
    right, bottom = (corner[0] + 1) * side - gap, (corner[1] + 1) * side - gap
    axes.imshow(
        (values / (largest or 1.0)) ** 0.5,
        extent=(left, right, bottom, top),
        vmin=0,
        vmax=1,
        cmap="gray",
        interpolation="nearest",
    )
    if side >= _LARGE:
        label = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.2}
        axes.text(left + 0.01, top + 0.01, name, fontsize=6, color=INK, va="top", bbox=label)
