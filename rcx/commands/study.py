"""``rcx study``: many explanations and curves, kept in a store, resumed where they stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.options import RUNNING, BatchSize, Device, MoreImages, Quiet, given_images
from rcx.commands.terminal import (
    FAILED,
    INTERRUPTED,
    console,
    counted,
    explained_errors,
    say,
    say_error,
)
from rcx.system.text import printable, reason

if TYPE_CHECKING:
    from rcx.study.outcomes import StudyReport
    from rcx.study.plan import Execute, Plan
    from rcx.study.settings import StudySettings
    from rcx.study.study import Study
    from rcx.study.variants import Hardware

_RESUMABLE = "every finished result is kept, and the same command goes on from here"


def study(
    more_images: MoreImages = None,
    profile: Annotated[
        str | None,
        typer.Option(metavar="photos|sample|imagenet", help="A study that comes with the package."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", "-s", metavar="FILE", help="A study of your own, in TOML."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for tables and store.")
    ] = Path("study"),
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A store that several studies share; by default FOLDER/store."
        ),
    ] = None,
    n_images: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N images of each run.")
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Files and folders of images, instead of the study's images."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is stored and what is missing.")
    ] = False,
    tables: Annotated[
        bool, typer.Option("--tables", help="Only write the tables, from what is stored.")
    ] = False,
    verify: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Compute N images, drawn by lot, again, and compare them with FOLDER/tables, or "
            "where there are none with the tables that come with the package.",
        ),
    ] = None,
    lot: Annotated[int, typer.Option(min=0, metavar="SEED", help="Seed of the lot.")] = 0,
    device: Device = "auto",
    batch_size: BatchSize = None,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Threads of each process on a CPU. Of one image, two passes run side by side at "
            "most; more processes help more. Results have the same bytes.",
            rich_help_panel=RUNNING,
        ),
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Number of processes, through Dask.", rich_help_panel=RUNNING
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Dask scheduler whose workers are used, tcp://HOST:PORT.",
            rich_help_panel=RUNNING,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Explain many images in several ways, and measure the explanations' curves.

    Every result is a file in FOLDER/store. You can stop a study at any time: the same command goes
    on where it was stopped. At the end, FOLDER/tables has explanations.parquet, curves.parquet,
    scores.parquet and provenance.json.

    Exit code: 0 if all went well, 1 if something failed and is named at the end and in
    failures.csv, 2 if a parameter makes no sense, 130 if interrupted.
    """
    _interrupt_when_terminated()
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.study.run import run_study
        from rcx.study.store import Store
        from rcx.study.study import Study
        from rcx.study.variants import Hardware
        from rcx.system.files import writable_folder

        study_settings = _settings(profile, settings, n_images, given_images(images, more_images))
        usable_device(device)
        if workers and scheduler:
            raise ValueError("give either --workers or --scheduler")
        writable_folder(out)
        if not quiet:
            say("Loading classifiers and images ...", style="dim")
        hardware = Hardware(device, batch_size, threads)
        if verify is not None:
            raise typer.Exit(_verified(study_settings, hardware, out, verify, lot, quiet=quiet))
        results = Store(store or out / "store")
        bound_study = Study(study_settings, results, hardware)
        plan = bound_study.plan()
        if dry_run:
            _say_plan(plan)
            raise typer.Exit(FAILED if plan.failures else 0)
        if not (quiet or tables):
            _say_time(plan)
    try:
        execution = _execution(bound_study, workers, scheduler, quiet=quiet)
        with results, nullcontext() if tables else execution as execute:
            report = run_study(bound_study, plan, out, execute)
    except KeyboardInterrupt:
        say_error(f"interrupted; {_RESUMABLE}")
        raise typer.Exit(INTERRUPTED) from None
    except (OSError, RuntimeError, ValueError) as error:  # such as a full disk
        say_error(f"{reason(error)}; {_RESUMABLE}")
        raise typer.Exit(FAILED) from error
    _say_report(report, out, quiet=quiet)
    raise typer.Exit(FAILED if report.failures else 0)


def _verified(
    settings: StudySettings, hardware: Hardware, out: Path, count: int, lot: int, *, quiet: bool
) -> int:
    """Compute some images again, say how far they are from the tables, and return the exit code."""
    from rcx.commands.study_progress import difference_rows, with_progress
    from rcx.reference.additions import KEYS
    from rcx.reference.photographs import photo_rows
    from rcx.study.store import Store
    from rcx.study.study import Study
    from rcx.study.verification import (
        difference_table,
        drawn_by_lot,
        read_tables,
        recomputed_tables,
    )

    own = (out / "tables" / "curves.parquet").exists()
    if not own and settings.profile != "imagenet":
        raise ValueError(f"there are no tables in {printable(out / 'tables')}: run the study first")
    committed = read_tables(out / "tables") if own else {name: photo_rows(name) for name in KEYS}
    with TemporaryDirectory() as scratch, Store(Path(scratch, "store")) as store:
        bound_study = Study(settings, store, hardware)
        plan = drawn_by_lot(bound_study.plan(), count, lot)
        execute = with_progress(bound_study.here, quiet=quiet)
        recomputed = recomputed_tables(bound_study, plan, Path(scratch), execute)
    differences = difference_table(committed, recomputed)
    images = sorted({image.source.name for image in plan.images})
    say(f"Computed again: {printable(', '.join(images))}.", stderr=False)
    console().print(difference_rows(differences))
    as_committed = not differences["missing"].any() and bool((differences["within"] == 1).all())
    return 0 if as_committed else FAILED


def _interrupt_when_terminated() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _settings(
    profile: str | None, file: Path | None, n_images: int | None, images: list[Path]
) -> StudySettings:
    from rcx.study.settings_file import (
        read_settings,
        settings_with_images,
        settings_with_n_images,
        shipped_settings,
    )

    if profile is not None and file is not None:
        raise ValueError("give either --profile or --settings")
    settings = read_settings(file) if file is not None else shipped_settings(profile or "sample")
    if images:
        settings = settings_with_images(settings, [str(path) for path in images])
    return settings if n_images is None else settings_with_n_images(settings, n_images)


@contextmanager
def _execution(
    bound_study: Study, workers: int | None, scheduler: str | None, *, quiet: bool
) -> Iterator[Execute]:
    """Work in this process or on a cluster, and show the progress."""
    from rcx.commands.study_progress import with_progress

    if workers or scheduler:
        from rcx.study.cluster import cluster

        with cluster(bound_study.hardware, workers=workers, scheduler=scheduler) as execute:
            yield with_progress(execute, quiet=quiet)
    else:
        yield with_progress(bound_study.here, quiet=quiet)


def _say_plan(plan: Plan) -> None:
    from rcx.commands.study_progress import plan_table, say_study_failures

    console().print(plan_table(plan))
    _say_time(plan)
    say_study_failures(plan.failures)


def _say_time(plan: Plan) -> None:
    from rcx.commands.study_progress import duration

    if plan.tasks:
        say(f"About {duration(plan.seconds)} in one process.", stderr=False)


def _say_report(report: StudyReport, out: Path, *, quiet: bool) -> None:
    from rcx.commands.study_progress import say_study_failures

    if report.damaged:
        damaged = counted(len(report.damaged), "damaged result")
        say_error(f"the store had {damaged}, computed again now")
    if not quiet:
        say(f"{counted(report.computed, 'new result')}.", stderr=False)
        if report.missing:
            missing = counted(report.missing, "missing result")
            say(f"The tables lack {missing}.", stderr=False)
        say(f"The tables are in {printable(out / 'tables')}{os.sep}", stderr=False)
    say_study_failures(report.failures)
