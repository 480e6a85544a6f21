"""Claims about curves as paired comparisons of two methods or of two networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import pandas as pd

from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import Comparison, Expected, compare, outcome

DROPS = (1.0, 5.0)
"""Percentages of coefficients over which the initial drop is measured."""

Comparisons = Mapping[str, tuple[Comparison, Expected]]
"""Comparisons by what is compared, each with what a claim expects of the first method."""


def curve_measures(keep: Curve, randomise: Curve) -> dict[str, npt.NDArray[Any]]:
    """Sum up the curves of a method in both directions, image by image.

    A good order of coefficients has a small area where the most relevant ones are kept, drops far
    over the first few percent, and has a large area and rise where they are randomised.

    Parameters
    ----------
    keep, randomise : Curve
        Curves of the same N images. Networks differ in how far noise moves their answer, so that
        their curves are compared as `rcx.evaluate.Curve.normalised`.

    Returns
    -------
    dict of str to ndarray
        ``(N,)`` each, by the names that the tests of `rcx.reference.claims` use.
    """
    measures = {"area, relevant kept": keep.areas.numpy()}
    for percent in DROPS:
        measures[f"drop over the first {percent:g} %"] = keep.initial_drop(percent).numpy()
    for percent in DROPS:
        measures[f"rise over the first {percent:g} %"] = -randomise.initial_drop(percent).numpy()
    return {**measures, "area, relevant randomised": randomise.areas.numpy()}


def comparisons(
    first: Mapping[str, npt.ArrayLike],
    second: Mapping[str, npt.ArrayLike],
    tests: Mapping[str, Expected],
    *,
    seed: int = 0,
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare two methods by several measures, image by image.

    Parameters
    ----------
    first, second : mapping of str to array-like
        Measures ``(N,)`` of the two methods on the same images, such as from `curve_measures`.
    tests : mapping of str to {"lower", "higher"}
        What a claim expects of the first method, by measure. Other measures are left out.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to (Comparison, {"lower", "higher"})
        The comparisons by measure, each with what is expected.

    Raises
    ------
    KeyError
        If a measure is missing.
    """
    return {
        measure: (compare(first[measure], second[measure], seed=seed), expected)
        for measure, expected in tests.items()
    }


def comparison_table(compared: Comparisons, *, margin: float = 0) -> pd.DataFrame:
    """List comparisons with their intervals, tests and outcomes.

    Parameters
    ----------
    compared : mapping of str to (Comparison, {"lower", "higher"})
        The comparisons, as of `comparisons`.
    margin : float
        As for `rcx.evaluate.outcome`.

    Returns
    -------
    DataFrame
        A row for each comparison.
    """
    rows = {
        name: {
            "mean difference": comparison.difference,
            "images lower": comparison.first_lower,
            "images higher": comparison.first_higher,
            "Wilcoxon p": comparison.wilcoxon,
            "sign test p": comparison.sign,
            "expected": expected,
            "outcome": outcome(comparison, expected, margin=margin),
        }
        for name, (comparison, expected) in compared.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
