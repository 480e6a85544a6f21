"""Figures of wavelet coefficients and masks as a pyramid with a picture for each band."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from rcx.images.figures import INK, StyledFigure, style
from rcx.representations.representation import Representation

_SIDE = 3.6  # inches, the side of a pyramid
_LARGE = 0.2  # share of the side from which on a tile has room for its name
_GAP = 0.003  # share of the side that separates a tile from its border
# The place of an orientation's tile in its level, in steps to the right and down.
_TILES = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}


def pyramid_figure(
    representation: Representation, panels: Mapping[str, npt.ArrayLike]
) -> StyledFigure:
    """Show values on the coefficient axis of a wavelet transform, band by band.

    The approximation is in the upper left corner. Around it lie the horizontal details (below), the
    vertical details (to the right) and the diagonal details of the coarsest level. The details of
    the next level lie around these.

    Parameters
    ----------
    representation : Representation
        Representation such as `rcx.representations.Wavelets`: the first band is the approximation,
        and the others are the details ``(3, h, w)`` from the coarsest level to the finest.
    panels : mapping of str to array-like
        Values ``(K,)`` by title, such as coefficients or a mask. The figure shows the square root
        of their size, so that small values can be seen. The largest value of each tile is white.

    Returns
    -------
    StyledFigure

    Raises
    ------
    ValueError
        If there is no panel, the values have another shape, or the representation has no details.
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
    """Draw values ``(h, w)`` as a tile of some side at a corner, given in sides."""
    left, top = corner[0] * side + _GAP, corner[1] * side + _GAP
    right, bottom = (corner[0] + 1) * side - _GAP, (corner[1] + 1) * side - _GAP
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
