"""Curves as long tables with a row for each point, and curves made from such tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from rcx.evaluate.curves import Curve

_OF_CURVE = ("direction", "protocol", "measure", "draws")  # one value for a whole curve
_OF_POINT = ("percent", "distortion", "spread")
_OF_IMAGE = ("image", "place", "image_sha256", "result")


def curve_table(
    curve: Curve, images: Sequence[str], columns: Mapping[str, object] | None = None
) -> pd.DataFrame:
    """List a curve's points.

    Parameters
    ----------
    curve : Curve
        The curve of N images.
    images : sequence of str
        N names, all different.
    columns : mapping of str to object, optional
        Further columns that have one value in all rows, such as ``{"series": "CartoonX"}``.

    Returns
    -------
    DataFrame
        ``image``, the further columns, ``direction``, ``protocol``, ``measure``, ``draws``,
        ``percent``, ``distortion``, ``spread``: image by image, in the order of the percentages.

    Raises
    ------
    ValueError
        If there are not as many different names as images.
    """
    names = list(images)
    if len(names) != len(curve) or len(set(names)) != len(names):
        raise ValueError(f"a curve of {len(curve)} images needs as many different names")
    points = len(curve.percent)
    return pd.DataFrame(
        {
            "image": np.repeat(np.asarray(names, dtype=object), points),
            **(columns or {}),
            **{name: getattr(curve, name) for name in _OF_CURVE},
            "percent": np.tile(curve.percent.numpy(), len(names)),
            "distortion": curve.distortion.flatten().numpy(),
            "spread": curve.spread.flatten().numpy(),
        }
    )


def curve_from_table(table: pd.DataFrame) -> tuple[Curve, tuple[str, ...]]:
    """Make a curve from its points.

    Parameters
    ----------
    table : DataFrame
        A table of `curve_table`, or the part of a study's table that belongs to one curve. Columns
        that do not describe an image or a point must have the same value in all rows.

    Returns
    -------
    curve : Curve
        A row for each image, sorted by name, so that curves of the same images can be compared in
        pairs.
    images : tuple of str
        The names of the images.

    Raises
    ------
    ValueError
        If the points belong to several curves, or the images do not all have the same percentages.
    """
    missing = {"image", *_OF_CURVE, *_OF_POINT} - set(table.columns)
    if missing:
        raise ValueError(f"a table of curves needs the columns {', '.join(sorted(missing))}")
    if table.empty:
        raise ValueError("the table has no points")
    ambiguous = [
        name
        for name in table.columns
        if name not in (*_OF_IMAGE, *_OF_POINT) and table[name].nunique(dropna=False) > 1
    ]
    if ambiguous:
        raise ValueError(f"these are points of several curves: select by {', '.join(ambiguous)}")
    if table.duplicated(["image", "percent"]).any():
        raise ValueError("an image has several points at one percentage")
    wide = table.pivot(index="image", columns="percent", values=["distortion", "spread"])
    if wide["distortion"].isna().any(axis=None):
        raise ValueError("some images lack points that others have")
    distortion, spread = (
        torch.from_numpy(wide[name].to_numpy(np.float32, copy=True))
        for name in ("distortion", "spread")
    )
    percent = torch.tensor(wide["distortion"].columns.to_numpy(np.float32))
    direction, protocol, measure, draws = (table[name].iloc[0] for name in _OF_CURVE)
    curve = Curve(percent, distortion, spread, direction, protocol, measure, int(draws))
    return curve, tuple(map(str, wide.index))


def curves_from_table(table: pd.DataFrame, by: str = "series") -> dict[str, Curve]:
    """Make a curve for each value of a column, all of the same images.

    Parameters
    ----------
    table : DataFrame
        As for `curve_from_table`, with several values in one column.
    by : str
        Name of that column.

    Returns
    -------
    dict of str to Curve
        The curves by their value, in the order in which the values appear in the table.

    Raises
    ------
    ValueError
        As `curve_from_table`, or if the curves are not of the same images.
    """
    if by not in table.columns:
        raise ValueError(f"the table has no column {by!r}")
    curves: dict[str, Curve] = {}
    image_names = set()
    for value, part in table.groupby(by, sort=False, observed=True):
        curves[str(value)], images = curve_from_table(part)
        image_names.add(images)
    if len(image_names) > 1:
        raise ValueError(f"the curves by {by} are not of the same images")
    return curves
