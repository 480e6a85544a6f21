"""Intervals, paired comparisons of methods on the same images, and verdicts from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from rcx.system.quiet import ignored_warnings

Expected = Literal["lower", "higher"]
"""What a claim expects of the first of two methods."""

Outcome = Literal["as expected", "against", "open"]
"""How a comparison bears on what a claim expects."""

Verdict = Literal["supported", "not supported", "mixed"]
"""How several comparisons bear on a claim."""

LEVEL = 0.95
"""Confidence level of every interval, and one minus the size of every test."""

_RESAMPLES = 9999
_NUMBERS_AT_ONCE = 2**23  # numbers in the resamples that are in memory together


class Interval(NamedTuple):
    """A mean over images with its confidence interval.

    Attributes
    ----------
    mean, low, high : float or ndarray
        The mean and the ends of the interval; arrays where there is one mean for each column.
    """

    mean: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    def __format__(self, spec: str) -> str:
        """Write as ``mean [low, high]``, with each number formatted by ``spec``."""
        mean, low, high = (format(float(number), spec or ".3f") for number in self)
        return f"{mean} [{low}, {high}]"


UNKNOWN = Interval(*np.full(3, np.nan))
"""The interval of NaN, where there is nothing to measure."""


def mean_interval(values: npt.ArrayLike, *, level: float = LEVEL, seed: int = 0) -> Interval:
    """Compute a mean over images with its bootstrap interval [1]_.

    Parameters
    ----------
    values : array-like
        ``(N,)`` or ``(N, Q)``, one row per image, N at least 2. The columns of a row are resampled
        together.
    level : float
        Confidence level in (0, 1).
    seed : int
        Seed of the resampling.

    Returns
    -------
    Interval
        The interval is bias-corrected and accelerated. It has no width where all images agree.

    Raises
    ------
    ValueError
        If there are fewer than 2 images, a value is not finite, or the level is out of range.

    References
    ----------
    .. [1] B. Efron, "Better bootstrap confidence intervals", J. Amer. Statist. Assoc. 82, 1987.
    """
    numbers = _checked(values, "values")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    # columns in which all images agree have no distribution; their interval is set below
    with (
        ignored_warnings(stats.DegenerateDataWarning),
        np.errstate(invalid="ignore", divide="ignore"),
    ):
        interval = stats.bootstrap(
            (numbers,),
            np.mean,
            n_resamples=_RESAMPLES,
            batch=max(1, _NUMBERS_AT_ONCE // numbers.size),
            vectorized=True,
            confidence_level=level,
            axis=0,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    mean = numbers.mean(axis=0)
    low, high = (np.where(np.isnan(end), mean, end)[()] for end in (interval.low, interval.high))
    return Interval(mean, low, high)


def mean_if_known(values: npt.ArrayLike, *, seed: int = 0) -> Interval:
    """Compute `mean_interval`, or `UNKNOWN` where there are fewer than two values."""
    return mean_interval(values, seed=seed) if len(np.asarray(values)) > 1 else UNKNOWN


def share_interval(hits: npt.ArrayLike, *, level: float = LEVEL) -> Interval:
    """Compute a share of the images with Wilson's score interval [1]_.

    Unlike a bootstrap interval, it has a width where all images agree: none of six images is no
    proof that there are none at all.

    Parameters
    ----------
    hits : array-like
        ``(N,)`` bool, N at least 1: whether an image counts.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    Interval
        In [0, 1]; ``mean`` is the share itself.

    Raises
    ------
    ValueError
        If the hits are no truth values, one for each image, or the level is out of range.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
       J. Amer. Statist. Assoc. 22, 1927.
    """
    values = np.asarray(hits)
    if values.dtype != np.bool_ or values.ndim != 1 or not len(values):
        raise ValueError("hits must be one truth value for each of 1 or more images")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    count = int(values.sum())
    low, high = stats.binomtest(count, len(values)).proportion_ci(level, method="wilson")
    return Interval(*np.array([count / len(values), low, high]))


class Comparison(NamedTuple):
    """Two methods compared on the same images.

    Attributes
    ----------
    difference : Interval
        The mean difference, first minus second.
    wilcoxon : float
        p-value of the signed-rank test, two-sided.
    sign : float
        p-value of the sign test, two-sided.
    first_higher, first_lower : int
        Number of images in which the first method is higher, or lower. Ties count in neither.
    images : int
        Number of images.
    second_mean : float
        Mean of the second method.
    """

    difference: Interval
    wilcoxon: float
    sign: float
    first_higher: int
    first_lower: int
    images: int
    second_mean: float

    def in_favour(self, expected: Expected) -> Interval:
        """Difference in percent of the second method's mean, positive where it is as expected."""
        if not self.second_mean:
            return UNKNOWN
        unit = (1 if expected == "higher" else -1) * abs(self.second_mean) / 100
        low, high = sorted((self.difference.low / unit, self.difference.high / unit))
        return Interval(self.difference.mean / unit, low, high)


