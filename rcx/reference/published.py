"""Numbers of the published study, as package data; README.md there says how they were read."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal, get_args

import numpy as np
import pandas as pd

PublishedFigure = Literal["fig3-left", "fig3-middle", "fig3-right", "fig5-left", "fig5-right"]

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


def published_curves(figure: PublishedFigure | None = None) -> pd.DataFrame:
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
    if figure is not None and figure not in get_args(PublishedFigure):
        raise ValueError(
            f"unknown figure {figure!r}; one of {', '.join(get_args(PublishedFigure))}"
        )
    table = read_table("published", "published_curves.csv")
    return table if figure is None else table[table["figure"] == figure].reset_index(drop=True)


def published_points(figure: PublishedFigure, *names: str) -> dict[str, pd.DataFrame]:
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
    return read_table("published", "published_predictions.csv")


def published_facts() -> dict[str, float]:
    """Load the numbers of the study that are no curves, by name."""
    return read_table("published", "published_facts.csv").set_index("fact")["value"].to_dict()


def read_table(*path: str) -> pd.DataFrame:
    """Read a CSV file below ``rcx/reference``."""
    with files("rcx.reference").joinpath(*path).open(encoding="utf-8") as file:
        return pd.read_csv(file)
