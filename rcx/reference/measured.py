"""Smaller tables that were measured with this package: starts, schedules, times."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, NamedTuple

import pandas as pd

from rcx.classifiers.profiles import ProfileName
from rcx.evaluate.trials import Trials
from rcx.reference.published import read_table


def solver_trials() -> pd.DataFrame:
    """Load the losses of the schedules that were tried for the default solver.

    Returns
    -------
    DataFrame
        By schedule: obfuscated images per explanation (``passes``), the mean loss and the loss on
        each of four photographs of the study, judged by 256 fresh noise samples, seed 0; empty
        where a schedule was not run. torch 2.15 on a CPU, 2.14 for the default of 280 steps;
        MobileNetV3-Small of timm, lambda 20.
    """
    return read_table("measured", "solver_trials.csv").set_index("schedule")


def published_code() -> pd.DataFrame:
    """Load what `published_code_table` of `rcx.evaluate` measured on photographs of the study.

    Returns
    -------
    DataFrame
        Its columns, by ``network``, ``memory``, ``input`` and ``method``, and the number of
        ``photographs``. MobileNetV3-Small is timm's at 256 pixels, DeiT-Tiny at 224. Memory is
        handled as the system does by default, or kept for the process once it is freed, see
        `rcx.system.reuse_freed_memory`; those rows are of the default of then, with 200 steps,
        and torch 2.15, the others of torch 2.14. An AMD EPYC with 2 cores, 5 steps of 64 samples.
    """
    return read_table("measured", "published_code.csv").set_index(
        ["network", "memory", "input", "method"]
    )


class StartTrials(NamedTuple):
    """Runs from every start, at length.

    Attributes
    ----------
    trials : Trials
        Tables of the runs.
    provenance : dict
        Settings, machine and versions.
    """

    trials: Trials
    provenance: dict[str, Any]

    @property
    def titles(self) -> dict[str, str]:
        """What the schedules are called, with the samples of the published one, which had 64."""
        samples = self.provenance["schedules"]["published"]["samples"]
        named = {"published": f"published, {samples} samples a step"}
        return {name: named.get(name, name) for name in self.trials.curves["schedule"].unique()}

    @property
    def summary(self) -> str:
        """How many images and seeds, with which settings, and how long, in a sentence."""
        runs, facts = self.trials.runs, self.provenance
        counts = runs.groupby("schedule", sort=False)[["image", "seed"]].nunique()
        images = ", ".join(
            f"{some['image']} by the schedule {name}"
            + (f" with {some['seed']} seeds each" if some["seed"] > 1 else "")
            for name, some in counts.iterrows()
        )
        return (
            f"Images: {images}; {facts['classifier']}, lambda {facts['lambda_k']:g}, "
            f"torch {facts['versions']['torch']}, {facts['machine']}; "
            f"{runs['seconds'].sum() / 3600:.1f} hours in all."
        )


def start_trials(profile: ProfileName = "sample") -> StartTrials:
    """Load what ``python -m rcx.study.start_trials --profile`` measured."""
    text = (
        files("rcx.reference")
        .joinpath("measured", "start_trials", profile, "provenance.json")
        .read_text("utf-8")
    )
    tables = (
        read_table("measured", "start_trials", profile, f"{table}.csv") for table in Trials._fields
    )
    return StartTrials(Trials(*tables), json.loads(text))
