"""Claims about curves as paired comparisons: of two methods, and of two networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import Comparison, Expected, compare, mean_interval, outcome, verdict

Numbers = npt.NDArray[np.float64]

Claimed = Mapping[str, tuple[Comparison, Expected]]
"""Comparisons by what is compared, each with what the claim expects of the first method."""

DROPS = (1.0, 5.0)
"""Percentages of coefficients over which the initial drop is measured."""

GAPS = (1.0, 5.0, 20.0, 50.0, 80.0)
"""Percentages at which curves are compared with published ones."""

FIRST = 20.0
"""Percentage within which the first drop of a curve ends."""

MARGIN = 10.0
"""By how many percentage points of a normalised curve one network may be explained worse than
another and still be explained as well: a tenth of the way from the image to noise."""


def curve_comparisons(
    keep: Mapping[str, Curve],
    randomise: Mapping[str, Curve],
    first: str,
    second: str,
    *,
    seed: int = 0,
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare two methods by their curves, image by image.

    If the first method orders coefficients better than the second, then keeping its most relevant
    ones leaves less distortion, distortion drops further over the first few percent (`DROPS`), and
    randomising its most relevant ones does more harm.

    Parameters
    ----------
    keep, randomise : mapping of str to Curve
        Curves by method, of the same images in both directions.
    first, second : str
        Which methods.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        Each comparison with what the claim expects of the first method.
    """
    kept, harmed = (keep[first], keep[second]), (randomise[first], randomise[second])
    return _compared(kept, harmed, seed)


