"""Add the tables of a study to the measurements on the published study's photographs.

``python -m rcx.reference.additions results/imagenet`` adds the tables of ``rcx study --profile
imagenet``. The study need not be finished. A second argument names another study of
`rcx.reference.photo_rows`, such as ``schedules``. New rows replace earlier rows of the same
measurement.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rcx.reference.photographs import MeasuredTable

_RUN = ["classifier", "normalize", "size", "seed"]  # columns that identify a study's run

# columns that describe the store and not the images
_LEFT_OUT = ["result", "place", "run", "image_sha256"]

# decimals of numbers that are rounded, which makes the file less than half as large
_DECIMALS: dict[MeasuredTable, dict[str, int]] = {"curves": {"distortion": 4, "spread": 4}}

KEYS: dict[MeasuredTable, list[str]] = {
    "curves": ["image", *_RUN, "series", "direction", "protocol", "measure", "draws"],
    "explanations": ["image", *_RUN, "series", "lambda_k", "on_path"],
    "scores": ["image", *_RUN, "series", "metric"],
}
"""Columns that identify a measurement: a whole curve, an explanation, or a score."""


def publish(study: Path, folder: Path) -> dict[MeasuredTable, int]:
    """Add the tables of a study to those in a folder, without the images that are not finished.

    Curves are rounded to four decimals.

    Parameters
    ----------
    study : Path
        The output folder of ``rcx study``.
    folder : Path
        The folder of the tables; it is made if it does not exist. Rows of the same measurement are
        replaced.

    Returns
    -------
    dict of str to int
        Number of rows that are added, by table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[MeasuredTable, int] = {}
    for table, key in KEYS.items():
        rows = _finished(pd.read_parquet(study / "tables" / f"{table}.parquet"))
        rows = rows.drop(columns=[name for name in _LEFT_OUT if name in rows])
        # an image of two runs has its rows twice
        rows = rows.drop_duplicates(ignore_index=True)
        rows = rows.round(_DECIMALS.get(table, {}))
        counts[table] = len(rows)
        path = folder / f"{table}.parquet"
        if len(rows) or not path.exists():
            known = pd.read_parquet(path) if path.exists() else rows.head(0)
            _replaced(known, rows, key).to_parquet(path, compression="zstd", index=False)
    _add_account(study / "tables" / "provenance.json", folder / "provenance.json")
    return counts


def _replaced(known: pd.DataFrame, rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Known rows of other measurements, followed by the new rows."""
    known_keys, new_keys = (
        pd.MultiIndex.from_frame(part[key].astype(str)) for part in (known, rows)
    )
    merged = pd.concat([known[~known_keys.isin(new_keys)], rows], ignore_index=True)
    # pandas turns categories of different values into plain text
    return merged.astype(dict.fromkeys(rows.select_dtypes("category"), "category"))


def _add_account(new: Path, path: Path) -> None:
    """Add a study's account to the accounts in a file, in place of one with equal settings."""
    account = json.loads(new.read_text(encoding="utf-8"))
    settings = account.get("settings", {})
    if settings.get("images"):  # names only, because the folders exist on one machine
        settings["images"] = [Path(name).name for name in settings["images"]]
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    accounts = [other for other in known if other.get("settings") != settings] + [account]
    text = json.dumps(accounts, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _finished(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out images that have fewer rows than others of the same run."""
    run = ["run", *_RUN, *(["on_path"] if "on_path" in rows else [])]
    counts = rows.groupby([*run, "image"], observed=True)["series"].transform("size")
    most = counts.groupby([rows[name] for name in run], observed=True).transform("max")
    return rows[counts == most].reset_index(drop=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Add the tables of the study in the folder that the first argument names."""
    study, name = [*(sys.argv[1:] if arguments is None else arguments), "photographs"][:2]
    print(publish(Path(study), Path(__file__).parent / "measured" / name))


if __name__ == "__main__":
    main()
