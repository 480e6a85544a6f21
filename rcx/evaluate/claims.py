"""Claims about curves as paired comparisons of two methods or of two networks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import Comparison, Expected, compare, outcome, verdict

DROPS = (1.0, 5.0)
"""Percentages of coefficients over which the initial drop is measured."""

MARGIN = 10.0
"""One network is explained as well as another if it is worse by less than this number of percentage
points of a normalised curve: a tenth of the way from the image to noise."""


def curve_comparisons(
    keep: Mapping[str, Curve],
    randomise: Mapping[str, Curve],
    first: str,
    second: str,
    *,
    seed: int = 0,
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare two methods by their curves, image by image.

    The claim is that the first method orders coefficients better than the second. Then there is
    less distortion where the most relevant coefficients are kept, the distortion drops further over
    the first few percent, and there is more distortion where the most relevant coefficients are
    randomised.

    Parameters
    ----------
    keep, randomise : mapping of str to Curve
        Curves by method, of the same images in both directions.
    first, second : str
        Names of the two methods.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to (Comparison, {"lower", "higher"})
        The comparisons by what is compared, each with what the claim expects of the first method.
    """
    return _comparisons(
        (keep[first], keep[second]), (randomise[first], randomise[second]), seed, rises=False
    )


def network_comparisons(
    keep: Mapping[str, Curve],
    randomise: Mapping[str, Curve],
    first: str,
    second: str,
    *,
    seed: int = 0,
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare how well two networks are explained, image by image.

    Networks differ in how far noise moves their answer. Their curves are therefore compared in
    percent of that distance, see `rcx.evaluate.Curve.normalised`; areas are then percentages too.
    A method is model-agnostic if it explains the first network no worse than the second. Judge the
    comparisons with a margin, such as `rcx.evaluate.MARGIN`.

    Parameters
    ----------
    keep, randomise : mapping of str to Curve
        Curves of one method by network, of the same images in both directions, not normalised.
    first, second : str
        Names of the two networks.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to (Comparison, {"lower", "higher"})
        The comparisons of `curve_comparisons`, and the rise over the first few percent where the
        most relevant coefficients are randomised.
    """
    return _comparisons(
        (keep[first].normalised(), keep[second].normalised()),
        (randomise[first].normalised(), randomise[second].normalised()),
        seed,
        rises=True,
    )


def _comparisons(
    keep: tuple[Curve, Curve], randomise: tuple[Curve, Curve], seed: int, *, rises: bool
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare two keep-curves and two randomise-curves; ``rises`` adds the latter's rises."""

    def areas(curves: tuple[Curve, Curve]) -> Comparison:
        return compare(curves[0].areas, curves[1].areas, seed=seed)

    def drops(curves: tuple[Curve, Curve], percent: float, sign: int) -> Comparison:
        first, second = (sign * curve.initial_drop(percent).numpy() for curve in curves)
        return compare(first, second, seed=seed)

    comparisons: dict[str, tuple[Comparison, Expected]] = {
        "area, relevant kept": (areas(keep), "lower")
    }
    for percent in DROPS:
        comparisons[f"drop over the first {percent:g} %"] = (drops(keep, percent, 1), "higher")
    for percent in DROPS if rises else ():
        comparisons[f"rise over the first {percent:g} %"] = (
            drops(randomise, percent, -1),
            "higher",
        )
    return comparisons | {"area, relevant randomised": (areas(randomise), "higher")}


def condition_table(
    conditions: Mapping[str, tuple[Mapping[str, Curve], Mapping[str, Curve]]],
    first: str,
    second: str,
    *,
    networks: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Test the same claim under several conditions.

    Parameters
    ----------
    conditions : mapping of str to (mapping, mapping)
        For each condition, the curves by method, in both directions: keep, randomise.
    first, second, seed
        As for `curve_comparisons`.
    networks : bool
        True compares two networks as `network_comparisons` does, with `rcx.evaluate.MARGIN`; False
        compares two methods as `curve_comparisons` does.

    Returns
    -------
    DataFrame
        A row for each condition: the number of images, the intervals of the mean differences and
        the verdict.
    """
    compare_curves = network_comparisons if networks else curve_comparisons
    rows = {}
    for condition, (keep, randomise) in conditions.items():
        comparisons = compare_curves(keep, randomise, first, second, seed=seed)
        rows[condition] = {
            "images": len(keep[first]),
            **{name: comparison.difference for name, (comparison, _) in comparisons.items()},
            "verdict": verdict(list(comparisons.values()), margin=MARGIN if networks else 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def comparison_table(
    comparisons: Mapping[str, tuple[Comparison, Expected]], *, margin: float = 0
) -> pd.DataFrame:
    """List comparisons with their intervals, tests and outcomes.

    Parameters
    ----------
    comparisons : mapping of str to (Comparison, {"lower", "higher"})
        The comparisons by what is compared, each with what is expected of the first method, as of
        `curve_comparisons` or `network_comparisons`.
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
        for name, (comparison, expected) in comparisons.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
