"""Curves to tables and back, and what is no single curve."""

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
def test_a_round_trip_through_a_file_gives_the_same_bits(draws: int, tmp_path) -> None:
    original = curve(draws=draws)
    table = curve_table(original, NAMES, classifier="sample/cnn", seed=3)
    assert list(table["image"][:5]) == ["b.jpg"] * 4 + ["c.jpg"]
    table.to_parquet(tmp_path / "curves.parquet")
    mixed = pd.read_parquet(tmp_path / "curves.parquet").sample(frac=1, random_state=0)
    found, names = curve_from_table(mixed)
    assert names == ("a.jpg", "b.jpg", "c.jpg")
    assert torch.equal(found.percent, original.percent)
    assert torch.equal(found.distortion, original.distortion[SORTED])
    torch.testing.assert_close(
        found.spread, original.spread[SORTED], atol=0, rtol=0, equal_nan=True
    )
    assert torch.equal(found.areas, original.areas[SORTED])
    kept = (found.direction, found.protocol, found.measure, found.draws)
    assert kept == ("keep", "fair", "l2", draws)


def test_a_curve_for_each_series() -> None:
    both = {"CartoonX": curve(0), "rollout": curve(1)}
    table = pd.concat(curve_table(one, NAMES, series=name) for name, one in both.items())
    table["series"] = table["series"].astype("category")  # as a study's tables have it
    found = curves_from_table(table)
    assert list(found) == list(both)
    for name, one in found.items():
        assert torch.equal(one.distortion, both[name].distortion[SORTED])


def test_what_is_no_single_curve_is_refused() -> None:
    table = curve_table(curve(), NAMES, series="CartoonX")
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
