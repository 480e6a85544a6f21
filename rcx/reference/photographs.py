"""What studies measured on the published study's photographs.

``python -m rcx.reference.photographs results/imagenet`` adds the tables of ``rcx study --profile
imagenet`` to those here, as far as it went; with a second argument those of another study, see
`Study`. What is measured again takes the place of what was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypedDict

import pandas as pd

from rcx.evaluate.curve_tables import curves_from_table
from rcx.evaluate.curves import Curve, CurveProtocol

Table = Literal["curves", "explanations"]
MeasuredStudy = Literal["photographs", "schedules"]
"""The profile imagenet; and the default schedule beside the published one, ``schedules.toml``."""


class _Condition(TypedDict):
    normalize: bool
    protocol: CurveProtocol


class _Where(_Condition):
    size: int
    seed: int


RUN = ["classifier", "normalize", "size", "seed"]
"""Columns that tell a study's runs apart."""

INPUTS = {"raw": False, "normalised": True}
"""What the networks are given, and whether that is normalised."""

_PROTOCOLS: dict[str, CurveProtocol] = {"as published": "as_published", "fair": "fair"}

CONDITIONS: dict[str, _Condition] = {
    f"{how}, {by}": {"normalize": normalize, "protocol": protocol}
    for how, normalize in INPUTS.items()
    for by, protocol in _PROTOCOLS.items()
}
"""Arguments for `photo_curves` and `photo_networks`, by what the conditions are called."""

_LEFT_OUT = ["result", "place", "run", "image_sha256"]  # of the store, and not of the images

# columns that tell measurements apart
_MEASURED: dict[Table, list[str]] = {
    "curves": ["image", *RUN, "series", "direction", "protocol", "measure", "draws"],
    "explanations": ["image", *RUN, "series", "lambda_k", "on_path"],
}


def photo_rows(
    table: Table, *, study: MeasuredStudy = "photographs", **where: object
) -> pd.DataFrame:
    """Load measurements on the published study's photographs.

    Parameters
    ----------
    table : {"curves", "explanations"}
        Points of rate-distortion curves, as of `rcx.evaluate.curve_table`; or a row for each
        explanation: ``image``, `RUN`, ``series``, ``method``, ``lambda_k``, ``on_path`` (solved
        from its neighbour's mask), classes, probabilities, ``distortion``, ``nonsparsity``,
        ``l2`` (between probabilities, mean of 64 draws), ``l2_one_draw``, steps and residual.
    study : {"photographs", "schedules"}
        Which study measured it; the second has explanations only.
    **where
        Values of columns, as ``classifier="timm/tf_mobilenetv3_small_100"``, ``normalize=False``.

    Returns
    -------
    DataFrame
        The rows that have them; none where this was not measured.

    Raises
    ------
    ValueError
        If the table has no such column.
    """
    with files("rcx.reference").joinpath("measured", study, f"{table}.parquet").open("rb") as file:
        rows = pd.read_parquet(file)
    for column, value in where.items():
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
        As ``"timm/tf_mobilenetv3_small_100"``.
    size : int
        Height and width of the photographs.
    normalize : bool
        False for raw images, as published.
    protocol : str
        See `rcx.evaluate.rate_distortion_curve`.
    series : sequence of str, optional
        Of which series, in this order; all by default.
    images : sequence of str, optional
        Names of photographs; all that were measured by default.
    draws : int, optional
        Noise draws of a point; by default the fewest that were measured.
    seed : int
        Of explanations and curves.

    Returns
    -------
    keep, randomise : dict of str to Curve
        By series, all of the same images: those that have every series. Both are empty where there
        are none.
    """
    where = _Where(size=size, normalize=normalize, protocol=protocol, seed=seed)
    rows = photo_rows("curves", classifier=classifier, **where)
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
        Classifiers by what they are to be called.
    size, normalize, protocol, seed
        As for `photo_curves`.
    series : sequence of str, optional
        Of which series and network, as ``"CartoonX, ViT"``, in this order; all by default.

    Returns
    -------
    keep, randomise : dict of str to Curve
        By series and network, as ``"CartoonX, ViT"``; as of `photo_curves`.
    """
    where = _Where(size=size, normalize=normalize, protocol=protocol, seed=seed)
    parts = []
    for name, classifier in networks.items():
        part = photo_rows("curves", classifier=classifier, **where)
        # what is in the name of the series is a column no more
        parts.append(part.assign(series=part["series"].astype(str) + f", {name}", classifier=""))
    return _in_common(pd.concat(parts, ignore_index=True), series)


