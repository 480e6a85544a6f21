"""Measurements of this package on the published study's photographs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal, TypedDict, get_args

import pandas as pd

from rcx.evaluate.curve_tables import curves_from_table
from rcx.evaluate.curves import Curve, CurveProtocol, Direction

MeasuredTable = Literal["curves", "explanations", "scores"]
"""A table of measurements, either points of curves, explanations, or their scores."""

MeasuredStudy = Literal["photographs", "packaged", "schedules"]
"""A study of this package, the profile imagenet, that of the packaged photographs, or the default
beside the published schedule."""


class Condition(TypedDict):
    """How curves were measured: with normalised images or not, and by which protocol."""

    normalize: bool
    protocol: CurveProtocol


INPUTS = {"raw": False, "normalised": True}
"""Whether the images are normalised, by the name of the input."""

_PROTOCOLS: dict[str, CurveProtocol] = {"as published": "as_published", "fair": "fair"}

CONDITIONS: dict[str, Condition] = {
    f"{input_name}, {protocol_name}": {"normalize": normalize, "protocol": protocol}
    for input_name, normalize in INPUTS.items()
    for protocol_name, protocol in _PROTOCOLS.items()
}
"""Arguments for `photo_curves` and `photo_networks`, by the name of the condition."""


def photo_rows(
    table: MeasuredTable,
    *,
    study: MeasuredStudy = "photographs",
    image: str | None = None,
    classifier: str | None = None,
    normalize: bool | None = None,
    size: int | None = None,
    seed: int | None = None,
    series: str | None = None,
    method: str | None = None,
    on_path: bool | None = None,
    protocol: CurveProtocol | None = None,
) -> pd.DataFrame:
    """Load measurements on the published study's photographs.

    Each argument after ``study`` selects the rows that have this value in the column of the same
    name; None selects all rows.

    Parameters
    ----------
    table : {"curves", "explanations", "scores"}
        ``"curves"`` has a row for each point of a rate-distortion curve, as
        `rcx.evaluate.curve_table`. ``"explanations"`` has a row for each explanation, with its
        classes, probabilities, ``distortion``, ``nonsparsity``, steps and residual; ``l2`` is the
        distance between probabilities as a mean of 64 draws, and ``l2_one_draw`` that of one draw.
        ``"scores"`` has a row for each metric of `rcx.evaluate.METRICS`.
    study : {"photographs", "packaged", "schedules"}
        The study that measured them; the last one has explanations only.
    image : str, optional
        Name of a photograph.
    classifier : str, optional
        Name of a classifier, such as ``"timm/tf_mobilenetv3_small_100"``.
    normalize : bool, optional
        Whether the images were normalised; False is as published.
    size : int, optional
        Height and width of the photographs, in pixels.
    seed : int, optional
        Seed of explanations and curves.
    series : str, optional
        Name of a series in a study, such as ``"CartoonX"`` or ``"random pixels"``.
    method : str, optional
        Name of a method, ``"CartoonX"`` or ``"Pixel RDE"``; explanations only.
    on_path : bool, optional
        Whether an explanation was solved from the mask of a neighbouring lambda; explanations only.
    protocol : {"as_published", "fair"}, optional
        Protocol of a curve, see `rcx.evaluate.rate_distortion_curve`; curves only.

    Returns
    -------
    DataFrame
        The selected rows; it is empty where nothing was measured.

    Raises
    ------
    ValueError
        If the table has no such column.
    """
    with files("rcx.reference").joinpath("measured", study, f"{table}.parquet").open("rb") as file:
        rows = pd.read_parquet(file)
    selected = {
        "image": image,
        "classifier": classifier,
        "normalize": normalize,
        "size": size,
        "seed": seed,
        "series": series,
        "method": method,
        "on_path": on_path,
        "protocol": protocol,
    }
    for column, value in selected.items():
        if value is None:
            continue
        if column not in rows:
            raise ValueError(f"the table has no column {column!r}; it has {', '.join(rows)}")
        rows = rows[rows[column] == value]
    return rows.reset_index(drop=True)


def photo_curves(
    classifier: str,
    size: int,
    *,
    normalize: bool,
    protocol: CurveProtocol,
    series: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Load the rate-distortion curves of the published study's photographs.

    Parameters
    ----------
    classifier : str
        Name of the classifier, such as ``"timm/tf_mobilenetv3_small_100"``.
    size : int
        Height and width of the photographs, in pixels.
    normalize : bool
        Whether the images were normalised; False is as published.
    protocol : {"as_published", "fair"}
        Protocol of the curves, see `rcx.evaluate.rate_distortion_curve`.
    series : sequence of str, optional
        Names of series, in the order in which they are returned; all by default.
    images : sequence of str, optional
        Names of photographs; all that were measured by default.
    draws : int, optional
        Number of noise draws of a point; by default the smallest number that was measured.
    seed : int
        Seed of explanations and curves.

    Returns
    -------
    keep, randomise : dict of str to Curve
        Curves by series. All of them are of the same images, those that have every series. Both are
        empty where there are none.
    """
    rows = photo_rows(
        "curves",
        classifier=classifier,
        size=size,
        normalize=normalize,
        protocol=protocol,
        seed=seed,
    )
    rows["series"] = rows["series"].astype(str)
    rows = rows[rows["draws"] == (rows["draws"].min() if draws is None else draws)]
    return _in_common(rows if images is None else rows[rows["image"].isin(images)], series)


