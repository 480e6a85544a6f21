"""Comparisons, tables and figures of claims, for curves of a known shape."""

from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import Tensor

from rcx.evaluate.claims import Comparisons, comparison_table
from rcx.evaluate.curve_summaries import area_table, drop_table
from rcx.evaluate.curves import Curve, Direction
from rcx.evaluate.statistics import UNKNOWN, compare, outcome, verdict
from rcx.reference import Claim, claims
from rcx.report.claim_results import claim_result, condition_table, curve_tests
from rcx.report.curve_figures import curve_figure, lowest_areas, shown


def curves(
    keep_exponent: float, randomise_exponent: float, images: int = 10
) -> dict[Direction, Curve]:
    """Curves that fall, and rise, by powers of the share, with a height for each image."""
    percent = torch.linspace(0, 100, 101)
    share, height = percent / 100, torch.linspace(0.5, 1, images)[:, None]
    shapes: dict[Direction, Tensor] = {
        "keep": (1 - share) ** keep_exponent,
        "randomise": share**randomise_exponent,
    }
    return {
        direction: Curve(
            percent, height * shape, torch.zeros(images, 101), direction, "fair", "l2", 2
        )
        for direction, shape in shapes.items()
    }


def groups(
    names: dict[str, dict[Direction, Curve]],
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    return (
        {name: both["keep"] for name, both in names.items()},
        {name: both["randomise"] for name, both in names.items()},
    )


GOOD, BAD = curves(8, 1 / 8), curves(2, 1 / 2)


METHODS, NETWORKS = claims()["rate-distortion"], claims()["as-well"]
Pair = tuple[dict[str, Curve], dict[str, Curve]]


def compared(
    pair: Pair, first: str, second: str, claim: Claim = METHODS, seed: int = 0
) -> Comparisons:
    normalised = claim is NETWORKS
    return curve_tests(claim, {"raw": pair}, first, second, normalised=normalised, seed=seed)["raw"]


def test_a_better_order_meets_every_prediction_and_a_worse_one_none() -> None:
    pair = groups({"good": GOOD, "bad": BAD})
    better = compared(pair, "good", "bad")
    assert verdict(list(better.values())) == "supported"
    assert set(comparison_table(better)["outcome"]) == {"as expected"}
    back = compared(pair, "bad", "good")
    assert verdict(list(back.values())) == "not supported"
    assert set(comparison_table(back)["outcome"]) == {"against"}


def test_comparisons_are_those_of_the_curves_numbers() -> None:
    keep, randomise = groups({"good": GOOD, "bad": curves(2, 1 / 9)})
    tests = compared((keep, randomise), "good", "bad", seed=3)
    area, expected = tests["area, relevant kept"]
    assert (area, expected) == (compare(keep["good"].areas, keep["bad"].areas, seed=3), "lower")
    drop, expected = tests["drop over the first 5 %"]
    assert expected == "higher"
    exact = 0.75 * ((1 - 0.95**8) - (1 - 0.95**2))
    assert drop.difference.mean == pytest.approx(exact, abs=1e-6)
    assert verdict(list(tests.values())) == "mixed"


def test_networks_are_compared_in_percent_of_what_noise_does_to_them() -> None:
    halved = {
        direction: replace(curve, distortion=curve.distortion / 2)
        for direction, curve in GOOD.items()
    }
    pair = groups({"ViT": halved, "CNN": GOOD, "worse": BAD})
    same = compared(pair, "ViT", "CNN", NETWORKS)
    assert len(same) == 6
    margin = NETWORKS.margin
    for comparison, expected in same.values():
        assert comparison.difference.mean == pytest.approx(0, abs=1e-4)
        assert outcome(comparison, expected, margin=margin) == "as expected"
    assert verdict(list(same.values()), margin=margin) == "supported"
    worse = compared(pair, "worse", "CNN", NETWORKS, seed=2)
    area, _ = worse["area, relevant kept"]
    assert area.difference.mean == pytest.approx(100 * (1 / 3 - 1 / 9), abs=0.1)
    rise, expected = worse["rise over the first 1 %"]
    assert expected == "higher"
    assert rise.difference.mean == pytest.approx(100 * (0.01**0.5 - 0.01 ** (1 / 8)), abs=0.1)
    table = comparison_table(worse, margin=margin)
    assert table.loc["area, relevant kept", "outcome"] == "against"


def test_a_difference_in_favour_is_in_percent_of_what_is_compared_with() -> None:
    area = compare([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    favour = area.in_favour("lower")
    assert favour.mean == pytest.approx(50)
    assert favour.low <= favour.mean <= favour.high
    against = area.in_favour("higher")
    assert (against.mean, against.low, against.high) == pytest.approx(
        (-favour.mean, -favour.high, -favour.low)
    )
    assert str(compare([1.0, 2.0], [0.0, 0.0]).in_favour("lower")) == str(UNKNOWN)


def test_a_verdict_is_one_sentence_with_its_reason() -> None:
    pair = groups({"good": GOOD, "bad": BAD})
    both = curve_tests(METHODS, {"raw": pair, "fair": pair}, "good", "bad")
    result = claim_result(METHODS, both, "10 images")
    assert result.outcome == "supported"
    assert result.measured.startswith("With the relevant kept, the area under CartoonX's curve is ")
    assert "% [" in result.measured
    assert result.measured.endswith("(raw; 10 images). All tests agree under both conditions.")
    assert [row.condition for row in result.conditions] == ["raw", "fair"]
    assert all(row.low <= row.mean <= row.high and row.mean > 0 for row in result.conditions)
    back = curve_tests(METHODS, {"back": pair}, "bad", "good")
    mixed = claim_result(METHODS, {**both, **back})
    assert mixed.outcome == "mixed"
    assert "But 4 of 12 tests did not come out as expected." in mixed.measured
    one = {name: {"area": tests["area, relevant kept"]} for name, tests in (both | back).items()}
    named = claim_result(METHODS, one).measured
    assert named.endswith("But the area is not lower (back).")
    refuted = claim_result(METHODS, back)
    assert refuted.outcome == "not supported"
    assert "above that under Pixel RDE" in refuted.measured
    assert claim_result(METHODS, {}).outcome == "open"
    table = condition_table(METHODS, {**both, **back})
    assert list(table["verdict"]) == ["supported", "supported", "not supported"]


def test_claims_are_stated_in_full() -> None:
    chapters = [claim.chapter for claim in claims().values()]
    assert chapters == sorted(chapters)
    for claim in claims().values():
        assert claim.sentence.count("{change}") == 1
        for text in (claim.claimed, claim.reported, claim.read_as, claim.change_of_mind):
            assert text.endswith(".")


def test_the_networks_figure_has_the_published_curves_of_figure_5() -> None:
    pair = groups({"CartoonX, CNN": GOOD, "CartoonX, ViT": BAD, "rollout, ViT": GOOD})
    figure = curve_figure(*pair, published=True, figure_number=5)
    for axes in figure.axes:
        assert [line.get_linestyle() for line in axes.lines].count("--") == 3
        assert "%" in axes.get_ylabel()


def test_areas_have_a_column_for_each_group() -> None:
    keep, randomise = groups({"good": GOOD, "bad": BAD})
    table = area_table({"kept": keep, "randomised": randomise})
    assert table.shape == (2, 2)
    assert table.loc["bad", "kept"].mean == pytest.approx(0.75 / 3, abs=1e-3)
    assert lowest_areas({"bad": keep["bad"], "good": keep["good"]}).startswith("good ")
    assert lowest_areas(keep, 1).count(",") == 0


def test_tables_are_written_for_readers() -> None:
    pair = groups({"good": GOOD, "bad": BAD})
    written = shown(comparison_table(compared(pair, "good", "bad")))
    row = written.loc["drop over the first 1 %"]
    assert row["mean difference"].count("[") == 1
    assert row["Wilcoxon p"] == "0.002"
    assert shown(pd.DataFrame({"points": [1.26]}), digits=1).iloc[0, 0] == "1.3"
    areas = area_table({"kept": pair[0]})
    areas.loc["good", "kept"] = UNKNOWN
    assert shown(areas).loc["good", "kept"] == "not known"


def test_the_figure_is_drawn_as_vectors_and_is_the_same_each_time() -> None:
    pair = groups({"CartoonX": GOOD, "another map": BAD})
    figure, again = (curve_figure(*pair, published=True) for _ in range(2))
    assert figure._repr_svg_() == again._repr_svg_()
    left, right = figure.axes
    for axes in (left, right):
        # two curves of ours, and the published one of the method that was published
        assert [line.get_linestyle() for line in axes.lines].count("--") == 1
        assert len(axes.lines) == 3
        assert len(axes.collections) == 2
        assert axes.get_xlabel().endswith("[%]")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:2] == ["CartoonX", "another map"]
    assert "ImageNet" in texts[2]
    assert len(curve_figure(*pair).axes[0].lines) == 2


def test_one_image_has_no_interval_and_no_curve_no_figure() -> None:
    alone = {"CartoonX": curves(2, 0.5, images=1)["keep"]}
    assert not curve_figure(alone).axes[0].collections
    with pytest.raises(ValueError, match="at least one curve"):
        curve_figure(alone, {})


def test_where_the_first_drop_ends_and_how_far_it_rises_again() -> None:
    curve = replace(GOOD["keep"], percent=torch.tensor([0.0, 4, 10, 15, 50, 60, 100]))
    dip = torch.tensor([0.7, 0.5, 0.2, 0.3, 0.4, 0.35, 0.0])  # lowest before its end at 10 percent
    height = torch.linspace(0.5, 1.5, 8)[:, None]
    curve = replace(curve, distortion=height * dip, spread=torch.zeros(8, 7))
    falling = replace(curve, distortion=height * torch.linspace(1, 0, 7))
    reported = {"dip": pd.DataFrame({"x": [100, 50, 10, 0], "y": [0.0, 0.6, 0.1, 1.0]})}
    table = drop_table({"here": {"dip": curve, "falling": falling}}, reported)
    row = table.loc["here", "dip"]
    assert (row["distortion after the drop"].mean, row["percent"]) == (pytest.approx(0.2), 10)
    assert row["rise"].mean == pytest.approx(0.2)
    assert row["rise"].low < 0.2 < row["rise"].high
    assert table.loc["here", "falling"]["rise"].mean == 0  # it never rises
    assert table.loc["published", "dip"].tolist() == [pytest.approx(0.1), 10, pytest.approx(0.5)]
