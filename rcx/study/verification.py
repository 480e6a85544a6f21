"""Verification: some images of a study, drawn by lot, are computed again and compared."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from rcx.reference.additions import KEYS
from rcx.reference.photographs import MeasuredTable
from rcx.study.plan import Execute, Plan
from rcx.study.study import Study
from rcx.study.tables import Tables

_Tables = Mapping[MeasuredTable, pd.DataFrame]

# columns that identify a row
_ROW_KEYS: dict[MeasuredTable, list[str]] = {**KEYS, "curves": [*KEYS["curves"], "percent"]}

NUMBERS: dict[MeasuredTable, list[str]] = {
    "curves": ["distortion"],
    "explanations": ["probability", "distortion", "nonsparsity", "loss", "l2"],
    "scores": ["value"],
}
"""Columns that are compared."""

TOLERANCE = 0.05
"""Largest difference that passes: absolute, and of scores beyond 1, which may be in the thousands,
relative. On the same machine with the same versions there is none. Elsewhere sums are rounded
otherwise, and the steps carry that on: masks differ a little."""


def drawn_by_lot(plan: Plan, count: int, seed: int) -> Plan:
    """Select images of a plan at random, with all that the plan asks for of them.

    Parameters
    ----------
    plan : Plan
        The plan of a whole study.
    count : int
        Number of images, at least 1.
    seed : int
        Seed of the lot.

    Returns
    -------
    Plan
        The same plan for these images alone.

    Raises
    ------
    ValueError
        If the study has fewer images.
    """
    names = sorted({image.source.full_name for image in plan.images})
    if not 1 <= count <= len(names):
        raise ValueError(f"verify must be from 1 to {len(names)}, the number of images")
    drawn = set(np.random.default_rng(seed).choice(names, count, replace=False).tolist())
    tasks = []
    for task in plan.tasks:
        kept = tuple(pair for pair in task.images if pair[1].full_name in drawn)
        if kept:
            share = len(kept) / len(task.images)
            passes = {series: count * share for series, count in task.passes.items()}
            tasks.append(replace(task, images=kept, passes=passes))
    images = [image for image in plan.images if image.source.full_name in drawn]
    return Plan(images=images, tasks=tasks, failures=plan.failures)


def recomputed_tables(
    study: Study, plan: Plan, folder: Path, execute: Execute
) -> dict[MeasuredTable, pd.DataFrame]:
    """Work on a plan, and read its tables.

    Parameters
    ----------
    study : Study
        The study, with an empty store.
    plan : Plan
        Images of the study, as from `drawn_by_lot`.
    folder : Path
        An existing folder for the tables.
    execute : callable
        Works on the tasks, such as `Study.here`.

    Raises
    ------
    RuntimeError
        If something could not be computed.
    """
    with closing(execute(plan.tasks, study.store)) as outcomes:
        failures = [failure for _, outcome in outcomes for failure in outcome.failures]
    if failures:
        raise RuntimeError(f"{len(failures)} results failed, such as {failures[0]}")
    Tables(study.store).write(plan.images, folder)
    return read_tables(folder)


def read_tables(folder: Path) -> dict[MeasuredTable, pd.DataFrame]:
    """Read the tables of a study from a folder."""
    return {table: pd.read_parquet(folder / f"{table}.parquet") for table in KEYS}


def difference_table(
    committed: Mapping[MeasuredTable, pd.DataFrame],
    recomputed: Mapping[MeasuredTable, pd.DataFrame],
) -> pd.DataFrame:
    """Compare recomputed rows with committed ones.

    Parameters
    ----------
    committed, recomputed : mapping of str to DataFrame
        Tables of a study by name. Committed rows of other images are left out.

    Returns
    -------
    DataFrame
        A row for each table and number: how many ``rows`` were recomputed, how many of these are
        ``missing`` among the committed ones, the ``mean`` and the ``largest`` difference, and the
        share of the rows whose difference is ``within`` `TOLERANCE`.
    """
    rows = {}
    for table, key in _ROW_KEYS.items():
        old, new = (
            part[table].astype(dict.fromkeys(key, str)).drop_duplicates(key)
            for part in (committed, recomputed)
        )
        joined = new.merge(old, how="left", on=key, suffixes=("", " committed"), indicator=True)
        if joined.empty:  # the study asks for no such rows
            continue
        known = joined[joined["_merge"] == "both"]
        for number in NUMBERS[table]:
            value, former = known[number], known[f"{number} committed"]
            same = (value == former) | (value.isna() & former.isna())  # both may be infinite
            unit = former.abs().clip(lower=1) if table == "scores" else 1
            difference = ((value - former).abs() / unit).mask(same, 0)
            rows[table, number] = {
                "rows": len(joined),
                "missing": len(joined) - len(known),
                "mean": difference.mean(),
                "largest": difference.max(),
                "within": (difference <= TOLERANCE).mean(),
            }
    return pd.DataFrame.from_dict(rows, orient="index")
