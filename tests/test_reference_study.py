"""Numbers of the study's photographs: published whole, loaded as curves, summed up as claims."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import run

from rcx.claims import GAPS, condition_table, gap_table
from rcx.reference import published_curves, published_points, published_sparsity
from rcx.reference.study import photo_curves, photo_provenance, photo_rows, publish
from rcx.sweeps import LAMBDAS, sweep_table

NETWORK = "timm/tf_mobilenetv3_small_100"
METHODS = ("CartoonX", "Pixel RDE")


@pytest.fixture(scope="module")
def raw() -> tuple:
    return photo_curves(NETWORK, 256, normalize=False, protocol="as_published")


def test_curves_end_where_everything_or_nothing_is_kept(raw: tuple) -> None:
    keep, randomise = raw
    assert set(keep) == set(randomise) == {*METHODS, "random wavelets", "random pixels"}
    for name in METHODS:
        assert keep[name].at(100).max() < 1e-3 and randomise[name].at(0).max() < 1e-3
        assert len(keep[name]) == len(randomise[name]) >= 2


def test_curves_of_some_series(raw: tuple) -> None:
    two = photo_curves(
        NETWORK, 256, normalize=False, protocol="as_published", series=["Pixel RDE", "CartoonX"]
    )
    assert [list(way) for way in two] == [["Pixel RDE", "CartoonX"]] * 2
    assert two[0]["CartoonX"].distortion.equal(raw[0]["CartoonX"].distortion)


def test_curves_of_some_photographs_by_draws_and_seeds() -> None:
    where = {"classifier": NETWORK, "size": 256, "normalize": False, "protocol": "fair"}
    rows = photo_rows("curves", **where)
    names = rows.loc[rows["seed"] == 1, "image"].unique()
    assert len(names) >= 6  # fewer support nothing
    options = {"normalize": False, "protocol": "fair", "images": names, "series": METHODS}
    for other in ({}, {"seed": 1}, {"seed": 2}, {"draws": 16}):
        keep, _ = photo_curves(NETWORK, 256, **options, **other)
        assert len(keep["CartoonX"]) == len(names)
        assert keep["CartoonX"].draws == other.get("draws", 4)


def test_schedules_are_compared_on_the_same_photographs() -> None:
    rows = photo_rows("explanations", study="schedules")
    photographs = {
        series: set(zip(part["image"], part["normalize"], strict=True))
        for series, part in rows.groupby("series", observed=True)
    }
    assert photographs["published"] <= photographs["default"]
    assert (rows.loc[rows["series"] == "published", "steps"] == 2000).all()
    assert photo_provenance("schedules")["versions"]["torch"]


def test_published_sparsity_lies_between_the_published_points() -> None:
    points = published_curves("fig3-right").set_index(["series", "x"])["y"]
    assert published_sparsity("Pixel RDE", 4) == points["pixel-rde-nonsparsity", 4]
    ends = points["cartoonx-nonsparsity", 32], points["cartoonx-nonsparsity", 16]
    assert ends[0] < published_sparsity("CartoonX", 20) < ends[1]


def test_every_explained_photograph_has_its_curves(raw: tuple) -> None:
    rows = photo_rows(
        "explanations", classifier=NETWORK, size=256, normalize=False, on_path=False, seed=0
    )
    assert rows.groupby("series", observed=True).size().eq(len(raw[0]["CartoonX"])).all()
    assert not rows[["image", "series"]].duplicated().any()
    assert photo_provenance()["settings"]["profile"] == "imagenet"


def test_the_same_claim_under_several_conditions(raw: tuple) -> None:
    table = condition_table({"raw": raw, "again": raw}, *METHODS)
    assert table.loc["raw"].equals(table.loc["again"])
    of_networks = tuple(
        {f"{name}, {network}": way[name] for name in METHODS for network in "AB"} for way in raw
    )
    same = condition_table({"raw": of_networks}, "CartoonX, A", "CartoonX, B", networks=True)
    assert same.loc["raw", "verdict"] == "supported"  # a network is explained as well as itself
    assert table.loc["raw", "verdict"] in ("supported", "not supported", "mixed")


def test_the_sweep_has_photographs_enough_for_intervals() -> None:
    rows = photo_rows("explanations", classifier=NETWORK, size=256, normalize=False, on_path=True)
    table = sweep_table(rows.assign(series=rows["method"]))
    assert set(table.index.get_level_values("series")) == set(METHODS)
    assert set(LAMBDAS) == set(table.index.get_level_values("lambda_k"))


def test_gaps_are_what_is_measured_minus_what_was_published(raw: tuple) -> None:
    keep = {name: raw[0][name] for name in METHODS}
    points = published_points("fig3-left", *METHODS)
    table = gap_table(keep, points)
    assert set(table.index) == {(name, percent) for name in METHODS for percent in GAPS}
    gaps = [row.measured.mean - row.published for row in table.itertuples()]
    assert table["difference"].tolist() == pytest.approx(gaps)


def test_nothing_was_measured_of_another_network_and_columns_are_known() -> None:
    assert photo_curves("timm/other", 256, normalize=False, protocol="fair") == ({}, {})
    with pytest.raises(ValueError, match="no column 'model'"):
        photo_rows("curves", model="x")


def test_images_that_are_not_finished_are_left_out(tmp_path: Path) -> None:
    run = {"classifier": "c", "normalize": True, "size": 8, "seed": 0, "result": "x", "run": 0}
    rows = [{"image": i, "series": s, **run} for i in ("a", "b", "c") for s in ("one", "two")]
    folder = tmp_path / "tables"
    folder.mkdir()
    for table in ("curves", "explanations"):
        # and one that two runs have in common
        pd.DataFrame([*rows[:5], {**rows[0], "run": 1}]).to_parquet(folder / f"{table}.parquet")
    (folder / "provenance.json").write_text("{}")
    assert publish(tmp_path, tmp_path / "out") == {"curves": 4, "explanations": 4}
    kept = pd.read_parquet(tmp_path / "out" / "curves.parquet")
    assert set(kept["image"]) == {"a", "b"} and "result" not in kept


AGAIN = """
profile = "imagenet"
solver = %s
[[runs]]
classifier = "timm/tf_mobilenetv3_small_100"
normalize = false
size = 256
n_images = 1
methods = [{ method = "CartoonX", lambda_k = 20 }, { method = "Pixel RDE", lambda_k = 4 }]
curves = [{ protocol = "as_published", grid = "percent", draws = 1 }]
"""


@pytest.mark.slow
@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
def test_numbers_of_a_photograph_are_found_again(tmp_path: Path) -> None:
    shipped = files("rcx.study").joinpath("profiles", "imagenet.toml").read_text("utf-8")
    solver = shipped.split("solver = ")[1].splitlines()[0]  # as the committed numbers were made
    (tmp_path / "study.toml").write_text(AGAIN % solver)
    code, _ = run("--settings", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert code == 0
    found = {
        table: pd.read_parquet(tmp_path / "out" / "tables" / f"{table}.parquet")
        for table in ("curves", "explanations")
    }
    (image,) = found["explanations"]["image"].unique()
    where = {"classifier": NETWORK, "size": 256, "normalize": False, "seed": 0, "image": image}
    known = photo_rows("explanations", on_path=False, **where).set_index("series")
    again = found["explanations"].set_index("series")
    for column in ("loss", "nonsparsity", "l2"):  # other processors round otherwise
        assert again[column].to_numpy() == pytest.approx(
            known.loc[again.index, column].to_numpy(), rel=0.1
        )
    points = ["series", "direction", "percent"]
    known_points = photo_rows("curves", protocol="as_published", **where).set_index(points)
    new_points = found["curves"].set_index(points)["distortion"]
    apart = new_points - known_points.loc[new_points.index, "distortion"]
    assert np.abs(apart.groupby("series", observed=True).mean()).max() < 0.05
