"""``rcx study``: a grid of explanations and curves, kept in a store, resumed where it stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.options import RUNNING, BatchSize, Device, Quiet
from rcx.commands.terminal import FAILED, INTERRUPTED, console, explained_errors, say, say_error
from rcx.system.text import printable, reason

if TYPE_CHECKING:
    from rcx.study.plan import Execute, Plan, Study
    from rcx.study.run import StudyReport
    from rcx.study.settings import StudySettings

_KEPT = "every finished result is kept, and the same command goes on from here"


def study(
    profile: Annotated[
        str | None,
        typer.Option(metavar="sample|imagenet", help="A study that comes with the package."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", "-s", metavar="FILE", help="Or one of your own, in TOML."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where tables and store go.")
    ] = Path("study"),
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A store that several studies share; else FOLDER/store."
        ),
    ] = None,
    n_images: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N images of each run.")
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="A folder, or files, instead of the study's images."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is stored and what is to be done.")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="Only write the tables of what is stored.")
    ] = False,
    device: Device = "auto",
    batch_size: BatchSize = None,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Of each process, on a CPU. Other numbers give other last bits; more processes do "
            "not.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="So many processes, through Dask.", rich_help_panel=RUNNING
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The workers of a Dask scheduler, tcp://HOST:PORT.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Explain many images in several ways, and measure the explanations' curves.

    Every result is a file in FOLDER/store. Stop a study when you like: the same command goes on
    where it was stopped. At the end, FOLDER/tables has explanations.parquet, curves.parquet and
    provenance.json.

    Exit code: 0 all went well, 1 something failed and is named at the end and in failures.csv,
    2 a parameter makes no sense, 130 interrupted.
    """
    _interrupt_when_terminated()
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.study.plan import Study
        from rcx.study.run import run_study
        from rcx.study.store import Store
        from rcx.study.variants import Hardware
        from rcx.system.files import writable_folder

        chosen = _settings(profile, settings, n_images, images)
        usable_device(device)
        if workers and scheduler:
            raise ValueError("give either --workers or --scheduler")
        writable_folder(out)
        if not quiet:
            say("Loading classifiers and images ...", style="dim")
        kept = Store(store or out / "store")
        work = Study(chosen, kept, Hardware(device, batch_size, threads))
        plan = work.plan()
        if dry_run:
            _say_plan(work, plan)
            raise typer.Exit(FAILED if plan.failures else 0)
    try:
        with kept, _executing(work, workers, scheduler, nothing=tables) as execute:
            report = run_study(work, plan, out, execute, quiet=quiet)
    except KeyboardInterrupt:
        say_error(f"interrupted; {_KEPT}")
        raise typer.Exit(INTERRUPTED) from None
    except (OSError, RuntimeError, ValueError) as error:  # the disk is full, say
        say_error(f"{reason(error)}; {_KEPT}")
        raise typer.Exit(FAILED) from error
    _say_report(report, out, quiet=quiet)
    raise typer.Exit(FAILED if report.failures else 0)


def _interrupt_when_terminated() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _settings(
    profile: str | None, file: Path | None, n_images: int | None, images: list[Path] | None
) -> StudySettings:
    from rcx.study.settings import read_settings, shipped_settings

    if profile is not None and file is not None:
        raise ValueError("give either --profile or --settings")
    chosen = read_settings(file) if file is not None else shipped_settings(profile or "sample")
    if images:
        chosen = chosen.with_images(tuple(map(str, images)))
    return chosen if n_images is None else chosen.with_n_images(n_images)


@contextmanager
def _executing(
    work: Study, workers: int | None, scheduler: str | None, *, nothing: bool
) -> Iterator[Execute | None]:
    """What is to work on tasks: this process, a cluster, or nothing."""
    if nothing:
        yield None
    elif workers or scheduler:
        from rcx.study.cluster import cluster

        with cluster(work, workers=workers, scheduler=scheduler) as execute:
            yield execute
    else:
        yield work.here


def _say_plan(work: Study, plan: Plan) -> None:
    from rcx.commands.study_progress import duration, plan_table, say_study_failures
    from rcx.study.plan import seconds_of

    console().print(plan_table(plan))
    if plan.tasks:
        most = duration(seconds_of(work, plan))
        say(f"At most {most} in one process, and less where the solver stops early.", stderr=False)
    say_study_failures(plan.failures)


def _say_report(report: StudyReport, out: Path, *, quiet: bool) -> None:
    from rcx.commands.study_progress import say_study_failures

    if report.damaged:
        say_error(
            f"{len(report.damaged)} results in the store were damaged, and were computed again"
        )
    if not quiet:
        say(f"{report.computed} results were computed.", stderr=False)
        if report.missing:
            say(f"{report.missing} results are missing in the tables.", stderr=False)
        say(f"The tables are in {printable(out / 'tables')}{os.sep}", stderr=False)
    say_study_failures(report.failures)