def network_comparisons(
    keep: Mapping[str, Curve],
    randomise: Mapping[str, Curve],
    first: str,
    second: str,
    *,
    seed: int = 0,
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare how well two networks are explained, image by image.

    Networks differ in how far noise moves their answer at all, so their curves are compared in
    percent of that, see `rcx.evaluate.Curve.normalised`; areas too are then percentages. That a
    method is model-agnostic says that the first network is explained no worse than the second:
    put a margin, such as `MARGIN`, to the outcomes.

    Parameters
    ----------
    keep, randomise : mapping of str to Curve
        Curves of one method by network, of the same images in both directions; not normalised.
    first, second : str
        Which networks.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        As of `curve_comparisons`, with the rise over the first few percent (`DROPS`) where the
        relevant is randomised.
    """
    kept = keep[first].normalised(), keep[second].normalised()
    harmed = randomise[first].normalised(), randomise[second].normalised()
    return _compared(kept, harmed, seed, rises=True)


def _compared(
    kept: tuple[Curve, Curve], harmed: tuple[Curve, Curve], seed: int, *, rises: bool = False
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare two curves with the relevant kept, and two with the relevant randomised."""

    def areas(curves: tuple[Curve, Curve]) -> Comparison:
        return compare(curves[0].areas, curves[1].areas, seed=seed)

    def drops(curves: tuple[Curve, Curve], percent: float, sign: int) -> Comparison:
        found = (sign * curve.initial_drop(percent).numpy() for curve in curves)
        return compare(*found, seed=seed)

    found: dict[str, tuple[Comparison, Expected]] = {"area, relevant kept": (areas(kept), "lower")}
    for percent in DROPS:
        found[f"drop over the first {percent:g} %"] = (drops(kept, percent, 1), "higher")
    for percent in DROPS if rises else ():
        found[f"rise over the first {percent:g} %"] = (drops(harmed, percent, -1), "higher")
    return found | {"area, relevant randomised": (areas(harmed), "higher")}


def condition_table(
    conditions: Mapping[str, tuple[Mapping[str, Curve], Mapping[str, Curve]]],
    first: str,
    second: str,
    *,
    networks: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Put the same claim to the test under several conditions.

    Parameters
    ----------
    conditions : mapping of str to (mapping, mapping)
        Curves by method, with the relevant kept and with the relevant randomised.
    first, second, seed
        As for `curve_comparisons`.
    networks : bool
        Compare two networks, see `network_comparisons`, with a `MARGIN`; else two methods.

    Returns
    -------
    DataFrame
        A row for each condition: how many images, the intervals of the mean differences, the
        verdict.
    """
    compared = network_comparisons if networks else curve_comparisons
    rows = {}
    for name, (keep, randomise) in conditions.items():
        found = compared(keep, randomise, first, second, seed=seed)
        differences = {what: one.difference for what, (one, _) in found.items()}
        rows[name] = {
            "images": len(keep[first]),
            **differences,
            "verdict": verdict(list(found.values()), margin=MARGIN if networks else 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


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
        By method.
    reported : mapping of str to DataFrame
        Points ``x`` (percent) and ``y`` of the published curves, by method.
    percents : sequence of float
        Where.
    seed : int
        Of the bootstrap.

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
            here = mean_interval(curve.at(percent), seed=seed)
            there = float(np.interp(percent, points["x"], points["y"]))
            rows[name, percent] = {
                "measured": here,
                "published": there,
                "difference": float(here.mean) - there,
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
    """List how far mean curves fall at first, and how far they rise again before the end.

    The first drop ends where the mean curve is lowest over the first `FIRST` percent; the rise is
    from there to where the mean curve is highest afterwards, image by image.

    Parameters
    ----------
    curves : mapping of str to mapping of str to Curve
        By condition and method, with the relevant kept.
    reported : mapping of str to DataFrame, optional
        Points ``x`` and ``y`` of published curves by method, as a condition of their own.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        By condition and method: ``distortion after the drop``, at which ``percent``, ``rise``;
        intervals, but for published curves.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for name, points in (reported or {}).items():
        line = points.sort_values("x")
        low, high = _drop_and_rise(line["x"].to_numpy(), line["y"].to_numpy())
        values = np.interp([low, high], line["x"], line["y"])
        rows["published", name] = _dropped(values[0], low, values[1] - values[0])
    for condition, methods in curves.items():
        for name, curve in methods.items():
            mean = curve.distortion.double().mean(0).numpy()
            low, high = _drop_and_rise(curve.percent.double().numpy(), mean)
            rise = mean_interval(curve.at(high) - curve.at(low), seed=seed)
            rows[condition, name] = _dropped(mean_interval(curve.at(low), seed=seed), low, rise)
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["", "method"])
    return table


def _drop_and_rise(percent: Numbers, mean: Numbers) -> tuple[float, float]:
    """Percentages at which a mean curve is lowest at first, and highest from there on."""
    low = int(mean[percent <= FIRST].argmin())
    return float(percent[low]), float(percent[low + int(mean[low:].argmax())])


def _dropped(after: object, percent: float, rise: object) -> dict[str, object]:
    return {"distortion after the drop": after, "percent": percent, "rise": rise}


def comparison_table(comparisons: Claimed, *, margin: float = 0) -> pd.DataFrame:
    """List comparisons with their intervals, tests and outcomes, a row each.

    Parameters
    ----------
    comparisons : mapping
        As of `curve_comparisons` or `network_comparisons`.
    margin : float
        See `rcx.evaluate.outcome`.
    """
    rows = {
        name: {
            "mean difference": one.difference,
            "images lower": one.first_lower,
            "images higher": one.first_higher,
            "Wilcoxon p": one.wilcoxon,
            "sign test p": one.sign,
            "expected": expected,
            "outcome": outcome(one, expected, margin=margin),
        }
        for name, (one, expected) in comparisons.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def area_table(groups: Mapping[str, Mapping[str, Curve]], *, seed: int = 0) -> pd.DataFrame:
    """List the mean areas under curves with their intervals.

    Parameters
    ----------
    groups : mapping of str to mapping of str to Curve
        A column for each group, a row for each curve's name.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Of `rcx.evaluate.Interval`.
    """
    return pd.DataFrame(
        {
            group: {name: mean_interval(curve.areas, seed=seed) for name, curve in curves.items()}
            for group, curves in groups.items()
        }
    )
