"""Intervals and tests against scipy itself, and verdicts from differences that are known."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rcx.evaluate.statistics import compare, mean_interval, outcome, share_interval, verdict
from rcx.reference.published import published_curves, published_predictions

FINITE = st.floats(-1e3, 1e3).map(lambda number: round(number, 3))


def numbers(seed: int, *shape: int, shift: float = 0.0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(shift, size=shape)


def test_interval_is_scipys_bootstrap() -> None:
    values = numbers(0, 20)
    expected = stats.bootstrap((values,), np.mean, rng=np.random.default_rng(3))
    interval = mean_interval(values, seed=3)
    assert interval.mean == values.mean()
    assert (interval.low, interval.high) == pytest.approx(
        tuple(expected.confidence_interval), rel=1e-12
    )


def test_columns_share_their_resamples_and_may_have_no_spread() -> None:
    values = numbers(1, 12, 3)
    values[:, 1] = 0.5
    band = mean_interval(values)
    assert (band.low[1], band.mean[1], band.high[1]) == (0.5, 0.5, 0.5)
    for column in (0, 2):
        alone = mean_interval(values[:, column])
        # a resample of every image once has the mean itself, but for its rounding
        ends = (band.low[column], band.high[column])
        assert (alone.low, alone.high) == pytest.approx(ends, abs=1e-3)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    samples = np.random.default_rng(0).exponential(size=(30, 300))
    band = mean_interval(samples, level=0.9)
    assert 0.82 < np.mean((band.low < 1) & (band.high > 1)) < 0.95


@given(arrays(float, st.integers(2, 12), elements=FINITE))
@settings(max_examples=30, deadline=None)
def test_interval_contains_the_mean(values: npt.NDArray[np.float64]) -> None:
    mean, low, high = mean_interval(values)
    slack = 1e-9 * (1 + np.abs(values).max())
    assert values.min() - slack <= low <= mean + slack
    assert mean - slack <= high <= values.max() + slack


def test_interval_is_written_as_mean_and_ends() -> None:
    assert f"{mean_interval([1.0, 1.0]):.1f}" == "1.0 [1.0, 1.0]"


def test_comparison_is_scipys_tests_on_the_differences() -> None:
    first, second = numbers(0, 25), numbers(1, 25, shift=0.8)
    comparison = compare(first, second)
    assert comparison.difference == mean_interval(first - second)
    assert comparison.wilcoxon == stats.wilcoxon(first, second).pvalue
    assert comparison.sign == stats.binomtest(int((first > second).sum()), 25).pvalue
    assert comparison.first_higher + comparison.first_lower == comparison.images == 25


def test_exchanging_the_methods_exchanges_the_signs() -> None:
    first, second = numbers(0, 15), numbers(1, 15, shift=1)
    there, back = compare(first, second), compare(second, first)
    assert there.difference.mean == -back.difference.mean
    assert (there.wilcoxon, there.sign) == (back.wilcoxon, back.sign)
    assert (there.first_higher, there.first_lower) == (back.first_lower, back.first_higher)


def test_methods_that_agree_everywhere_do_not_differ() -> None:
    same = compare(np.ones(6), np.ones(6))
    assert (same.wilcoxon, same.sign, same.first_higher, same.first_lower) == (1, 1, 0, 0)
    assert outcome(same, "lower") == "open"


def test_outcomes_and_verdicts() -> None:
    base = numbers(0, 30)
    lower = compare(base - 1 + 0.1 * numbers(1, 30), base)
    unclear = compare(base + numbers(2, 30), base)
    assert outcome(lower, "lower") == "as expected"
    assert outcome(lower, "higher") == "against"
    assert outcome(unclear, "lower") == outcome(unclear, "higher") == "open"
    assert verdict([(lower, "lower")]) == "supported"
    assert verdict([(lower, "lower"), (unclear, "lower")]) == "mixed"
    assert verdict([(lower, "higher"), (unclear, "lower")]) == "not supported"


def test_an_outcome_needs_more_than_one_extreme_image() -> None:
    difference = np.array([-50.0, 0.1, 0.2, 0.1, 0.3, 0.2])
    assert outcome(compare(difference, np.zeros(6)), "lower") == "open"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0]), "2 or more images"),
        (lambda: mean_interval([1.0, np.nan]), "finite"),
        (lambda: mean_interval([1.0, 2.0], level=95), "level"),
        (lambda: compare([1.0, 2.0], [1.0, 2.0, 3.0]), "one length"),
        (lambda: outcome(compare([1.0, 2.0], [0.0, 0.0]), "smaller"), "expected must be"),  # type: ignore[arg-type]
        (lambda: verdict([]), "at least one"),
        (lambda: published_curves("fig7"), "unknown figure 'fig7'"),  # type: ignore[arg-type]
    ],
)
def test_input_that_does_not_fit(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_published_numbers_come_with_the_package() -> None:
    left = published_curves("fig3-left")
    assert set(left["series"]) == {"cartoonx", "pixel-rde", "random-wavelet", "random-pixel"}
    cartoonx = left[left["series"] == "cartoonx"].set_index("x")["y"]
    assert (cartoonx[0], cartoonx[100]) == (0.705, 0)
    assert len(published_curves()) > len(left)
    predictions = published_predictions()
    assert predictions.set_index("image").loc["n01518878_ostrich"].tolist() == [9, 9, 9]


def test_wilsons_interval_by_hand_and_of_a_width_where_all_agree() -> None:
    hits = np.array([True] * 3 + [False] * 7)
    z = 1.959964
    centre, half = (0.3 + z**2 / 20) / (1 + z**2 / 10), z * (0.021 + z**2 / 400) ** 0.5
    half /= 1 + z**2 / 10
    share = share_interval(hits)
    assert share.mean == pytest.approx(0.3)
    assert (share.low, share.high) == pytest.approx((centre - half, centre + half), abs=1e-6)
    never = share_interval(np.zeros(6, dtype=bool))
    assert never.mean == 0 == never.low
    assert never.high == pytest.approx(z**2 / (6 + z**2), abs=1e-6)
    for bad in (np.zeros(0, dtype=bool), np.zeros(3), np.zeros((2, 2), dtype=bool)):
        with pytest.raises(ValueError, match="truth value"):
            share_interval(bad)
    with pytest.raises(ValueError, match="level"):
        share_interval(hits, level=1)


def test_within_a_margin_worse_is_as_good() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=30)
    worse = compare(base + 1 + 0.1 * rng.normal(size=30), base)  # higher by about one
    assert outcome(worse, "lower") == "against"
    assert outcome(worse, "lower", margin=2) == "as expected"
    assert outcome(worse, "lower", margin=0.5) == "against"
    assert outcome(worse, "higher", margin=0.5) == "as expected"
    unclear = compare(base + rng.normal(size=30), base)
    assert outcome(unclear, "lower") == "open" == outcome(unclear, "higher")
    assert outcome(unclear, "lower", margin=2) == outcome(unclear, "higher", margin=2)
    assert verdict([(worse, "lower")]) == "not supported"
    assert verdict([(worse, "lower")], margin=2) == "supported"
    few = compare(base[:5] + 0.1 * rng.normal(size=5), base[:5])
    assert outcome(few, "lower", margin=2) == "open"
    with pytest.raises(ValueError, match="margin"):
        outcome(worse, "lower", margin=-1)
