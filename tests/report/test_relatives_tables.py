"""Tables of scores: means, agreement of metrics, and paired tests, against their definitions."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from rcx.reference import claims
from rcx.report.relatives import rank_agreement, score_rows, score_table, score_tests

EDGES, CP = claims()["invented-edges"], claims()["conciseness"]
SHARES = ("pixels", "coefficients", "entropy")
NAMES = ["a", "b", "c", "d", "e", "f", "g"]
NOISE = torch.rand(7, generator=torch.Generator().manual_seed(0)) / 10
SCORES = {
    "good": {"insertion": 0.8 + NOISE, "deletion": 0.1 + NOISE, "ROAD": 0.2 - NOISE},
    "fair": {"insertion": 0.5 + NOISE, "deletion": 0.3 + NOISE, "ROAD": 0.5 + NOISE},
    "bad": {"insertion": 0.2 + NOISE, "deletion": 0.6 + NOISE, "ROAD": 0.9 + NOISE},
    "map": {"insertion": 0.4 + NOISE},
}
ROWS = score_rows(SCORES, NAMES)


def test_a_table_has_the_mean_of_every_metric() -> None:
    assert len(ROWS) == 70
    table = score_table(ROWS, ["bad", "good", "map", "absent"], ["deletion", "insertion"])
    assert list(table.index) == ["bad", "good", "map"]
    interval = table.loc["good", "insertion"]
    assert float(interval.mean) == pytest.approx(float(SCORES["good"]["insertion"].mean()))
    assert interval.low < interval.mean < interval.high
    assert math.isnan(table.loc["map", "deletion"].mean)


def test_what_is_not_finite_is_left_out() -> None:
    rows = ROWS.copy()
    good = (rows["series"] == "good") & (rows["metric"] == "insertion")
    rows.loc[good, "value"] = [np.inf, np.nan, *[0.5] * 5]
    assert float(score_table(rows, ["good"], ["insertion"]).loc["good", "insertion"].mean) == 0.5
    rows.loc[good, "value"] = [np.inf] * 6 + [1.0]
    assert math.isnan(score_table(rows, ["good"], ["insertion"]).loc["good", "insertion"].mean)


def test_metrics_agree_where_they_order_the_methods_alike() -> None:
    metrics = ["insertion", "deletion", "ROAD"]
    table = rank_agreement(ROWS, list(SCORES), metrics)  # "map" lacks two of them
    assert all(float(table.loc[metric, metric].mean) == 1 for metric in metrics)
    assert float(table.loc["insertion", "deletion"].mean) == 1  # less deletion is better
    assert float(table.loc["insertion", "ROAD"].mean) == -1
    random = {
        name: {
            m: torch.rand(7, generator=torch.Generator().manual_seed(seed + 9))
            for m in metrics[::2]
        }
        for seed, name in enumerate("uvwxyz")
    }
    rows = score_rows(
        {n: {"insertion": s["insertion"], "ROAD": s["ROAD"].flip(0)} for n, s in random.items()},
        NAMES,
    )
    wide = rows.pivot_table(index="image", columns=["series", "metric"], values="value")
    expected = np.mean(
        [
            kendalltau([row[n, "insertion"] for n in "uvwxyz"], [row[n, "ROAD"] for n in "uvwxyz"])[
                0
            ]
            for _, row in wide.iterrows()
        ]
    )
    table = rank_agreement(rows, list("uvwxyz"), ["insertion", "ROAD"])
    assert float(table.loc["ROAD", "insertion"].mean) == pytest.approx(expected)


def test_nothing_measured_gives_empty_tables() -> None:
    assert score_table(ROWS.head(0), ["good"], ["ROAD"]).empty
    agreement = rank_agreement(ROWS.head(0), ["good"], ["ROAD", "insertion"])
    assert math.isnan(agreement.loc["ROAD", "insertion"].mean)
    assert score_tests(ROWS.head(0), "good", "bad", EDGES) == {}


def test_series_are_compared_image_by_image() -> None:
    names = [f"CP, {part} / {share}" for part in ("class", "noisy") for share in SHARES]
    low, high = (dict.fromkeys(names, base + NOISE) for base in (1, 3))
    high["CP, noisy / pixels"] = NOISE
    rows = score_rows({"good": high, "bad": low}, NAMES)
    compared = score_tests(rows, "good", "bad", CP)
    assert list(compared) == [f"CP / {share}" for share in SHARES]
    comparison, expected = compared["CP / entropy"]
    assert float(comparison.difference.mean) == pytest.approx(2, abs=1e-6)
    assert (comparison.images, expected) == (7, "higher")
    noisy = score_tests(rows, "good", "bad", CP, "noisy")["CP / pixels"][0]
    assert float(noisy.difference.mean) == pytest.approx(-1, abs=1e-6)
    rows.loc[rows["image"].isin(NAMES[2:]) & (rows["series"] == "bad"), "value"] = np.inf
    assert score_tests(rows, "good", "bad", CP)["CP / pixels"][0].images == 2
    rows.loc[rows["image"] == "a", "value"] = np.nan
    assert score_tests(rows, "good", "bad", CP) == {}
