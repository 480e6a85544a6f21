"""Numbers of the published study; README.md in this folder says how they were read."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, get_args

import numpy as np
import pandas as pd

PublishedFigure = Literal["fig3-left", "fig3-middle", "fig3-right", "fig5-left", "fig5-right"]
"""A figure of the published study that shows curves."""

GPU_HOURS = 38.4
"""Hours of an NVIDIA Titan RTX that the published study reports for all of its runs."""

GPU_SECONDS = 96.0
"""Seconds of an NVIDIA Titan RTX that the published study reports for one CartoonX."""

PUBLISHED_SERIES = {
    "CartoonX": "cartoonx",
    "Pixel RDE": "pixel-rde",
    "random wavelets": "random-wavelet",
    "random pixels": "random-pixel",
    "CartoonX, CNN": "cartoonx-cnn",
    "CartoonX, ViT": "cartoonx-vit",
    "rollout, ViT": "attention-rollout",
}
"""Names of series in the published figures, by their names in this package."""


def published_curves(figure: PublishedFigure | None = None) -> pd.DataFrame:
    """Load the curves of the published figures.

    Parameters
    ----------
    figure : {"fig3-left", "fig3-middle", "fig3-right", "fig5-left", "fig5-right"}, optional
        Figure whose curves are loaded; all by default.

    Returns
    -------
    DataFrame
        ``figure``, ``series``, ``x`` (percent, or lambda in fig3-right) and ``y`` (distortion,
        non-sparsity, or percent in fig5), in the order of the figures. The reading error is 0.005
        in distortion and 0.5 in percent.

    Raises
    ------
    ValueError
        If there is no such figure.
    """
    if figure is not None and figure not in get_args(PublishedFigure):
        raise ValueError(
            f"unknown figure {figure!r}; one of {', '.join(get_args(PublishedFigure))}"
        )
    table = read_table("published", "published_curves.csv")
    return table if figure is None else table[table["figure"] == figure].reset_index(drop=True)


def published_points(figure: PublishedFigure, *names: str) -> dict[str, pd.DataFrame]:
    """Load points of a published figure.

    Parameters
    ----------
    figure : str
        As for `published_curves`.
    *names : str
        Names of series in this package, such as ``"CartoonX"`` or ``"rollout, ViT"``.

    Returns
    -------
    dict of str to DataFrame
        Rows of `published_curves` by these names.
    """
    points = dict(iter(published_curves(figure).groupby("series")))
    return {name: points[PUBLISHED_SERIES[name]] for name in names}


def published_sparsity(name: str, lambda_k: float) -> float:
    """Load the published non-sparsity of a method at a lambda.

    Parameters
    ----------
    name : {"CartoonX", "Pixel RDE"}
        Name of the method.
    lambda_k : float
        Weight of the rate.

    Returns
    -------
    float
        In [0, 1], linear between the lambdas of the published sweep.
    """
    lines = published_curves("fig3-right").set_index("series")
    line = lines.loc[f"{PUBLISHED_SERIES[name]}-nonsparsity"].sort_values("x")
    return float(np.interp(lambda_k, line["x"], line["y"]))


def published_predictions() -> pd.DataFrame:
    """Load the class indices that are printed in the published pictures.

    Returns
    -------
    DataFrame
        ``image`` (file name without suffix), ``cnn_256``, ``cnn_224``, ``vit_224``.
    """
    return read_table("published", "published_predictions.csv")


def published_facts() -> dict[str, float]:
    """Load single numbers of the published study, by name."""
    table = read_table("published", "published_facts.csv")
    return {
        str(fact): float(value) for fact, value in zip(table["fact"], table["value"], strict=True)
    }


def read_table(*path: str) -> pd.DataFrame:
    """Read a CSV file of ``rcx/reference``, named by its folders and file name."""
    with files("rcx.reference").joinpath(*path).open(encoding="utf-8") as file:
        return pd.read_csv(file)
