"""What the command line says: errors in a sentence, progress, a table of results, failures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rcx.system.text import printable, reason, shortened

if TYPE_CHECKING:
    import pandas as pd

    from rcx.commands.photos import ExplainedPhoto
    from rcx.explain.explanation import Explanation
    from rcx.images.reading import ImageFailure

_WIDTH_OF_A_FILE = 160
Label = Callable[[int], str]

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes; 0 is all went well."""


def console(*, stderr: bool = False) -> Console:
    """Console for results or, on stderr, for progress and errors; a file gets long lines."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def say(message: str, *, style: str = "", stderr: bool = True) -> None:
    """Print a line that is not to be wrapped."""
    console(stderr=stderr).print(Text(message, style=style), soft_wrap=True)


def say_error(message: str) -> None:
    """Print a sentence about what went wrong."""
    line = Text.assemble(("Error: ", "bold red"), message)
    console(stderr=True).print(line, soft_wrap=True)


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn what goes wrong before the work starts into one sentence and an exit code."""
    try:
        yield
    except typer.Exit:  # itself a RuntimeError
        raise
    except KeyboardInterrupt:
        say_error("interrupted before anything was written")
        raise typer.Exit(INTERRUPTED) from None
    except (ValueError, TypeError, OSError) as error:
        say_error(reason(error))
        raise typer.Exit(USAGE) from error
    except RuntimeError as error:  # the weights, the network, the device
        say_error(reason(error))
        raise typer.Exit(FAILED) from error


class Reporter:
    """Progress of a number of files: a bar on a terminal, a line for each file elsewhere.

    Parameters
    ----------
    total : int
        How many files there are.
    failures : list of ImageFailure
        What has failed already.
    label : callable
        From a class index to the class's name.
    quiet : bool
        Show nothing but failures.
    """

    def __init__(
        self, total: int, failures: Sequence[ImageFailure], label: Label, *, quiet: bool = False
    ) -> None:
        self.total, self.label, self.quiet = total, label, quiet
        self.failures = list(failures)
        self.photos: list[ExplainedPhoto] = []
        self._finished = 0
        self._console = console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[file]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("explain", total=total, file="", count=f"0/{total}")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context in which the bar is shown."""
        with self._bar:
            yield

    def advance(self, done: float, file: Path) -> None:
        """Say how many files are done, in fractions, and which one is at work."""
        self._bar.update(
            self._task,
            completed=done,
            file=shortened(file.name, 40),
            count=f"{self._finished}/{self.total}",
        )

    def done(self, outcome: ExplainedPhoto | ImageFailure) -> None:
        """Take in how a file went; print a line where there is no bar."""
        from rcx.images.reading import ImageFailure

        self._finished += 1
        if isinstance(outcome, ImageFailure):
            self.failures.append(outcome)
            return
        self.photos.append(outcome)
        if self.quiet or self._console.is_terminal:
            return
        for one in outcome.explanations:
            say(
                f"{printable(outcome.path)}: {one.settings['method']}, "
                f"{self.label(int(one.target))} {_change(one)}, "
                f"label {'kept' if bool(one.label_kept) else 'lost'}, {outcome.seconds:.1f} s"
            )

    @property
    def missing(self) -> int:
        """How many files have not been tried."""
        return self.total - self._finished

    def summary(self, folder: Path) -> None:
        """Print the table of results, where they are, and what failed."""
        if self.photos and not self.quiet:
            output = console()
            output.print(results_table(self.photos, self.label))
            files = sum(1 + len(photo.explanations) for photo in self.photos)
            say(f"{files} files are in {printable(folder)}{os.sep}", stderr=False)
            lost = [
                one for photo in self.photos for one in photo.explanations if not one.label_kept
            ]
            if lost:
                say("A label that was lost may be kept with a smaller lambda.", stderr=False)
        say_failures(self.failures)


def _change(one: Explanation) -> str:
    return f"{float(one.probability):.3f} -> {float(one.probability_after):.3f}"


def results_table(photos: Sequence[ExplainedPhoto], label: Label) -> Table:
    """Table of explained photos, a row for each explanation."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("photo", overflow="fold", min_width=12)
    several = any(len(photo.explanations) > 1 for photo in photos)
    if several:
        table.add_column("method", no_wrap=True)
    table.add_column("class", overflow="fold", min_width=10)
    table.add_column("probability", no_wrap=True)
    table.add_column("label", no_wrap=True)
    for name in ("non-sparsity", "distortion", "steps", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for photo in photos:
        name = printable(photo.path.name)
        if photo.name != photo.path.stem:
            name += f" (as {printable(photo.name)})"
        for number, one in enumerate(photo.explanations):
            kept = Text("kept", "green") if bool(one.label_kept) else Text("lost", "bold red")
            table.add_row(
                Text(name if number == 0 else ""),
                *([str(one.settings["method"])] if several else []),
                Text(printable(label(int(one.target)))),
                _change(one),
                kept,
                f"{float(one.nonsparsity):.4f}",
                f"{float(one.distortion):.4f}",
                str(int(one.steps)),
                f"{photo.seconds:.1f}" if number == 0 else "",
            )
    return table


def show_table(title: str, table: pd.DataFrame) -> None:
    """Print a table of numbers and intervals."""
    shown = Table(title=title or None, title_justify="left")
    for name in (*table.index.names, *table.columns):
        shown.add_column(name or "")
    for key, values in zip(table.index, table.to_numpy(), strict=True):
        labels = key if isinstance(key, tuple) else (key,)
        shown.add_row(*labels, *(_written(value) for value in values))
    console().print(shown)


def _written(value: object) -> str:
    if isinstance(value, tuple):  # an interval
        return format(value)
    return "" if value != value else f"{value:.4g}"


def say_failures(failures: Iterable[ImageFailure]) -> None:
    """Name what failed, each with its reason."""
    for failure in failures:
        line = Text.assemble(("Failed: ", "bold red"), str(failure))
        console(stderr=True).print(line, soft_wrap=True)
