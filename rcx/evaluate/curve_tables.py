"""Curves as long tables, a row for each point: how they are published, and back again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from rcx.evaluate.curves import Curve

_ALIKE = ("direction", "protocol", "measure", "draws")
_POINT = ("percent", "distortion", "spread")
_OF_IMAGE = ("image", "place", "image_sha256", "result")


def curve_table(curve: Curve, images: Sequence[str], **columns: Any) -> pd.DataFrame:
    """List a curve's points.

    Parameters
    ----------
    curve : Curve
        Of N images.
    images : sequence of str
        N names, all different.
    **columns
        More columns, of one value each, as ``series="CartoonX"``.

    Returns
    -------
    DataFrame
        ``image``, what was given, ``direction``, ``protocol``, ``measure``, ``draws``,
        ``percent``, ``distortion``, ``spread``: image by image, in the order of the percentages.
    """
    names = list(images)
    if len(names) != len(curve) or len(set(names)) != len(names):
        raise ValueError(f"a curve of {len(curve)} images needs as many different names")
    points = len(curve.percent)
    return pd.DataFrame(
        {
            "image": np.repeat(np.asarray(names, dtype=object), points),
            **columns,
            **{name: getattr(curve, name) for name in _ALIKE},
            "percent": np.tile(curve.percent.numpy(), len(names)),
            "distortion": curve.distortion.flatten().numpy(),
            "spread": curve.spread.flatten().numpy(),
        }
    )


def curve_from_table(table: pd.DataFrame) -> tuple[Curve, tuple[str, ...]]:
    """Put a curve together from its points.

    Parameters
    ----------
    table : DataFrame
        As of `curve_table`, or the part of a study's table that belongs to one curve: columns
        that are not about an image or a point have one value.

    Returns
    -------
    curve : Curve
        A row for each image, sorted by name, so that curves of the same images can be compared in
        pairs.
    images : tuple of str
        Their names.

    Raises
    ------
    ValueError
        If the points are of several curves, or the images do not all have the same percentages.
    """
    missing = {"image", *_ALIKE, *_POINT} - set(table.columns)
    if missing:
        raise ValueError(f"a table of curves needs the columns {', '.join(sorted(missing))}")
    if table.empty:
        raise ValueError("the table has no points")
    alike = [name for name in table.columns if name not in (*_OF_IMAGE, *_POINT)]
    several = [name for name in alike if table[name].nunique(dropna=False) > 1]
    if several:
        raise ValueError(f"these are points of several curves: select by {', '.join(several)}")
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
    settings: dict[str, Any] = {name: table[name].iloc[0] for name in _ALIKE}
    settings["draws"] = int(settings["draws"])
    return Curve(percent, distortion, spread, **settings), tuple(map(str, wide.index))


def curves_from_table(table: pd.DataFrame, by: str = "series") -> dict[str, Curve]:
    """Put a curve together for each value of a column, all of the same images.

    Parameters
    ----------
    table : DataFrame
        As for `curve_from_table`, with several values in one column.
    by : str
        That column.

    Returns
    -------
    dict of str to Curve
        In the order in which they appear, as `rcx.evaluate.rate_distortion_curves` gives them.

    Raises
    ------
    ValueError
        As `curve_from_table`, or if the curves are not of the same images.
    """
    if by not in table.columns:
        raise ValueError(f"the table has no column {by!r}")
    found = {
        str(name): curve_from_table(part)
        for name, part in table.groupby(by, sort=False, observed=True)
    }
    if len({names for _, names in found.values()}) > 1:
        raise ValueError(f"the curves by {by} are not of the same images")
    return {name: curve for name, (curve, _) in found.items()}
