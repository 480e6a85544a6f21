"""Numbers of the published study, as package data; README.md there says how they were read."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Literal, NamedTuple, get_args

import pandas as pd

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
        where a schedule was not run. torch 2.15 on a CPU, MobileNetV3-Small of timm, lambda 20.
    """
    return _read("solver_trials.csv").set_index("schedule")


class StartTrials(NamedTuple):
    """Runs of the sample's scenes from every start, at length.

    Attributes
    ----------
    runs, curves : DataFrame
        As in `rcx.trials.Trials`.
    provenance : dict
        Settings, seed, machine and versions.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    provenance: dict[str, Any]


def start_trials() -> StartTrials:
    """Load what ``python -m rcx.reference.make_start_trials`` measured."""
    text = files(__name__).joinpath("start_trials.json").read_text(encoding="utf-8")
    runs, curves = _read("start_trials_runs.csv"), _read("start_trials_curves.csv")
    return StartTrials(runs, curves, json.loads(text))
