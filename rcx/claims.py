"""The claim that CartoonX keeps the answer with fewer coefficients, as paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rcx.curves import Curve
from rcx.statistics import Comparison, Expected, compare, mean_interval, outcome

Claimed = Mapping[str, tuple[Comparison, Expected]]
"""Comparisons by what is compared, each with what the claim expects of the first method."""

DROPS = (1.0, 5.0)
"""Percentages of coefficients over which the initial drop is measured."""


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
    kept, other_kept = keep[first], keep[second]
    randomised, other_randomised = randomise[first], randomise[second]
    found: dict[str, tuple[Comparison, Expected]] = {
        "area, relevant kept": (compare(kept.areas, other_kept.areas, seed=seed), "lower")
    }
    for percent in DROPS:
        drops = (curve.initial_drop(percent).numpy() for curve in (kept, other_kept))
        found[f"drop over the first {percent:g} %"] = (compare(*drops, seed=seed), "higher")
    harm = compare(randomised.areas, other_randomised.areas, seed=seed)
    return found | {"area, relevant randomised": (harm, "higher")}


def comparison_table(comparisons: Claimed) -> pd.DataFrame:
    """List comparisons with their intervals, tests and outcomes, a row each."""
    rows = {
        name: {
            "mean difference": one.difference,
            "images lower": one.first_lower,
            "images higher": one.first_higher,
            "Wilcoxon p": one.wilcoxon,
            "sign test p": one.sign,
            "expected": expected,
            "outcome": outcome(one, expected),
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
        Of `rcx.statistics.Interval`.
    """
    return pd.DataFrame(
        {
            group: {name: mean_interval(curve.areas, seed=seed) for name, curve in curves.items()}
            for group, curves in groups.items()
        }
    )
