"""Runs of the solver from different starts, as tables, and what they say."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from rcx.evaluate.statistics import UNKNOWN, Interval, mean_interval
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.solver.settings import SolverSettings
from rcx.starts.initial import AnyStart

POINTS = 40
"""How many points of a loss curve are kept."""

KEY = ["schedule", "start", "image", "seed"]
"""Columns that tell one run from another."""


class Trials(NamedTuple):
    """Runs from several starts, under several schedules.

    Attributes
    ----------
    runs : DataFrame
        A row for each run: `KEY`; ``loss``, ``distortion``, ``nonsparsity`` by fresh noise;
        ``label_kept``; ``converged``; ``steps``; ``seconds``, of the processor or else
        of the GPU, with those that the start took.
    curves : DataFrame
        `KEY`, ``step``, ``loss``: the mean over a window of steps that ends there, at most
        `POINTS` for each run. A step has few noise samples; a window has many.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame

    @classmethod
    def cat(cls, parts: Sequence[Trials]) -> Trials:
        """Join tables."""
        return cls(*(pd.concat(some, ignore_index=True) for some in zip(*parts, strict=True)))


def run_trials(
    make: Callable[..., Explainer],
    images: Tensor,
    starts: Mapping[str, AnyStart],
    schedules: Mapping[str, SolverSettings],
    seeds: Sequence[int] = (0,),
    *,
    done: Container[tuple[str, str, int, int]] = (),
    first: int = 0,
) -> Iterator[Trials]:
    """Explain images from every start, under every schedule, with every seed.

    Parameters
    ----------
    make : callable
        Makes an explainer from ``start``, ``solver`` and ``seed``.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    starts, schedules : mappings
        By name.
    seeds : sequence of int
        Of the noise; a seed's noise is the same for every start.
    done : container of tuples
        Runs, by `KEY`, that are not needed again.
    first : int
        Number of the first image.

    Yields
    ------
    Trials
        Of one image, seed, schedule and start, so that what is done can be kept.
    """
    for image, seed, (schedule, solver), (name, start) in product(
        range(len(images)), seeds, schedules.items(), starts.items()
    ):
        key = {"schedule": schedule, "start": name, "image": first + image, "seed": seed}
        if tuple(key.values()) in done:
            continue
        explainer = make(start=start, solver=solver, seed=seed)
        # other work on the machine does not count as processor time
        clock = time.process_time if explainer.device.type == "cpu" else time.perf_counter
        begin = clock()
        explanation = explainer.explain(images[image : image + 1])
        seconds = clock() - begin
        yield _recorded(explanation, key, seconds)


