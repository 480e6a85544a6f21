"""The progress of a study on the terminal, its plan, and its failures."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from pandas import DataFrame
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rcx.commands.terminal import console, say
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.plan import Advance, Execute, Plan, Task
from rcx.study.store import Store
from rcx.study.verification import TOLERANCE
from rcx.system.text import printable, shortened

_SECONDS_BETWEEN_LINES = 20.0
_MOST_FAILURES = 20


def with_progress(execute: Execute, *, quiet: bool = False) -> Execute:
    """Show progress while tasks are worked on: a bar on a terminal, a line now and then elsewhere.

    Parameters
    ----------
    execute : callable
        Works on the tasks.
    quiet : bool
        Whether to show nothing.
    """
    if quiet:
        return execute

    def execute_and_show(
        tasks: Sequence[Task], store: Store, advance: Advance | None = None
    ) -> Generator[tuple[Task, TaskOutcome], None, None]:
        reporter = _StudyReporter(tasks)

        def advance_and_show(seconds: float) -> None:
            if advance:
                advance(seconds)
            reporter.advance(seconds)

        with reporter.bar:
            for task, outcome in execute(tasks, store, advance_and_show):
                reporter.finished(task, outcome)
                yield task, outcome

    return execute_and_show


class _StudyReporter:
    """Shows the progress of tasks.

    Parameters
    ----------
    tasks : sequence of Task
        The work that is left.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._console = console(stderr=True)
        self._expected = sum(task.seconds for task in tasks)
        self._total_images = sum(len(task.images) for task in tasks)
        self._done, self._images, self._failures = 0.0, 0, 0
        self._begin = self._last_line = time.monotonic()
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[position]}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
            speed_estimate_period=1800,  # an image takes minutes, some more than others
        )
        self._bar_task = self.bar.add_task("study", total=self._expected, position="")

    def advance(self, seconds: float) -> None:
        """Note how much work was done."""
        self._done += seconds
        self.bar.update(self._bar_task, completed=self._done)

    def finished(self, task: Task, outcome: TaskOutcome) -> None:
        """Note how a task went. Without a bar, print a line now and then."""
        self._images += len(task.images)
        self._failures += len(outcome.failures)
        _, source = task.images[-1]
        count = f"{self._images}/{self._total_images}"
        position = f"run {task.variant.number + 1}, {shortened(source.name, 30)} ({count})"
        self.bar.update(self._bar_task, position=position)
        now = time.monotonic()
        due = now - self._last_line > _SECONDS_BETWEEN_LINES or self._images == self._total_images
        if self._console.is_terminal or not due:
            return
        self._last_line = now
        elapsed = now - self._begin
        left = elapsed * (self._expected - self._done) / max(self._done, 1)
        failed = f", {self._failures} failed" if self._failures else ""
        say(f"{position}, {duration(elapsed)} so far{failed}, about {duration(left)} left")


def duration(seconds: float) -> str:
    """Write a time in words, such as ``"45 s"``, ``"12 min"`` or ``"2.5 h"``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(max(seconds, 0))} s"
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def plan_table(plan: Plan) -> Table:
    """Make the table of stored and missing results, by kind."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("results")
    for name in ("stored", "to be computed"):
        table.add_column(name, justify="right")
    for kind in dict.fromkeys([*plan.stored, *plan.missing]):
        table.add_row(kind, str(plan.stored.get(kind, 0)), str(plan.missing.get(kind, 0)))
    return table


def difference_rows(differences: DataFrame) -> Table:
    """Make the table of how far recomputed numbers are from committed ones."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("table", "number"):
        table.add_column(name)
    for name in ("rows", "missing", "mean difference", "largest", f"within {TOLERANCE:g}"):
        table.add_column(name, justify="right")
    for (name, number), row in differences.iterrows():
        sizes = (f"{row['mean']:.4f}", f"{row['largest']:.4f}", f"{row['within']:.1%}")
        table.add_row(name, number, f"{row['rows']:.0f}", f"{row['missing']:.0f}", *sizes)
    return table


def say_study_failures(failures: Sequence[StudyFailure]) -> None:
    """Print what failed, each with the reason."""
    for failure in failures[:_MOST_FAILURES]:
        parts = (printable(failure.image), failure.classifier, failure.what)
        what = ", ".join(part for part in parts if part)
        line = Text.assemble(("Failed: ", "bold red"), f"{what}: {failure.reason}")
        console(stderr=True).print(line, soft_wrap=True)
    if len(failures) > _MOST_FAILURES:
        say(f"and {len(failures) - _MOST_FAILURES} more failures")
