"""Tables that sum up curves: areas, first drops, and gaps to published curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import mean_interval

Numbers = npt.NDArray[np.float64]

GAPS = (1.0, 5.0, 20.0, 50.0, 80.0)
"""Percentages at which curves are compared with published ones."""

FIRST_DROP = 20.0
"""The first drop of a curve ends within this percentage."""


def area_table(groups: Mapping[str, Mapping[str, Curve]], *, seed: int = 0) -> pd.DataFrame:
    """List the mean areas under curves with their intervals.

    Parameters
    ----------
    groups : mapping of str to mapping of str to Curve
        Curves by group and name.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        The `rcx.evaluate.Interval` of the mean area, with a column for each group and a row for
        each name.
    """
    return pd.DataFrame(
        {
            group: {name: mean_interval(curve.areas, seed=seed) for name, curve in curves.items()}
            for group, curves in groups.items()
        }
    )


def gap_table(
    curves: Mapping[str, Curve],
    reported: Mapping[str, pd.DataFrame],
    *,
    percents: Sequence[float] = GAPS,
    seed: int = 0,
) -> pd.DataFrame:
    """List how far mean curves are from published ones.

    Parameters
    ----------
    curves : mapping of str to Curve
        Curves by method.
    reported : mapping of str to DataFrame
        Points ``x`` (percent) and ``y`` of the published curves, by method.
    percents : sequence of float
        Percentages at which the curves are compared.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        By method and percentage: the mean with its interval, the published value, and
        their difference.
    """
    rows = {}
    for name, curve in curves.items():
        points = reported[name].sort_values("x")
        for percent in percents:
            measured = mean_interval(curve.at(percent), seed=seed)
            published = float(np.interp(percent, points["x"], points["y"]))
            rows[name, percent] = {
                "measured": measured,
                "published": published,
                "difference": float(measured.mean) - published,
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["", "percent"])
    return table


def drop_table(
    curves: Mapping[str, Mapping[str, Curve]],
    reported: Mapping[str, pd.DataFrame] | None = None,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """List how far mean keep-curves fall at first, and how far they rise again.

    The first drop ends where the mean curve is lowest over the first 20 percent. The rise is the
    difference between that point and the highest point of the mean curve after it.

    Parameters
    ----------
    curves : mapping of str to mapping of str to Curve
        Keep-curves by condition and method.
    reported : mapping of str to DataFrame, optional
        Points ``x`` and ``y`` of published curves by method; they make a condition of their own,
        ``"published"``.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        By condition and method: ``distortion after the drop``, the ``percent`` at which the drop
        ends, and the ``rise``. Distortion and rise are `rcx.evaluate.Interval`, and plain numbers
        for published curves.
    """
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for name, points in (reported or {}).items():
        line = points.sort_values("x")
        low, high = _drop_and_rise(line["x"].to_numpy(), line["y"].to_numpy())
        at_low, at_high = np.interp([low, high], line["x"], line["y"])
        rows["published", name] = _drop_row(at_low, low, at_high - at_low)
    for condition, methods in curves.items():
        for name, curve in methods.items():
            mean = curve.distortion.double().mean(0).numpy()
            low, high = _drop_and_rise(curve.percent.double().numpy(), mean)
            rise = mean_interval(curve.at(high) - curve.at(low), seed=seed)
            rows[condition, name] = _drop_row(mean_interval(curve.at(low), seed=seed), low, rise)
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["", "method"])
    return table


def _drop_and_rise(percent: Numbers, mean: Numbers) -> tuple[float, float]:
    """Percentages at which a mean curve is lowest at first, and highest after that."""
    low = int(mean[percent <= FIRST_DROP].argmin())
    return float(percent[low]), float(percent[low + int(mean[low:].argmax())])


def _drop_row(after: object, percent: float, rise: object) -> dict[str, object]:
    return {"distortion after the drop": after, "percent": percent, "rise": rise}