def _recorded(explanation: Explanation, key: Mapping[str, object], seconds: float) -> Trials:
    """Tables of one run."""
    run: dict[str, Any] = {
        **key,
        "loss": explanation.loss.item(),
        "distortion": explanation.distortion.item(),
        "nonsparsity": explanation.nonsparsity.item(),
        "label_kept": bool(explanation.label_kept),
        "converged": bool(explanation.converged),
        "steps": int(explanation.steps),
        "seconds": seconds,
    }
    losses = explanation.history["loss"][0, : run["steps"]].numpy()
    points = np.linspace(1, len(losses), min(POINTS, len(losses)))
    ends = np.unique(points.round().astype(int))
    window = max(1, len(losses) // POINTS)
    curve = [losses[max(0, end - window) : end].mean() for end in ends]
    return Trials(pd.DataFrame([run]), pd.DataFrame({**key, "step": ends, "loss": curve}))


def steps_to_reach(trials: Trials, goal: pd.Series, *, margin: float = 0.05) -> pd.Series:
    """Steps until the loss comes down to what another run of the same image and seed ended with.

    Parameters
    ----------
    trials : Trials
    goal : Series
        Loss by ``image`` and ``seed``.
    margin : float
        How much above the goal counts as reached, relatively.

    Returns
    -------
    Series
        By `KEY`; infinite where the goal is not reached.
    """
    curves = trials.curves.join(goal.rename("goal"), on=["image", "seed"])
    reached = curves["loss"] <= (1 + margin) * curves["goal"]
    first = curves["step"].where(reached, np.inf)
    return first.groupby([curves[name] for name in KEY]).min()


def starts_table(
    trials: Trials,
    reference: tuple[str, str] = ("default", "ones"),
    *,
    margin: float = 0.05,
    seed: int = 0,
) -> pd.DataFrame:
    """Sum up runs, a row for each schedule and start.

    Parameters
    ----------
    trials : Trials
    reference : (str, str)
        Schedule and start whose final losses are the goal.
    margin : float
        See `steps_to_reach`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        ``loss`` and ``difference`` from the goal, each an `rcx.evaluate.Interval` over images
        (an image's seeds are averaged first, so that they do not count as images); median
        ``steps to goal`` and ``seconds to goal``, infinite where fewer than half of the runs reach
        it; mean ``steps`` and ``seconds`` taken; shares ``converged`` and ``ruined`` (label lost).
    """
    goal = final_losses(trials.runs, *reference)
    needed = steps_to_reach(trials, goal, margin=margin)
    rows = {}
    for (schedule, start), runs in trials.runs.groupby(["schedule", "start"], sort=False):
        runs = runs.set_index(KEY)
        steps = needed.reindex(runs.index, fill_value=np.inf)
        pace = runs["seconds"] / runs["steps"].clip(lower=1)
        first, second = paired_losses(trials.runs, (schedule, start), reference)
        rows[schedule, start] = {
            "runs": len(runs),
            "loss": _mean(first, seed),
            "difference": _mean(first - second, seed),
            "steps to goal": steps.median(),
            "seconds to goal": (steps * pace).median(),
            "steps": runs["steps"].mean(),
            "seconds": runs["seconds"].mean(),
            "converged": runs["converged"].mean(),
            "ruined": 1 - runs["label_kept"].mean(),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(index=["schedule", "start"])


def paired_losses(
    runs: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]
) -> tuple[pd.Series, pd.Series]:
    """Final losses of two pairs of schedule and start, by image: means over the seeds of both."""
    pairs = pd.concat([final_losses(runs, *first), final_losses(runs, *second)], axis=1).dropna()
    if pairs.empty:
        raise ValueError(f"{first} and {second} have no image and seed in common")
    means = pairs.groupby("image").mean()
    return means.iloc[:, 0], means.iloc[:, 1]


def final_losses(runs: pd.DataFrame, schedule: str, start: str) -> pd.Series:
    """Losses at the end, by image and seed."""
    chosen = runs[(runs["schedule"] == schedule) & (runs["start"] == start)]
    if chosen.empty:
        raise ValueError(f"there are no runs under {schedule!r} from {start!r}")
    return chosen.set_index(["image", "seed"])["loss"]


def _mean(values: pd.Series, seed: int) -> Interval:
    return mean_interval(values, seed=seed) if len(values) > 1 else UNKNOWN


def curve_intervals(
    trials: Trials, schedule: str, steps: npt.ArrayLike, *, seed: int = 0
) -> dict[str, Interval]:
    """Mean loss over images at some steps, with intervals, for each start.

    A run that has stopped keeps its last loss, and one that has not begun its first.
    """
    found = {}
    curves = trials.curves[trials.curves["schedule"] == schedule]
    for start, some in curves.groupby("start", sort=False):
        rows: list[npt.NDArray[np.float64]] = []
        for _, runs in some.groupby("image"):
            each = [
                np.interp(np.asarray(steps), run["step"].to_numpy(), run["loss"].to_numpy())
                for _, run in runs.groupby("seed")
            ]
            rows.append(np.mean(each, axis=0))
        found[str(start)] = mean_interval(np.stack(rows), seed=seed)
    return found
