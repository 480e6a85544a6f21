"""Runs of the solver from different starts, as tables, and their summaries."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from rcx.evaluate.statistics import Interval, mean_if_known, mean_interval
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.solver.settings import SolverSettings
from rcx.starts.initial import AnyStart

POINTS = 40
"""A loss curve has at most this number of points."""

KEY = ["schedule", "start", "image", "seed"]
"""Columns that identify a run."""


class MakeExplainer(Protocol):
    """A function that makes an explainer, such as ``partial(CartoonX, classifier)``."""

    def __call__(self, *, start: AnyStart, solver: SolverSettings, seed: int) -> Explainer: ...


class Trials(NamedTuple):
    """Runs from several starts, under several schedules.

    Attributes
    ----------
    runs : DataFrame
        A row for each run. ``schedule``, ``start``, ``image`` and ``seed`` identify it. ``loss``,
        ``distortion`` and ``nonsparsity`` are measured with fresh noise. ``label_kept``,
        ``converged`` and ``steps`` are those of the explanation. ``seconds`` are seconds of the
        processor, or wall seconds on a GPU; they include the making of the start.
    curves : DataFrame
        The columns that identify a run, with ``step`` and ``loss``: at most 40 rows for each run.
        A loss is the mean over a window of steps that ends with this step, because the few noise
        samples of a single step say little.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame

    @classmethod
    def cat(cls, parts: Sequence[Trials]) -> Trials:
        """Join the tables of several trials."""
        return cls(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))


