"""Tables that were measured with this package: starts, schedules, times."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import pandas as pd

from rcx.evaluate.trials import Trials
from rcx.reference.published import read_table

TrialProfile = Literal["sample", "imagenet"]
"""Names of the profiles on whose images starts were tried."""


def published_code() -> pd.DataFrame:
    """Load the seconds of the study's own code and of this package on photographs of the study.

    Returns
    -------
    DataFrame
        The columns of ``rcx bench --published-code``, and the number of ``photographs``, by
        ``network``, ``memory``, ``input`` and ``method``. MobileNetV3-Small is that of timm at 256
        pixels, DeiT-Tiny has 224 pixels. Each run had 5 steps of 64 samples on an AMD EPYC with 2
        cores. In rows with memory ``kept``, the process reused freed memory, see
        `rcx.system.reuse_freed_memory`; the default solver had 200 steps then, and torch was 2.15.
        In the other rows the system handled memory by its own default, and torch was 2.14.
    """
    return read_table("measured", "published_code.csv").set_index(
        ["network", "memory", "input", "method"]
    )


class StartTrials(NamedTuple):
    """Runs from every start under long schedules.

    Attributes
    ----------
    trials : Trials
        Tables of the runs.
    provenance : dict
        Settings, machine and versions with which they were made.
    """

    trials: Trials
    provenance: dict[str, Any]

    @property
    def titles(self) -> dict[str, str]:
        """Titles of the schedules, with their steps and the samples of a step."""
        titles = {}
        for name in self.trials.curves["schedule"].unique():
            settings = self.provenance["schedules"][name]
            titles[name] = f"{name}: {settings['steps']:,} steps of {settings['samples']} samples"
        return titles

    @property
    def summary(self) -> str:
        """Sentences that name the numbers of images and seeds, the settings and the hours."""
        runs, provenance = self.trials.runs, self.provenance
        counts = runs.groupby("schedule", sort=False)[["image", "seed"]].nunique()
        images = ", ".join(
            f"{count['image']} under the schedule {schedule}"
            + (f" with {count['seed']} seeds each" if count["seed"] > 1 else "")
            for schedule, count in counts.iterrows()
        )
        return (
            f"Images: {images}. The classifier is {provenance['classifier']}, and lambda is "
            f"{provenance['lambda_k']:g}. The runs took {runs['seconds'].sum() / 3600:.1f} hours "
            f"({provenance['machine']}; torch {provenance['versions']['torch']})."
        )


def start_trials(profile: TrialProfile = "sample") -> StartTrials:
    """Load the runs from every start that ``python -m rcx.study.start_trials`` made.

    Parameters
    ----------
    profile : {"sample", "imagenet"}
        Images of the runs: drawn scenes, or photographs of the published study.

    Returns
    -------
    StartTrials
    """
    text = (
        files("rcx.reference")
        .joinpath("measured", "start_trials", profile, "provenance.json")
        .read_text("utf-8")
    )
    tables = (
        read_table("measured", "start_trials", profile, f"{table}.csv") for table in Trials._fields
    )
    return StartTrials(Trials(*tables), json.loads(text))