def compare(
    first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = LEVEL, seed: int = 0
) -> Comparison:
    """Compare two methods image by image.

    Parameters
    ----------
    first, second : array-like
        ``(N,)``, one number per image, in the same order.
    level, seed
        As for `mean_interval`.

    Returns
    -------
    Comparison
        Both p-values are 1 where the methods agree in every image.

    Raises
    ------
    ValueError
        If the two do not have one finite number for each of the same 2 or more images.
    """
    left, right = _checked(first, "first"), _checked(second, "second")
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError(f"pairs need two rows of one length, got {left.shape} and {right.shape}")
    difference = left - right
    higher, lower = int((difference > 0).sum()), int((difference < 0).sum())
    untied = higher + lower
    return Comparison(
        mean_interval(difference, level=level, seed=seed),
        float(stats.wilcoxon(difference[difference != 0]).pvalue) if untied else 1.0,
        float(stats.binomtest(higher, untied).pvalue) if untied else 1.0,
        higher,
        lower,
        len(difference),
        float(right.mean()),
    )


def outcome(
    comparison: Comparison, expected: Expected, *, margin: float = 0, level: float = LEVEL
) -> Outcome:
    """Say how a comparison bears on the expectation that the first method is lower, or higher.

    A difference counts if its interval does not contain 0 and the p-value of the signed-rank test
    is below ``1 - level``. Otherwise the question stays open.

    Parameters
    ----------
    comparison : Comparison
        The comparison of the first method with the second.
    expected : {"lower", "higher"}
        What is expected of the first method.
    margin : float
        At least 0. With a positive margin, the expectation is also met if the first method is worse
        by less than the margin: if the whole interval lies on the better side of the margin, and
        there are enough images for a signed-rank test to reach the level (six at 0.95). A
        difference in the other direction counts against the expectation only if the interval
        reaches beyond the margin.
    level : float
        Confidence level of the interval, in (0, 1).

    Returns
    -------
    {"as expected", "against", "open"}

    Raises
    ------
    ValueError
        If ``expected`` or ``margin`` is none of these values.
    """
    if expected not in get_args(Expected):
        raise ValueError(f"expected must be one of {get_args(Expected)}, got {expected!r}")
    if not margin >= 0:
        raise ValueError(f"margin must be at least 0, got {margin!r}")
    _, low, high = comparison.difference
    within = high < margin if expected == "lower" else low > -margin
    # the left side is the smallest p-value of a two-sided signed-rank test of so many images
    if margin and within and 2.0 ** (1 - comparison.images) < 1 - level:
        return "as expected"
    if comparison.wilcoxon >= 1 - level or low <= 0 <= high:
        return "open"
    return "as expected" if (high < 0) == (expected == "lower") else "against"


def verdict(
    comparisons: Sequence[tuple[Comparison, Expected]], *, margin: float = 0, level: float = LEVEL
) -> Verdict:
    """Judge a claim by the comparisons on which it makes a prediction.

    Parameters
    ----------
    comparisons : sequence of (Comparison, {"lower", "higher"})
        The comparisons, each with what the claim expects of the first method; at least one.
    margin, level : float
        As for `outcome`.

    Returns
    -------
    {"supported", "not supported", "mixed"}
        "supported" if every comparison came out as expected, "not supported" if none did, "mixed"
        if some did. An open comparison does not count as expected, because a claim has to be shown.

    Raises
    ------
    ValueError
        If there is no comparison.
    """
    if not comparisons:
        raise ValueError("a verdict needs at least one comparison")
    met = [
        outcome(comparison, expected, margin=margin, level=level) == "as expected"
        for comparison, expected in comparisons
    ]
    return "supported" if all(met) else "mixed" if any(met) else "not supported"


def _checked(values: npt.ArrayLike, what: str) -> npt.NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim not in (1, 2) or len(numbers) < 2:
        raise ValueError(f"{what} must have one row for each of 2 or more images")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} must be finite")
    return numbers
