"""Figures of the loss over the solver's steps, from different starts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rcx.evaluate.trials import Trials, curve_intervals
from rcx.images.figures import COLOURS, INK, StyledFigure, style


def starts_figure(trials: Trials, schedules: Mapping[str, str], *, seed: int = 0) -> StyledFigure:
    """Show how the loss falls from each start: the mean over the images and its interval.

    Parameters
    ----------
    trials : Trials
        Runs from every start.
    schedules : mapping of str to str
        Titles of the panels, by the name of the schedule that the panel shows.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    StyledFigure
    """
    starts = list(dict.fromkeys(trials.curves["start"]))
    colours = dict(zip(starts, (INK, *COLOURS), strict=False))
    with style():
        figure = StyledFigure(figsize=(4.7 * len(schedules), 3.6))
        panels = figure.subplots(1, len(schedules), squeeze=False, sharey=True)[0]
        for axes, (schedule, title) in zip(panels, schedules.items(), strict=True):
            last = trials.curves.loc[trials.curves["schedule"] == schedule, "step"].max()
            steps = np.linspace(last / 40, last, 40)
            for start, interval in curve_intervals(trials, schedule, steps, seed=seed).items():
                axes.plot(steps, interval.mean, color=colours[start], label=start)
                axes.fill_between(
                    steps, interval.low, interval.high, color=colours[start], alpha=0.15, lw=0
                )
            axes.set(title=title, xlabel="step", yscale="log")
            axes.margins(x=0.01)
        panels[0].set_ylabel("loss")
        lines = {line.get_label(): line for axes in panels for line in axes.get_lines()}
        panels[0].legend(handles=list(lines.values()))
    return figure