def run_trials(
    make: MakeExplainer,
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
        Makes an explainer from the keywords ``start``, ``solver`` and ``seed``.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    starts : mapping of str to str, Tensor or StartNetwork
        Starting masks by name, as for `rcx.CartoonX`.
    schedules : mapping of str to SolverSettings
        Settings of the solver by name.
    seeds : sequence of int
        Seeds of the noise. The noise of a seed is the same for every start.
    done : container of (str, str, int, int)
        Runs that are left out, each as schedule, start, image and seed.
    first : int
        Number of the first image.

    Yields
    ------
    Trials
        The run of one image, seed, schedule and start, so that finished runs can be saved.
    """
    for row, seed, (schedule, solver), (start_name, start) in product(
        range(len(images)), seeds, schedules.items(), starts.items()
    ):
        key = {"schedule": schedule, "start": start_name, "image": first + row, "seed": seed}
        if tuple(key.values()) in done:
            continue
        explainer = make(start=start, solver=solver, seed=seed)
        # processor time does not count other work on the machine
        clock = time.process_time if explainer.device.type == "cpu" else time.perf_counter
        begin = clock()
        explanation = explainer.explain(images[row : row + 1])
        seconds = clock() - begin
        yield _recorded(explanation, key, seconds)


def _recorded(explanation: Explanation, key: Mapping[str, object], seconds: float) -> Trials:
    """Tables of one run."""
    steps = int(explanation.steps)
    run = {
        **key,
        "loss": explanation.loss.item(),
        "distortion": explanation.distortion.item(),
        "nonsparsity": explanation.nonsparsity.item(),
        "label_kept": bool(explanation.label_kept),
        "converged": bool(explanation.converged),
        "steps": steps,
        "seconds": seconds,
    }
    losses = explanation.history["loss"][0, :steps].numpy()
    points = np.linspace(1, len(losses), min(POINTS, len(losses)))
    ends = np.unique(points.round().astype(int))
    window = max(1, len(losses) // POINTS)
    curve = [losses[max(0, end - window) : end].mean() for end in ends]
    return Trials(pd.DataFrame([run]), pd.DataFrame({**key, "step": ends, "loss": curve}))


def steps_to_reach(trials: Trials, goal: pd.Series, *, margin: float = 0.05) -> pd.Series:
    """Find the steps after which the loss of each run has come down to a goal.

    Parameters
    ----------
    trials : Trials
        The runs.
    goal : Series
        Loss by ``image`` and ``seed``, such as the final loss of other runs.
    margin : float
        The goal counts as reached if the loss is at most ``1 + margin`` times the goal.

    Returns
    -------
    Series
        Steps by schedule, start, image and seed; infinite where the goal is not reached.
    """
    curves = trials.curves.join(goal.rename("goal"), on=["image", "seed"])
    reached = curves["loss"] <= (1 + margin) * curves["goal"]
    steps = curves["step"].where(reached, np.inf)
    return steps.groupby([curves[name] for name in KEY]).min()


def starts_table(
    trials: Trials,
    reference: tuple[str, str] = ("default", "ones"),
    *,
    margin: float = 0.05,
    seed: int = 0,
) -> pd.DataFrame:
    """Sum up runs by schedule and start.

    Parameters
    ----------
    trials : Trials
        The runs.
    reference : (str, str)
        Schedule and start whose final losses are the goal.
    margin : float
        As for `steps_to_reach`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each schedule and start. ``runs`` is their number. ``loss`` and ``difference``
        from the goal are `rcx.evaluate.Interval` over images; the seeds of an image are averaged
        first, so that they do not count as images. ``steps to goal`` and ``seconds to goal`` are
        medians, infinite where fewer than half of the runs reach the goal. ``steps`` and
        ``seconds`` are means. ``converged`` and ``ruined`` (label lost) are shares.

    Raises
    ------
    ValueError
        If the reference has no runs, or none in common with a schedule and start.
    """
    goal = final_losses(trials.runs, *reference)
    needed = steps_to_reach(trials, goal, margin=margin)
    rows = {}
    for (schedule, start), runs in trials.runs.groupby(["schedule", "start"], sort=False):
        runs = runs.set_index(KEY)
        steps = needed.reindex(runs.index, fill_value=np.inf)
        step_seconds = runs["seconds"] / runs["steps"].clip(lower=1)
        losses, reference_losses = paired_losses(trials.runs, (schedule, start), reference)
        rows[schedule, start] = {
            "runs": len(runs),
            "loss": mean_if_known(losses, seed=seed),
            "difference": mean_if_known(losses - reference_losses, seed=seed),
            "steps to goal": steps.median(),
            "seconds to goal": (steps * step_seconds).median(),
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
    """Final losses by image of two pairs of schedule and start.

    The losses are means over the seeds that both have in common.
    """
    pairs = pd.concat([final_losses(runs, *first), final_losses(runs, *second)], axis=1).dropna()
    if pairs.empty:
        raise ValueError(f"{first} and {second} have no image and seed in common")
    means = pairs.groupby("image").mean()
    return means.iloc[:, 0], means.iloc[:, 1]


def final_losses(runs: pd.DataFrame, schedule: str, start: str) -> pd.Series:
    """Final losses of a schedule and start, by image and seed."""
    rows = runs[(runs["schedule"] == schedule) & (runs["start"] == start)]
    if rows.empty:
        raise ValueError(f"there are no runs under {schedule!r} from {start!r}")
    return rows.set_index(["image", "seed"])["loss"]


def curve_intervals(
    trials: Trials, schedule: str, steps: npt.ArrayLike, *, seed: int = 0
) -> dict[str, Interval]:
    """Compute the mean loss over images, with intervals, at some steps.

    Parameters
    ----------
    trials : Trials
        The runs.
    schedule : str
        Schedule of the runs that are used.
    steps : array-like
        ``(Q,)``. After the end of a run its last loss counts, before its first point the first.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict of str to Interval
        Intervals of Q means, by start.
    """
    intervals = {}
    curves = trials.curves[trials.curves["schedule"] == schedule]
    for start, start_curves in curves.groupby("start", sort=False):
        rows: list[npt.NDArray[np.float64]] = []
        for _, image_curves in start_curves.groupby("image"):
            losses = [
                np.interp(np.asarray(steps), curve["step"].to_numpy(), curve["loss"].to_numpy())
                for _, curve in image_curves.groupby("seed")
            ]
            rows.append(np.mean(losses, axis=0))
        intervals[str(start)] = mean_interval(np.stack(rows), seed=seed)
    return intervals
