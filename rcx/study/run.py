"""A study from its plan to its tables: results go into the store, an account beside the tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rcx.study.ledger import Ledger
from rcx.study.outcomes import StudyReport, failures_csv
from rcx.study.plan import Execute, Plan
from rcx.study.provenance import provenance
from rcx.study.scratch import Scratch, sweep
from rcx.study.study import Study
from rcx.study.tables import Tables

_ROUNDS = 3  # how often results that turn out to be damaged are computed again
_PROVENANCE = "provenance.json"
_FILES = ("explanations.parquet", "curves.parquet", "scores.parquet", _PROVENANCE)


def run_study(study: Study, plan: Plan, out: Path, execute: Execute | None) -> StudyReport:
    """Compute the results that a plan lacks, and write the tables.

    Parameters
    ----------
    study : Study
        The study that made the plan.
    plan : Plan
        What is stored and what is missing.
    out : Path
        An existing folder. Gets ``tables/``, ``seconds.csv`` and, if something failed,
        ``failures.csv``.
    execute : callable or None
        Works on the tasks, such as `Study.here`. None computes nothing: the tables are written
        from what is stored.

    Raises
    ------
    StoreError, OSError
        If files cannot be written. What is stored stays as it is.
    """
    ledger = Ledger(out / "seconds.csv")
    report = StudyReport()
    for _ in range(_ROUNDS):
        report.damaged += plan.damaged
        report.failures = list(plan.failures)
        if execute is not None and plan.tasks:
            # an interruption ends the work, and with it the progress bar, before it is reported
            with closing(execute(plan.tasks, study.store)) as outcomes:
                for _, outcome in outcomes:
                    ledger.add(outcome.seconds)
                    report.computed += len(outcome.seconds)
                    report.failures += outcome.failures
                    report.damaged += outcome.damaged
        tables = Tables(study.store)
        with _moved_together(out) as folder:
            tables.write(plan.images, folder)
            report.missing = tables.missing
            account = provenance(study, _counts(plan, report), ledger.read())
            (folder / _PROVENANCE).write_text(json.dumps(account, indent=2) + "\n", "utf-8")
            (folder / "failures.csv").write_bytes(failures_csv(report.failures))
        report.damaged += tables.damaged
        if not tables.damaged or execute is None:
            break
        plan = study.plan()
    return report


def _counts(plan: Plan, report: StudyReport) -> dict[str, object]:
    results = Counter(request.key.kind for image in plan.images for request in image.requests)
    return {
        "results": dict(results),
        "computed": report.computed,
        "damaged_and_computed_again": len(report.damaged),
        "failures": len(report.failures),
        "missing": report.missing,
    }


@contextmanager
def _moved_together(out: Path) -> Iterator[Path]:
    """Give a folder for the study's files, which move to their places when all are written."""
    sweep(out / "unfinished")
    scratch = Scratch(out / "unfinished")
    try:
        yield scratch.folder
        folder = out / "tables"
        folder.mkdir(exist_ok=True)
        for name in _FILES:
            (scratch.folder / name).replace(folder / name)
        failures = scratch.folder / "failures.csv"
        if failures.read_bytes().count(b"\n") > 1:  # more than the names of the columns
            failures.replace(out / "failures.csv")
        else:
            (out / "failures.csv").unlink(missing_ok=True)
    finally:
        scratch.close()
