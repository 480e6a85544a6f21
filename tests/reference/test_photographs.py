"""Numbers of the study's photographs: added whole, loaded as curves, summed up as claims."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import run_program

from rcx.evaluate.curve_summaries import GAPS, gap_table
from rcx.evaluate.curves import Curve
from rcx.evaluate.sweeps import LAMBDAS, sweep_table
from rcx.reference import claims
from rcx.reference.additions import KEYS, publish
from rcx.reference.photographs import (
    CONDITIONS,
    photo_curves,
    photo_networks,
    photo_provenance,
    photo_rows,
)
from rcx.reference.published import published_curves, published_points, published_sparsity
from rcx.report import claim_result, condition_table, curve_tests

NETWORK = "timm/tf_mobilenetv3_small_100"
METHODS = ("CartoonX", "Pixel RDE")

Curves = dict[str, Curve]


@pytest.fixture(scope="module")
def raw() -> tuple[Curves, Curves]:
    return photo_curves(NETWORK, 256, normalize=False, protocol="as_published")


def test_curves_end_where_everything_or_nothing_is_kept(raw: tuple[Curves, Curves]) -> None:
    keep, randomise = raw
    relative = [f"{method}, relative" for method in METHODS]
    assert set(keep) == set(randomise) == {*METHODS, *relative, "random wavelets", "random pixels"}
    for name in (*METHODS, *relative):
        assert keep[name].at(100).max() < 1e-3 and randomise[name].at(0).max() < 1e-3
        assert len(keep[name]) == len(randomise[name]) >= 2


def test_curves_of_some_series(raw: tuple[Curves, Curves]) -> None:
    two = photo_curves(
        NETWORK, 256, normalize=False, protocol="as_published", series=["Pixel RDE", "CartoonX"]
    )
    assert [list(direction) for direction in two] == [["Pixel RDE", "CartoonX"]] * 2
    assert two[0]["CartoonX"].distortion.equal(raw[0]["CartoonX"].distortion)


def test_curves_of_two_networks_on_the_same_photographs() -> None:
    networks = {"CNN": NETWORK, "ViT": "timm/deit_tiny_patch16_224"}
    condition = CONDITIONS["normalised, fair"]
    series = ["CartoonX, CNN", "CartoonX, ViT", "rollout, ViT"]
    both = photo_networks(networks, 224, **condition, series=series)
    assert [list(direction) for direction in both] == [series] * 2
    # only some photographs have every series that was ever measured
    everything, _ = photo_networks(networks, 224, **condition)
    assert len(everything["CartoonX, ViT"]) <= len(both[0]["CartoonX, ViT"])
    alone, _ = photo_curves(networks["ViT"], 224, **condition, series=["rollout"])
    assert alone["rollout"].distortion.equal(both[0]["rollout, ViT"].distortion)


def test_curves_of_some_photographs_by_draws_and_seeds() -> None:
    condition = CONDITIONS["raw, fair"]
    rows = photo_rows("curves", classifier=NETWORK, size=256, **condition)
    names = rows.loc[rows["seed"] == 1, "image"].unique()
    assert len(names) >= 6  # fewer support nothing
    for seed, draws in ((0, None), (1, None), (2, None), (0, 16)):
        keep, _ = photo_curves(
            NETWORK, 256, **condition, images=names, series=METHODS, seed=seed, draws=draws
        )
        assert len(keep["CartoonX"]) == len(names)
        assert keep["CartoonX"].draws == (draws or 4)


def test_schedules_are_compared_on_the_same_photographs() -> None:
    rows = photo_rows("explanations", study="schedules")
    photographs = {
        series: set(zip(part["image"], part["normalize"], strict=True))
        for series, part in rows.groupby("series", observed=True)
    }
    assert photographs["published"] <= photographs["default"]
    assert (rows.loc[rows["series"] == "published", "steps"] == 2000).all()
    assert all(account["versions"]["torch"] for account in photo_provenance("schedules"))


def test_published_sparsity_lies_between_the_published_points() -> None:
    points = published_curves("fig3-right").set_index(["series", "x"])["y"]
    assert published_sparsity("Pixel RDE", 4) == points["pixel-rde-nonsparsity", 4]
    ends = points["cartoonx-nonsparsity", 32], points["cartoonx-nonsparsity", 16]
    assert ends[0] < published_sparsity("CartoonX", 20) < ends[1]


def test_every_explained_photograph_has_its_curves(raw: tuple[Curves, Curves]) -> None:
    rows = photo_rows(
        "explanations", classifier=NETWORK, size=256, normalize=False, on_path=False, seed=0
    )
    counts = rows.groupby("series", observed=True).size()
    assert counts[list(METHODS)].eq(len(raw[0]["CartoonX"])).all()
    assert counts.ge(25).all()
    assert not rows[["image", "series"]].duplicated().any()
    assert all(account["settings"]["profile"] == "imagenet" for account in photo_provenance())


def test_the_same_claim_under_several_conditions(raw: tuple[Curves, Curves]) -> None:
    claim = claims()["rate-distortion"]
    table = condition_table(claim, curve_tests(claim, {"raw": raw, "again": raw}, *METHODS))
    assert table.loc["raw"].equals(table.loc["again"])
    keep, randomise = (
        {f"{name}, {network}": curves[name] for name in METHODS for network in "AB"}
        for curves in raw
    )
    itself = claims()["as-well"]
    names = "CartoonX, A", "CartoonX, B"
    same = curve_tests(itself, {"raw": (keep, randomise)}, *names, normalised=True)
    assert claim_result(itself, same).outcome == "supported"
    assert table.loc["raw", "verdict"] in ("supported", "not supported", "mixed")


def test_the_sweep_has_photographs_enough_for_intervals() -> None:
    rows = photo_rows("explanations", classifier=NETWORK, size=256, normalize=False, on_path=True)
    table = sweep_table(rows.assign(series=rows["method"]))
    assert set(table.index.get_level_values("series")) == set(METHODS)
    assert set(LAMBDAS) == set(table.index.get_level_values("lambda_k"))


def test_gaps_are_what_is_measured_minus_what_was_published(raw: tuple[Curves, Curves]) -> None:
    keep = {name: raw[0][name] for name in METHODS}
    points = published_points("fig3-left", *METHODS)
    table = gap_table(keep, points)
    assert set(table.index) == {(name, percent) for name in METHODS for percent in GAPS}
    gaps = [row.measured.mean - row.published for row in table.itertuples()]
    assert table["difference"].tolist() == pytest.approx(gaps)


def test_nothing_was_measured_of_another_network_and_columns_are_known() -> None:
    assert photo_curves("timm/other", 256, normalize=False, protocol="fair") == ({}, {})
    with pytest.raises(ValueError, match="no column 'method'"):
        photo_rows("curves", method="CartoonX")
    with pytest.raises(ValueError, match="no column 'protocol'"):
        photo_rows("explanations", protocol="fair")


def write_tables(
    study: Path, rows: list[dict[str, object]], settings: dict[str, list[str] | None]
) -> None:
    folder = study / "tables"
    folder.mkdir(parents=True)
    for table in KEYS:
        columns = pd.DataFrame(rows).astype({"series": "category"})
        columns.to_parquet(folder / f"{table}.parquet")
    (folder / "provenance.json").write_text(json.dumps({"settings": settings}))


def measured(image: str, series: str, loss: float = 0.0, run: int = 0) -> dict[str, object]:
    return {"image": image, "classifier": "c", "normalize": True, "size": 8, "seed": 0} | {
        "series": series, "direction": "keep", "protocol": "fair", "measure": "l2", "draws": 1,
        "metric": "ROAD", "lambda_k": 4.0, "on_path": False, "loss": loss, "result": "x",
        "run": run,
    }  # fmt: skip


def test_images_that_are_not_finished_are_left_out(tmp_path: Path) -> None:
    rows = [measured(image, series) for image in "abc" for series in ("one", "two")]
    # and one that two runs have in common
    write_tables(tmp_path, [*rows[:5], measured("a", "one", run=1)], {})
    assert publish(tmp_path, tmp_path / "out") == dict.fromkeys(KEYS, 4)
    table = pd.read_parquet(tmp_path / "out" / "curves.parquet")
    assert set(table["image"]) == {"a", "b"} and "result" not in table


def test_measurements_are_added_and_those_made_again_replaced(tmp_path: Path) -> None:
    first = [measured(image, series, 1.0) for image in "ab" for series in ("one", "two")]
    write_tables(tmp_path / "first", first, {"images": ["/home/me/a.png"]})
    write_tables(tmp_path / "second", [measured(i, "two", 2.0) for i in "bc"], {"images": None})
    for study in ("first", "second", "second"):
        publish(tmp_path / study, tmp_path / "out")
    for table in KEYS:
        rows = pd.read_parquet(tmp_path / "out" / f"{table}.parquet")
        losses = rows.set_index(["image", "series"])["loss"].to_dict()
        from_first = {("a", "one"): 1.0, ("a", "two"): 1.0, ("b", "one"): 1.0}
        assert losses == from_first | {("b", "two"): 2.0, ("c", "two"): 2.0}
        assert rows["series"].dtype == "category"
    accounts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert [account["settings"]["images"] for account in accounts] == [["a.png"], None]


AGAIN = """
profile = "imagenet"
[[runs]]
classifier = "timm/tf_mobilenetv3_small_100"
normalize = false
size = 256
n_images = 1
methods = [
    { method = "CartoonX", distortion = "probability", lambda_k = 20 },
    { method = "Pixel RDE", distortion = "probability", lambda_k = 4 },
]
curves = [{ protocol = "as_published", grid = "percent", draws = 1 }]
"""


@pytest.mark.slow
@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
def test_numbers_of_a_photograph_are_found_again(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(AGAIN)
    code, _ = run_program("study", "--settings", tmp_path / "study.toml", "--out", tmp_path / "out")
    assert code == 0
    curves, explanations = (
        pd.read_parquet(tmp_path / "out" / "tables" / f"{table}.parquet")
        for table in ("curves", "explanations")
    )
    (image,) = explanations["image"].unique()
    known = photo_rows(
        "explanations",
        image=image,
        classifier=NETWORK,
        normalize=False,
        size=256,
        seed=0,
        on_path=False,
    ).set_index("series")
    again = explanations.set_index("series")
    for column in ("loss", "nonsparsity", "l2"):  # other processors round otherwise
        assert again[column].to_numpy() == pytest.approx(
            known.loc[again.index, column].to_numpy(), rel=0.1
        )
    points = ["series", "direction", "percent"]
    known_points = photo_rows(
        "curves",
        image=image,
        classifier=NETWORK,
        normalize=False,
        size=256,
        seed=0,
        protocol="as_published",
    ).set_index(points)
    new_points = curves.set_index(points)["distortion"]
    apart = new_points - known_points.loc[new_points.index, "distortion"]
    assert np.abs(apart.groupby("series", observed=True).mean()).max() < 0.05
