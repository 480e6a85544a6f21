"""Curves are written as tables and read back; points that make no single curve are refused."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from helpers import seeded

from rcx.evaluate.curve_tables import curve_from_table, curve_table, curves_from_table
from rcx.evaluate.curves import Curve

NAMES = ("b.jpg", "c.jpg", "a.jpg")
SORTED = [2, 0, 1]


def curve(seed: int = 0, draws: int = 4) -> Curve:
    percent = torch.tensor([0, 0.5, 10, 100])
    distortion, spread = torch.rand(2, 3, 4, generator=seeded(seed))
    if draws == 1:
        spread = torch.full_like(spread, torch.nan)
    return Curve(percent, distortion, spread, "keep", "fair", "l2", draws)


@pytest.mark.parametrize("draws", [1, 4])
def test_a_round_trip_through_a_file_gives_the_same_bits(draws: int, tmp_path: Path) -> None:
    original = curve(draws=draws)
    table = curve_table(original, NAMES, {"classifier": "sample/cnn", "seed": 3})
    assert list(table["image"][:5]) == ["b.jpg"] * 4 + ["c.jpg"]
    table.to_parquet(tmp_path / "curves.parquet")
    mixed = pd.read_parquet(tmp_path / "curves.parquet").sample(frac=1, random_state=0)
    again, names = curve_from_table(mixed)
    assert names == ("a.jpg", "b.jpg", "c.jpg")
    assert torch.equal(again.percent, original.percent)
    assert torch.equal(again.distortion, original.distortion[SORTED])
    torch.testing.assert_close(
        again.spread, original.spread[SORTED], atol=0, rtol=0, equal_nan=True
    )
    assert torch.equal(again.areas, original.areas[SORTED])
    settings = (again.direction, again.protocol, again.measure, again.draws)
    assert settings == ("keep", "fair", "l2", draws)


def test_a_curve_for_each_series() -> None:
    both = {"CartoonX": curve(0), "rollout": curve(1)}
    table = pd.concat(
        curve_table(original, NAMES, {"series": name}) for name, original in both.items()
    )
    table["series"] = table["series"].astype("category")  # as a study's tables have it
    again = curves_from_table(table)
    assert list(again) == list(both)
    for name, from_table in again.items():
        assert torch.equal(from_table.distortion, both[name].distortion[SORTED])


def test_points_that_make_no_single_curve_are_refused() -> None:
    table = curve_table(curve(), NAMES, {"series": "CartoonX"})
    with pytest.raises(ValueError, match="select by series, direction"):
        curve_from_table(pd.concat([table, table.assign(direction="randomise", series="x")]))
    with pytest.raises(ValueError, match="several points"):
        curve_from_table(pd.concat([table, table]))
    with pytest.raises(ValueError, match="lack points"):
        curve_from_table(table[1:])
    with pytest.raises(ValueError, match="columns draws, spread"):
        curve_from_table(table.drop(columns=["draws", "spread"]))
    with pytest.raises(ValueError, match="no points"):
        curve_from_table(table[:0])
    fewer = table[table["image"] != "a.jpg"].assign(series="other")
    with pytest.raises(ValueError, match="not of the same images"):
        curves_from_table(pd.concat([table, fewer]))
    with pytest.raises(ValueError, match="no column 'method'"):
        curves_from_table(table, by="method")
    with pytest.raises(ValueError, match="as many different names"):
        curve_table(curve(), ["a", "a", "b"])
