"""The terminal: errors in one sentence, progress, a table of results, and failures."""

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
"""Gives the name of a class from its index."""

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes. 0 means that all went well."""


def console(*, stderr: bool = False) -> Console:
    """Make a console for results or, on stderr, for progress and errors. A file gets long lines."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def say(message: str, *, style: str = "", stderr: bool = True) -> None:
    """Print a line without wrapping it."""
    console(stderr=stderr).print(Text(message, style=style), soft_wrap=True)


def say_error(message: str) -> None:
    """Print a sentence about what went wrong."""
    line = Text.assemble(("Error: ", "bold red"), message)
    console(stderr=True).print(line, soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """Write a number with its noun, such as ``"1 result"`` or ``"2 results"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@contextmanager
def explained_errors() -> Iterator[None]:
    """Turn an error that occurs before the work begins into one sentence and an exit code."""
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
    except RuntimeError as error:  # weights, network or device are not available
        say_error(reason(error))
        raise typer.Exit(FAILED) from error


class Reporter:
    """Shows the progress of ``rcx explain``: a bar on a terminal, a line for each file elsewhere.

    Parameters
    ----------
    total : int
        Number of files.
    failures : list of ImageFailure
        Files that have failed already.
    label : callable
        Gives the name of a class from its index.
    quiet : bool
        Whether to show nothing but failures.
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
        """Show the bar within this context."""
        with self._bar:
            yield

    def advance(self, done: float, file: Path) -> None:
        """Move the bar to the number of files that are done, and name the one in progress."""
        self._bar.update(
            self._task,
            completed=done,
            file=shortened(file.name, 40),
            count=f"{self._finished}/{self.total}",
        )

    def done(self, outcome: ExplainedPhoto | ImageFailure) -> None:
        """Note how a file went. Without a bar, print a line about it."""
        from rcx.images.reading import ImageFailure

        self._finished += 1
        if isinstance(outcome, ImageFailure):
            self.failures.append(outcome)
            return
        self.photos.append(outcome)
        if self.quiet or self._console.is_terminal:
            return
        for explanation in outcome.explanations:
            empty = f", empty: {_emptiness(explanation)}" if bool(explanation.empty) else ""
            say(
                f"{printable(outcome.path)}: {explanation.settings['method']}, "
                f"{self.label(int(explanation.target))} {_probabilities(explanation)}, "
                f"label {'kept' if bool(explanation.label_kept) else 'lost'}, "
                f"{outcome.seconds:.1f} s{empty}"
            )

    @property
    def missing(self) -> int:
        """Number of files that have not been tried."""
        return self.total - self._finished

    def summary(self, folder: Path) -> None:
        """Print the table of results, what to do about bad ones, and what failed."""
        if self.photos and not self.quiet:
            output = console()
            output.print(results_table(self.photos, self.label))
            files = sum(1 + len(photo.explanations) for photo in self.photos)
            say(f"{files} files are in {printable(folder)}{os.sep}", stderr=False)
            self._say_empty()
            self._say_lost()
        say_failures(self.failures)

    def _say_empty(self) -> None:
        """Say how many explanations are empty, why the first one is, and what helps."""
        empty = [
            (photo, explanation)
            for photo in self.photos
            for explanation in photo.explanations
            if bool(explanation.empty)
        ]
        if empty:
            photo, explanation = empty[0]
            verb = "is empty, that" if len(empty) == 1 else "are empty, the first one"
            say(
                f"{counted(len(empty), 'explanation')} {verb} of {printable(photo.path.name)}: "
                f"{_emptiness(explanation)}.",
                stderr=False,
            )

    def _say_lost(self) -> None:
        """Say how many explanations show something but lost the label, and what helps."""
        options = [
            _lambda_option(explanation)
            for photo in self.photos
            for explanation in photo.explanations
            if not bool(explanation.label_kept | explanation.empty)
        ]
        if options:
            say(
                f"{counted(len(options), 'explanation')} lost the label: a smaller "
                f"{' or '.join(dict.fromkeys(options))} keeps more of the image, and may keep "
                "the label.",
                stderr=False,
            )


def _probabilities(explanation: Explanation) -> str:
    return f"{float(explanation.probability):.3f} -> {float(explanation.probability_after):.3f}"


def _emptiness(explanation: Explanation) -> str:
    """Say why an explanation is empty, and which option helps."""
    from rcx.explain.empty import reason_for_emptiness

    option = _lambda_option(explanation)
    return reason_for_emptiness(
        explanation, lambda_option=option, relative_option="--distortion relative"
    )


def _lambda_option(explanation: Explanation) -> str:
    """Name the option that decides how much of the image an explanation keeps."""
    if explanation.settings["target_distortion"] is not None:
        return "--target-distortion"
    return "--lambda-k"


def results_table(photos: Sequence[ExplainedPhoto], label: Label) -> Table:
    """Make the table of explained photos, with a row for each explanation."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("photo", overflow="fold", min_width=12)
    several = any(len(photo.explanations) > 1 for photo in photos)
    if several:
        table.add_column("method", no_wrap=True)
    table.add_column("class", overflow="fold", min_width=10)
    quantity = photos[0].explanations[0].quantity if photos else "probability"
    table.add_column(quantity, no_wrap=True)
    table.add_column("label", no_wrap=True)
    for name in ("non-sparsity", "distortion", "steps", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for photo in photos:
        name = printable(photo.path.name)
        if photo.name != photo.path.stem:
            name += f" (as {printable(photo.name)})"
        for number, explanation in enumerate(photo.explanations):
            table.add_row(
                Text(name if number == 0 else ""),
                *([str(explanation.settings["method"])] if several else []),
                Text(printable(label(int(explanation.target)))),
                _probabilities(explanation),
                _label_cell(explanation),
                f"{float(explanation.nonsparsity):.4f}",
                f"{float(explanation.distortion):.4f}",
                str(int(explanation.steps)),
                f"{photo.seconds:.1f}" if number == 0 else "",
            )
    return table


def _label_cell(explanation: Explanation) -> Text:
    """Tell whether the label is kept, and whether the explanation is empty."""
    label = "kept" if bool(explanation.label_kept) else "lost"
    if bool(explanation.empty):
        return Text(f"{label}, empty", "bold red")
    return Text(label, "green" if label == "kept" else "bold red")


def show_table(title: str, table: pd.DataFrame) -> None:
    """Print a table of numbers and intervals under a title, which may be empty."""
    printed = Table(title=title or None, title_justify="left")
    for name in (*table.index.names, *table.columns):
        printed.add_column(name or "")
    for key, values in zip(table.index, table.to_numpy(), strict=True):
        labels = key if isinstance(key, tuple) else (key,)
        printed.add_row(*labels, *(_cell(value) for value in values))
    console().print(printed)


def _cell(value: object) -> str:
    if isinstance(value, tuple):  # an interval
        return format(value)
    return "" if value != value else f"{value:.4g}"


def say_failures(failures: Iterable[ImageFailure]) -> None:
    """Print the files that failed, each with the reason."""
    for failure in failures:
        line = Text.assemble(("Failed: ", "bold red"), str(failure))
        console(stderr=True).print(line, soft_wrap=True)