def photo_networks(
    networks: Mapping[str, str],
    size: int,
    *,
    normalize: bool,
    protocol: CurveProtocol,
    series: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Load the curves of several networks on the same photographs.

    Parameters
    ----------
    networks : mapping of str to str
        Classifiers by the names that the networks get, such as ``"CNN"``.
    size, normalize, protocol, seed
        As for `photo_curves`.
    series : sequence of str, optional
        Names of series and networks, such as ``"CartoonX, ViT"``, in the order in which they are
        returned; all by default.

    Returns
    -------
    keep, randomise : dict of str to Curve
        Curves by series and network, as for `photo_curves`.
    """
    parts = []
    for network, classifier in networks.items():
        rows = photo_rows(
            "curves",
            classifier=classifier,
            size=size,
            normalize=normalize,
            protocol=protocol,
            seed=seed,
        )
        # the name of the series names the network, so that the classifier need not differ
        names = rows["series"].astype(str) + f", {network}"
        parts.append(rows.assign(series=names, classifier=""))
    return _in_common(pd.concat(parts, ignore_index=True), series)


def _in_common(
    rows: pd.DataFrame, series: Sequence[str] | None
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Curves in both directions, of the images that have all of them."""
    names = list(rows["series"].unique() if series is None else series)
    rows = rows[rows["series"].isin(names)]
    curves = rows.drop_duplicates(["image", "series", "direction"])
    counts = curves.groupby("image", observed=True).size()
    complete = counts[counts == 2 * len(names)].index
    rows = rows[rows["image"].isin(complete)]
    rows = rows.sort_values("series", key=lambda column: column.map(names.index), kind="stable")
    keep, randomise = (rows[rows["direction"] == way] for way in get_args(Direction))
    return (
        {} if keep.empty else curves_from_table(keep),
        {} if randomise.empty else curves_from_table(randomise),
    )


def photo_provenance(study: MeasuredStudy = "photographs") -> list[dict[str, Any]]:
    """Load how the photographs' measurements were made: settings, versions, machine, time.

    Parameters
    ----------
    study : {"photographs", "packaged", "schedules"}
        The study that measured them.

    Returns
    -------
    list of dict
        An account for each run of the study, in the order in which they were added. The rows of a
        later run replaced earlier rows of the same measurement.
    """
    text = (
        files("rcx.reference")
        .joinpath("measured", study, "provenance.json")
        .read_text(encoding="utf-8")
    )
    accounts: list[dict[str, Any]] = json.loads(text)
    return accounts
