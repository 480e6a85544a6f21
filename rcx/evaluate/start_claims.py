"""What runs from different starts, and under different schedules, say about the published ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rcx.evaluate.statistics import Comparison, Expected, compare, outcome, verdict
from rcx.evaluate.trials import Trials, final_losses, paired_losses, steps_to_reach
from rcx.explain.explanation import BLACK

EARLY = 0.25
"""Share of the steps that counts as the beginning of a run."""


def picture_table(trials: Trials, schedule: str, *, seed: int = 0) -> pd.DataFrame:
    """Put the published picture of the starts to a test, a row for each of its claims.

    The report saw the pre-optimised start faster at first and then together with the published one,
    and the foreground start end higher.

    Parameters
    ----------
    trials : Trials
    schedule : str
        Under which the runs were made.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        The difference from the start ``ones``, its `rcx.evaluate.Interval`, the p-value of the
        signed-rank test, and the `rcx.evaluate.outcome`.
    """
    ones = (schedule, "ones")
    claims: dict[str, tuple[Comparison, Expected]] = {}
    for start in ("uniform", "foreground-uniform"):
        early = early_losses(trials, schedule, start)
        same = early_losses(trials, schedule, "ones").loc[early.index]
        claims[f"{start} is lower at first"] = (compare(early, same, seed=seed), "lower")
    for start in ("foreground", "foreground-uniform", "uniform", "random"):
        losses = paired_losses(trials.runs, (schedule, start), ones)
        claims[f"{start} ends higher"] = (compare(*losses, seed=seed), "higher")
    return pd.DataFrame.from_dict(
        {
            claim: {
                "difference": one.difference,
                "images": one.images,
                "Wilcoxon p": one.wilcoxon,
                "outcome": outcome(one, expected),
            }
            for claim, (one, expected) in claims.items()
        },
        orient="index",
    )


def early_losses(trials: Trials, schedule: str, start: str) -> pd.Series:
    """Mean loss over the first part (`EARLY`) of the steps, by image."""
    curves = trials.curves[
        (trials.curves["schedule"] == schedule) & (trials.curves["start"] == start)
    ]
    last = trials.runs.loc[trials.runs["schedule"] == schedule, "steps"].max()
    return curves[curves["step"] <= EARLY * last].groupby("image")["loss"].mean()


def help_table(
    trials: Trials,
    schedule: str,
    starts: Sequence[str],
    *,
    reference: tuple[str, str] | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Judge whether starts help: a lower loss at the end, or fewer steps to the same loss.

    Parameters
    ----------
    trials : Trials
    schedule : str
        Of the starts' runs.
    starts : sequence of str
    reference : (str, str), optional
        Schedule and start that they are compared with; by default this schedule from ``ones``.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        For each start: the difference of the losses and of the steps to the reference's final loss
        (a run that does not reach it counts with all of its steps), their outcomes, the share of
        images that reach it, and ``helps``, the verdict that both are lower: supported, mixed where
        one is, or not supported.
    """
    against = reference or (schedule, "ones")
    goal = final_losses(trials.runs, *against)
    needed = steps_to_reach(trials, goal)
    rows = {}
    for start in starts:
        losses = compare(*paired_losses(trials.runs, (schedule, start), against), seed=seed)
        taken, whole = (_steps(needed, trials.runs, *pair) for pair in ((schedule, start), against))
        steps = compare(taken, whole.loc[taken.index], seed=seed)
        claims: list[tuple[Comparison, Expected]] = [(losses, "lower"), (steps, "lower")]
        rows[start] = {
            "loss, difference": losses.difference,
            "lower loss": outcome(losses, "lower"),
            "steps, difference": steps.difference,
            "fewer steps": outcome(steps, "lower"),
            "reached": float(np.isfinite(needed.loc[schedule, start]).mean()),
            "helps": verdict(claims),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _steps(needed: pd.Series, runs: pd.DataFrame, schedule: str, start: str) -> pd.Series:
    """Steps to the goal by image; all steps of the schedule where it is not reached."""
    most = runs.loc[runs["schedule"] == schedule, "steps"].max()
    return needed.loc[schedule, start].clip(upper=most).groupby("image").mean()


def schedule_table(
    rows: pd.DataFrame, first: str, others: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Compare a schedule with others by where they end on the same images.

    Parameters
    ----------
    rows : DataFrame
        A study's table of explanations, in which a ``series`` is a schedule.
    first : str
        The one that is compared.
    others : sequence of str
        Those that it is compared with.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        For each of the others, on the images that it has in common with the first, at least 2: mean
        losses, their ratio, the `rcx.evaluate.Interval` of the mean difference, in how many
        images the first is lower, how many labels either keeps and how many of its pictures are
        all black (`rcx.evaluate.BLACK`), how many runs of the other had ``settled`` before their
        last step, see `rcx.explain.Explanation.settled_at`, and the median of those steps.
    """
    by_image = {
        str(name): part.set_index("image") for name, part in rows.groupby("series", observed=True)
    }
    table = {}
    for other in others:
        common = by_image[first].index.intersection(by_image[other].index)
        one, two = (by_image[name].loc[common] for name in (first, other))
        losses = compare(one["loss"], two["loss"], seed=seed)
        settled = two["settled_at"][two["settled_at"].between(1, two["steps"] - 1)]
        table[other] = {
            "images": len(common),
            f"loss, {first}": one["loss"].mean(),
            "loss": two["loss"].mean(),
            "ratio": one["loss"].mean() / two["loss"].mean(),
            "difference": losses.difference,
            f"{first} is lower": losses.first_lower,
            f"labels kept, {first}": int(one["label_kept"].sum()),
            "labels kept": int(two["label_kept"].sum()),
            f"all black, {first}": int((one["brightest"] < BLACK).sum()),
            "all black": int((two["brightest"] < BLACK).sum()),
            "settled": len(settled),
            "settled at": settled.median(),
        }
    return pd.DataFrame.from_dict(table, orient="index")
