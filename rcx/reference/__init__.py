"""Numbers of the published study, as package data; README.md there says how they were read."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from rcx.profiles import ProfileName
from rcx.trials import Trials

Figure = Literal["fig3-left", "fig3-middle", "fig3-right", "fig5-left", "fig5-right"]

SOURCE = "[Re] On the Reproducibility of CartoonX, ReScience C, 2023"
"""Where the numbers come from; their reading error is 0.005 in distortion and 0.5 in percent."""


GPU_HOURS = 38.4
"""What all of the published study took, on an NVIDIA Titan RTX, as it reports."""

GPU_SECONDS = 96.0
"""What one published CartoonX took there, as it reports."""


PUBLISHED_SERIES = {
    "CartoonX": "cartoonx",
    "Pixel RDE": "pixel-rde",
    "random wavelets": "random-wavelet",
    "random pixels": "random-pixel",
    "CartoonX, CNN": "cartoonx-cnn",
    "CartoonX, ViT": "cartoonx-vit",
    "rollout, ViT": "attention-rollout",
}
"""What the published figures call the series of this package."""


def published_curves(figure: Figure | None = None) -> pd.DataFrame:
    """Load the curves of the published figures.

    Parameters
    ----------
    figure : str, optional
        One of them; by default all.

    Returns
    -------
    DataFrame
        ``figure``, ``series``, ``x`` (percent, or lambda in fig3-right) and ``y`` (distortion,
        non-sparsity, or percent in fig5), in the order of the figures.
    """
    if figure is not None and figure not in get_args(Figure):
        raise ValueError(f"unknown figure {figure!r}; one of {', '.join(get_args(Figure))}")
    table = _read("published_curves.csv")
    return table if figure is None else table[table["figure"] == figure].reset_index(drop=True)


def published_points(figure: Figure, *names: str) -> dict[str, pd.DataFrame]:
    """Load points of a published figure by what this package calls its series."""
    points = dict(iter(published_curves(figure).groupby("series")))
    return {name: points[PUBLISHED_SERIES[name]] for name in names}


def published_sparsity(name: str, lambda_k: float) -> float:
    """Published non-sparsity of a method, linear between the lambdas of the published sweep."""
    lines = published_curves("fig3-right").set_index("series")
    line = lines.loc[f"{PUBLISHED_SERIES[name]}-nonsparsity"].sort_values("x")
    return float(np.interp(lambda_k, line["x"], line["y"]))


def published_predictions() -> pd.DataFrame:
    """Load the class indices that the published pictures print.

    Returns
    -------
    DataFrame
        ``image`` (file name without suffix), ``cnn_256``, ``cnn_224``, ``vit_224``.
    """
    return _read("published_predictions.csv")


def published_facts() -> dict[str, float]:
    """Load the numbers of the study that are no curves, by name."""
    return _read("published_facts.csv").set_index("fact")["value"].to_dict()


def _read(name: str) -> pd.DataFrame:
    with files(__name__).joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


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
    return _read("solver_trials.csv").set_index("schedule")


def published_code() -> pd.DataFrame:
    """Load what `rcx.published_code.published_code_table` measured on photographs of the study.

    Returns
    -------
    DataFrame
        Its columns, by ``network``, ``memory``, ``input`` and ``method``, and the number of
        ``photographs``. MobileNetV3-Small is timm's at 256 pixels, DeiT-Tiny at 224. Memory is
        handled as the system does by default, or kept for the process once it is freed, see
        `rcx.system.reuse_freed_memory`; those rows are of the default of then, with 200 steps,
        and torch 2.15, the others of torch 2.14. An AMD EPYC with 2 cores, 5 steps of 64 samples.
    """
    return _read("published_code.csv").set_index(["network", "memory", "input", "method"])


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
    """Load what ``python -m rcx.reference.make_start_trials --profile`` measured."""
    text = files(__name__).joinpath("start_trials", profile, "provenance.json").read_text("utf-8")
    tables = (_read(f"start_trials/{profile}/{table}.csv") for table in Trials._fields)
    return StartTrials(Trials(*tables), json.loads(text))