def _in_common(
    rows: pd.DataFrame, series: Sequence[str] | None
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Curves in both directions, of the images that have all of them."""
    wanted = list(rows["series"].unique() if series is None else series)
    rows = rows[rows["series"].isin(wanted)]
    has = rows.drop_duplicates(["image", "series", "direction"]).groupby("image", observed=True)
    whole = has.size().loc[lambda count: count == 2 * len(wanted)].index
    rows = rows[rows["image"].isin(whole)]
    rows = rows.sort_values("series", key=lambda names: names.map(wanted.index), kind="stable")
    return tuple(  # type: ignore[return-value]
        curves_from_table(part) if len(part := rows[rows["direction"] == way]) else {}
        for way in ("keep", "randomise")
    )


def photo_provenance(study: MeasuredStudy = "photographs") -> list[dict[str, Any]]:
    """Load what the photographs' measurements were made with: settings, versions, machine, time.

    One account for each study, in order; a later one's rows replaced those of the same measurement.
    """
    text = (
        files("rcx.reference")
        .joinpath("measured", study, "provenance.json")
        .read_text(encoding="utf-8")
    )
    accounts: list[dict[str, Any]] = json.loads(text)
    return accounts


def publish(study: Path, folder: Path) -> dict[Table, int]:
    """Add the tables of a study to those in a folder, without the images that are not finished.

    Parameters
    ----------
    study : Path
        The output folder of ``rcx study``.
    folder : Path
        Where the tables are; made if need be. Rows that tell of the same measurement are replaced.

    Returns
    -------
    dict
        Rows of each table that are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[Table, int] = {}
    for table, measured in _MEASURED.items():
        rows = _finished(pd.read_parquet(study / "tables" / f"{table}.parquet"))
        rows = rows.drop(columns=[name for name in _LEFT_OUT if name in rows])
        # an image that two runs have in common has its rows twice
        rows = rows.drop_duplicates(ignore_index=True)
        counts[table] = len(rows)
        if len(rows):
            path = folder / f"{table}.parquet"
            known = pd.read_parquet(path) if path.exists() else rows.head(0)
            _replaced(known, rows, measured).to_parquet(path, compression="zstd", index=False)
    _add_account(study / "tables" / "provenance.json", folder / "provenance.json")
    return counts


def _replaced(known: pd.DataFrame, rows: pd.DataFrame, measured: list[str]) -> pd.DataFrame:
    """Rows that are known and of other measurements, and the new ones."""
    keys, new = (pd.MultiIndex.from_frame(part[measured].astype(str)) for part in (known, rows))
    merged = pd.concat([known[~keys.isin(new)], rows], ignore_index=True)
    # concatenating categories of different values gives plain text
    return merged.astype(dict.fromkeys(rows.select_dtypes("category"), "category"))


def _add_account(new: Path, path: Path) -> None:
    """Add a study's account to the list of those that were published, in place of the same one."""
    account = json.loads(new.read_text(encoding="utf-8"))
    settings = account.get("settings", {})
    if settings.get("images"):  # their names; where they lay is of no use elsewhere
        settings["images"] = [Path(name).name for name in settings["images"]]
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    accounts = [one for one in known if one.get("settings") != settings] + [account]
    text = json.dumps(accounts, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out images that have fewer rows than others of the same run."""
    run = ["run", *RUN, *(["on_path"] if "on_path" in rows else [])]
    count = rows.groupby([*run, "image"], observed=True)["series"].transform("size")
    most = count.groupby([rows[name] for name in run], observed=True).transform("max")
    return rows[count == most].reset_index(drop=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Add the tables of the study in the folder that the first argument names."""
    study, name = [*(sys.argv[1:] if arguments is None else arguments), "photographs"][:2]
    print(publish(Path(study), Path(__file__).parent / "measured" / name))


if __name__ == "__main__":
    main()
