"""Verdicts on claims: from paired tests under several conditions to one sentence and a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import pandas as pd

from rcx.evaluate.claims import Comparisons, comparisons, curve_measures
from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import Comparison, Expected, Interval, outcome, verdict
from rcx.reference.claims import Claim
from rcx.report.results import ClaimOutcome, ConditionResult, Result

Directions = tuple[Mapping[str, Curve], Mapping[str, Curve]]
"""Curves by series in both directions: keep, randomise."""

_NAMED_TESTS = 2  # so many failed tests, or conditions of one, are named in a sentence


def curve_tests(
    claim: Claim,
    conditions: Mapping[str, Directions],
    first: str,
    second: str,
    *,
    normalised: bool = False,
    seed: int = 0,
) -> dict[str, Comparisons]:
    """Make the tests of a claim about curves under several conditions.

    Parameters
    ----------
    claim : Claim
        The claim.
    conditions : mapping of str to (mapping, mapping)
        For each condition, the curves by series in both directions, of the same images.
    first, second : str
        Names of the two series.
    normalised : bool
        Whether curves are taken in percent of the distortion of full randomisation.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to mapping
        The comparisons by condition, as `rcx.evaluate.comparisons`.
    """

    def measures(curves: Directions, series: str) -> dict[str, npt.NDArray[Any]]:
        both = (group[series] for group in curves)
        return curve_measures(*(curve.normalised() if normalised else curve for curve in both))

    return {
        condition: comparisons(
            measures(curves, first), measures(curves, second), claim.expectations, seed=seed
        )
        for condition, curves in conditions.items()
    }


def condition_table(claim: Claim, tests: Mapping[str, Comparisons]) -> pd.DataFrame:
    """List the mean differences of a claim's tests with their intervals, and the verdicts.

    Parameters
    ----------
    claim : Claim
        The claim.
    tests : mapping of str to mapping
        Its comparisons by condition, as `curve_tests`.

    Returns
    -------
    DataFrame
        A row for each condition that could be tested.
    """
    rows = {
        condition: {
            "images": next(iter(compared.values()))[0].images,
            **{measure: comparison.difference for measure, (comparison, _) in compared.items()},
            "verdict": verdict(list(compared.values()), margin=claim.margin),
        }
        for condition, compared in tests.items()
        if compared
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def claim_result(claim: Claim, tests: Mapping[str, Comparisons], where: str = "") -> Result:
    """Judge a claim, and say the verdict in one plain sentence.

    Parameters
    ----------
    claim : Claim
        The claim.
    tests : mapping of str to mapping
        Its comparisons by condition, as `curve_tests`; conditions without one are left out. The
        claim is supported if all of them come out as expected under all conditions, and not
        supported if none does under any.
    where : str
        What was measured on, such as ``"100 photographs, MobileNetV3-Small"``; the sentence ends
        with it.

    Returns
    -------
    Result
        The chapter's result. Without a condition, its outcome is open.
    """
    tests = {condition: compared for condition, compared in tests.items() if compared}
    if not tests:
        return Result(claim.name, "It cannot be tested on these images.", "open")
    rows = tuple(_condition(claim, name, compared) for name, compared in tests.items())
    outcomes = {row.outcome for row in rows}
    whole: ClaimOutcome = rows[0].outcome if len(outcomes) == 1 else "mixed"
    first, expected = next(iter(next(iter(tests.values())).values()))
    change = claim.sentence.format(change=_change(first, expected))
    ending = "; ".join(filter(None, [rows[0].condition, where]))
    sentence = f"{change} ({ending}). {_agreement(claim, tests, whole)}"
    return Result(claim.name, sentence, whole, conditions=rows)


def _condition(claim: Claim, name: str, compared: Comparisons) -> ConditionResult:
    comparison, expected = next(iter(compared.values()))
    favour = comparison.in_favour(expected)
    mean, low, high = (round(float(end), 3) for end in favour)
    judged = verdict(list(compared.values()), margin=claim.margin)
    return ConditionResult(name, comparison.images, mean, low, high, judged)


def _agreement(claim: Claim, tests: Mapping[str, Comparisons], whole: ClaimOutcome) -> str:
    """Say how the tests came out, and which did not as expected where the verdict is mixed."""
    all_of_them = "both" if len(tests) == 2 else f"all {len(tests)}"
    under = f" under {all_of_them} conditions" if len(tests) > 1 else ""
    if whole == "supported":
        one = len(tests) * len(claim.tests) == 1
        return "The test agrees." if one else f"All tests agree{under}."
    if whole == "not supported":
        return f"No test came out as claimed{under}."
    conditions: dict[str, list[str]] = {}
    for name, compared in tests.items():
        for measure, (comparison, expected) in compared.items():
            if outcome(comparison, expected, margin=claim.margin) != "as expected":
                worse = f"may be worse by {claim.margin:g} or more"
                reason = worse if claim.margin else f"is not {expected}"
                conditions.setdefault(f"the {measure} {reason}", []).append(name)
    if len(conditions) > _NAMED_TESTS:
        failed, total = sum(map(len, conditions.values())), sum(map(len, tests.values()))
        why = f": the difference may be {claim.margin:g} or more against it" if claim.margin else ""
        return f"But {failed} of {total} tests did not come out as expected{why}."
    failures = [f"{test}{_where(names, len(tests))}" for test, names in conditions.items()]
    return f"But {' and '.join(failures)}."


def _where(conditions: list[str], count: int) -> str:
    """Name the conditions of a test, or say how many of them there are."""
    if len(conditions) == count:
        return ""
    named = ", ".join(conditions)
    return (
        f" ({named})" if len(conditions) <= _NAMED_TESTS else f" for {len(conditions)} of {count}"
    )


def _change(comparison: Comparison, expected: Expected) -> str:
    """Such as ``"16 % [8, 25] below"``."""
    favour = comparison.in_favour(expected)
    less = (expected == "lower") == (favour.mean > 0)
    size = favour if favour.mean > 0 else Interval(-favour.mean, -favour.high, -favour.low)
    mean, low, high = (f"{float(end):.0f}" for end in size)
    return f"{mean} % [{low}, {high}] {'below' if less else 'above'}"
