"""Claims about starting masks as comparisons of runs from different starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rcx.evaluate.statistics import Comparison, Expected, compare, outcome, verdict
from rcx.evaluate.trials import Trials, final_losses, paired_losses, steps_to_reach

EARLY = 0.25
"""The beginning of a run is this share of its steps."""


def picture_table(trials: Trials, schedule: str, *, seed: int = 0) -> pd.DataFrame:
    """Test what the published study says about the starts.

    It found that the pre-optimised start has a lower loss than the start ``ones`` at first and the
    same loss later, and that the foreground start ends with a higher loss.

    Parameters
    ----------
    trials : Trials
        Runs from all starts.
    schedule : str
        Schedule of the runs that are compared.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each claim: the ``difference`` of the mean loss from that of the start ``ones``
        as an `rcx.evaluate.Interval`, the number of ``images``, the p-value of the signed-rank test
        and the `rcx.evaluate.outcome`.

    Raises
    ------
    ValueError
        If a start has no runs under the schedule.
    """
    ones = (schedule, "ones")
    claims: dict[str, tuple[Comparison, Expected]] = {}
    for start in ("uniform", "foreground-uniform"):
        early = _early_losses(trials, schedule, start)
        early_of_ones = _early_losses(trials, schedule, "ones").loc[early.index]
        claims[f"{start} is lower at first"] = (compare(early, early_of_ones, seed=seed), "lower")
    for start in ("foreground", "foreground-uniform", "uniform", "random"):
        losses = paired_losses(trials.runs, (schedule, start), ones)
        claims[f"{start} ends higher"] = (compare(*losses, seed=seed), "higher")
    return pd.DataFrame.from_dict(
        {
            claim: {
                "difference": comparison.difference,
                "images": comparison.images,
                "Wilcoxon p": comparison.wilcoxon,
                "outcome": outcome(comparison, expected),
            }
            for claim, (comparison, expected) in claims.items()
        },
        orient="index",
    )


def _early_losses(trials: Trials, schedule: str, start: str) -> pd.Series:
    """Mean loss over the beginning of the runs, by image."""
    curves = trials.curves[
        (trials.curves["schedule"] == schedule) & (trials.curves["start"] == start)
    ]
    last = trials.runs.loc[trials.runs["schedule"] == schedule, "steps"].max()
    return curves[curves["step"] <= EARLY * last].groupby("image")["loss"].mean()


def start_comparisons(
    trials: Trials, schedule: str, start: str, *, seed: int = 0
) -> dict[str, tuple[Comparison, Expected]]:
    """Compare a start with the start ``ones``, as the claim that a better start helps asks.

    Parameters
    ----------
    trials : Trials
        Runs from the start and from ``ones``.
    schedule : str
        Schedule of the runs that are compared.
    start : str
        The start.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to (Comparison, {"lower"})
        ``"final loss"``, and ``"steps to the same loss"``: to the final loss from ``ones`` on the
        same image. A run that does not reach it counts with all steps of the schedule.

    Raises
    ------
    ValueError
        If the start or ``ones`` has no runs under the schedule.
    """
    ones = (schedule, "ones")
    losses = paired_losses(trials.runs, (schedule, start), ones)
    needed = steps_to_reach(trials, final_losses(trials.runs, *ones))
    steps = _steps(needed, trials.runs, schedule, start)
    steps_of_ones = _steps(needed, trials.runs, *ones).loc[steps.index]
    return {
        "final loss": (compare(*losses, seed=seed), "lower"),
        "steps to the same loss": (compare(steps, steps_of_ones, seed=seed), "lower"),
    }


def help_table(
    trials: Trials, schedule: str, starts: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Judge whether starts help: a lower loss at the end, and fewer steps to the same loss.

    Parameters
    ----------
    trials : Trials
        Runs from these starts and from ``ones``.
    schedule : str
        Schedule of the runs that are compared.
    starts : sequence of str
        The starts that are judged.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each start. ``loss, difference`` and ``steps, difference`` are those of
        `start_comparisons`. ``lower loss`` and ``fewer steps`` are their outcomes, and ``reached``
        is the share of runs that reach the final loss from ``ones``. ``helps`` is the
        `rcx.evaluate.verdict` on the claim that both are lower.

    Raises
    ------
    ValueError
        If a start or ``ones`` has no runs.
    """
    needed = steps_to_reach(trials, final_losses(trials.runs, schedule, "ones"))
    rows = {}
    for start in starts:
        compared = start_comparisons(trials, schedule, start, seed=seed)
        (losses, lower), (steps, fewer) = compared.values()
        rows[start] = {
            "loss, difference": losses.difference,
            "lower loss": outcome(losses, lower),
            "steps, difference": steps.difference,
            "fewer steps": outcome(steps, fewer),
            "reached": float(np.isfinite(needed.loc[schedule, start]).mean()),
            "helps": verdict(list(compared.values())),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _steps(needed: pd.Series, runs: pd.DataFrame, schedule: str, start: str) -> pd.Series:
    """Steps to the goal by image; all steps of the schedule where it is not reached."""
    all_steps = runs.loc[runs["schedule"] == schedule, "steps"].max()
    return needed.loc[schedule, start].clip(upper=all_steps).groupby("image").mean()
