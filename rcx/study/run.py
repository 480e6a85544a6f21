"""A planned study carried out: results into the store, tables and an account of it beside them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rcx.commands.study_progress import StudyReporter
from rcx.study.plan import Execute, Ledger, Plan, Study, failures_csv
from rcx.study.provenance import provenance
from rcx.study.scratch import Scratch, sweep
from rcx.study.sources import StudyFailure
from rcx.study.tables import Tables

_ROUNDS = 3  # results that are found damaged at the end are computed again this often
_TABLES = ("explanations.parquet", "curves.parquet", "provenance.json")


@dataclass
class StudyReport:
    """How a study went.

    Attributes
    ----------
    computed : int
        Results that were computed this time.
    failures : list of StudyFailure
        What could not be computed.
    damaged : list of str
        Names of results that were found damaged, and computed again.
    missing : int
        Explanations and curves without which the tables had to be written.
    """

    computed: int = 0
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    missing: int = 0


def run_study(
    study: Study,
    plan: Plan,
    out: Path,
    execute: Execute | None,
    *,
    quiet: bool = False,
) -> StudyReport:
    """Compute what a plan lacks, and write the tables.

    Parameters
    ----------
    study : Study
        Whose plan it is.
    plan : Plan
        Made by the study.
    out : Path
        An existing folder. Gets ``tables/``, ``seconds.csv`` and, where something failed,
        ``failures.csv``.
    execute : callable
        Works on tasks, such as `Study.here`; None only writes the tables.
    quiet : bool
        Show no progress.

    Raises
    ------
    StoreError, OSError
        If files cannot be written; what is stored stays as it is.
    """
    ledger = Ledger(out / "seconds.csv")
    report = StudyReport()
    for _ in range(_ROUNDS):
        report.damaged += plan.damaged
        report.failures = list(plan.failures)
        if execute is not None and plan.tasks:
            reporter = StudyReporter(plan, quiet=quiet)
            with reporter.running():
                for task, outcome in execute(plan.tasks, study.store, reporter.advance):
                    ledger.add(outcome.seconds)
                    report.computed += len(outcome.seconds)
                    report.failures += outcome.failures
                    report.damaged += outcome.damaged
                    reporter.finished(task, outcome)
        tables = Tables(study.store)
        with _written_together(out) as folder:
            tables.write(plan.entries, folder)
            account = provenance(study, _counts(plan, report, tables.missing), ledger.read())
            (folder / _TABLES[-1]).write_text(json.dumps(account, indent=2) + "\n", "utf-8")
            (folder / "failures.csv").write_bytes(failures_csv(report.failures))
        report.missing = tables.missing
        if not tables.damaged or execute is None:
            report.damaged += tables.damaged
            break
        report.damaged += tables.damaged
        plan = study.plan()
    return report


def _counts(plan: Plan, report: StudyReport, missing: int) -> dict[str, object]:
    wanted = Counter(one.key.kind for entry in plan.entries for one in entry.wanted)
    return {
        "results": dict(wanted),
        "computed": report.computed,
        "damaged_and_computed_again": len(report.damaged),
        "failures": len(report.failures),
        "missing": missing,
    }


@contextmanager
def _written_together(out: Path) -> Iterator[Path]:
    """A folder for the study's files, which move to their places when all are written."""
    sweep(out / "unfinished")
    scratch = Scratch(out / "unfinished")
    try:
        yield scratch.folder
        folder = out / "tables"
        folder.mkdir(exist_ok=True)
        for name in _TABLES:
            (scratch.folder / name).replace(folder / name)
        failures = scratch.folder / "failures.csv"
        if failures.read_bytes().count(b"\n") > 1:
            failures.replace(out / "failures.csv")
        else:
            with suppress(FileNotFoundError):
                (out / "failures.csv").unlink()
    finally:
        scratch.close()
