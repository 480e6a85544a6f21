"""What a running study says: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rcx.commands.terminal import console, say
from rcx.study.computation import TaskOutcome
from rcx.study.plan import Plan, Task
from rcx.study.sources import StudyFailure
from rcx.system.text import printable, shortened

_SECONDS_BETWEEN_LINES = 20.0
_MOST_FAILURES = 20


class StudyReporter:
    """Progress of a plan's tasks.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    quiet : bool
        Say nothing.
    """

    def __init__(self, plan: Plan, *, quiet: bool = False) -> None:
        self._console = console(stderr=True)
        self._quiet, self._cost = quiet, plan.cost
        self._left = sum(len(task.places) for task in plan.tasks)
        self._done, self._images, self._failed = 0.0, 0, 0
        self._begin = self._said = time.monotonic()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[at]}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            transient=True,
            speed_estimate_period=1800,  # an image takes minutes, and some take more than others
        )
        self._task = self._bar.add_task("study", total=plan.cost, at="")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context in which the bar is shown."""
        with self._bar:
            yield

    def advance(self, cost: float) -> None:
        """Say that so much has been done."""
        self._done += cost
        self._bar.update(self._task, completed=self._done)

    def finished(self, task: Task, outcome: TaskOutcome) -> None:
        """Take in how a task went."""
        self._images += len(task.places)
        self._failed += len(outcome.failures)
        variant = task.variant
        name = task.places[-1][1].name
        at = f"run {variant.number + 1}, {shortened(name, 30)} ({self._images}/{self._left})"
        self._bar.update(self._task, at=at)
        now = time.monotonic()
        enough = now - self._said > _SECONDS_BETWEEN_LINES or self._images == self._left
        if self._quiet or self._console.is_terminal or not enough:
            return
        self._said = now
        took = now - self._begin
        left = took * (self._cost - self._done) / max(self._done, 1)
        failed = f", {self._failed} failed" if self._failed else ""
        say(f"{at}, {duration(took)} so far{failed}, about {duration(left)} left")


def duration(seconds: float) -> str:
    """A time in words."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(max(seconds, 0))} s"
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def plan_table(plan: Plan) -> Table:
    """Table of what is stored and what is to be done, by kind of result."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("results")
    for name in ("stored", "to be computed"):
        table.add_column(name, justify="right")
    for kind in dict.fromkeys([*plan.stored, *plan.missing]):
        table.add_row(kind, str(plan.stored.get(kind, 0)), str(plan.missing.get(kind, 0)))
    return table


def say_study_failures(failures: Sequence[StudyFailure]) -> None:
    """Name what failed, each with its reason."""
    for one in failures[:_MOST_FAILURES]:
        what = ", ".join(part for part in (printable(one.image), one.classifier, one.what) if part)
        line = Text.assemble(("Failed: ", "bold red"), f"{what}: {one.reason}")
        console(stderr=True).print(line, soft_wrap=True)
    if len(failures) > _MOST_FAILURES:
        say(f"and {len(failures) - _MOST_FAILURES} more failures")
