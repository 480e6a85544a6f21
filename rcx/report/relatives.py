"""Scores of several methods on the same images: tables, agreement of metrics, and paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import kendalltau
from torch import Tensor

from rcx.evaluate.claims import Comparisons, comparisons
from rcx.evaluate.scores import METRICS
from rcx.evaluate.statistics import UNKNOWN, Interval, mean_if_known
from rcx.reference.claims import Claim

_FEWEST = 2  # images of which a mean has an interval


def score_rows(scores: Mapping[str, Mapping[str, Tensor]], names: Sequence[str]) -> pd.DataFrame:
    """Write scores as rows, as `rcx.reference.photo_rows` has them.

    Parameters
    ----------
    scores : mapping of str to mapping
        For each series, its scores ``(N,)`` by metric, as from `rcx.evaluate.explanation_scores`.
    names : sequence of str
        Names of the N images.

    Returns
    -------
    DataFrame
        Columns ``image``, ``series``, ``metric`` and ``value``.
    """
    parts = [
        pd.DataFrame({"image": names, "series": series, "metric": metric, "value": values})
        for series, by_metric in scores.items()
        for metric, values in by_metric.items()
    ]
    return pd.concat(parts, ignore_index=True)


def score_table(
    rows: pd.DataFrame, series: Sequence[str], metrics: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Compute the mean of every metric for every series, with its interval.

    Parameters
    ----------
    rows : DataFrame
        Scores, as from `score_rows`.
    series, metrics : sequence of str
        Rows and columns of the table, in their order. Series without scores are left out.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        Of `rcx.evaluate.Interval`. An image without a finite value is left out of the mean; the
        interval has NaN where fewer than two images are left.
    """
    values = _by_image(rows)
    return pd.DataFrame(
        {
            metric: {
                name: _interval(values[name, metric], seed) if (name, metric) in values else UNKNOWN
                for name in series
                if name in values
            }
            for metric in metrics
        }
    )


def rank_agreement(
    rows: pd.DataFrame, series: Sequence[str], metrics: Sequence[str], *, seed: int = 0
) -> pd.DataFrame:
    """Correlate, image by image, how metrics rank the series.

    Parameters
    ----------
    rows, series, metrics, seed
        As for `score_table`. Series that lack a metric are left out.

    Returns
    -------
    DataFrame
        A row and a column for each metric, with the `rcx.evaluate.Interval` of the mean of
        Kendall's rank correlation over the images: 1 where both metrics order the series in the
        same way, best first, and -1 where one has the opposite order.
    """
    values = _by_image(rows)
    complete = [
        name for name in series if all((name, metric) in values.columns for metric in metrics)
    ]
    signs = {metric: 1 if METRICS[metric].better == "higher" else -1 for metric in metrics}
    ranked = {
        metric: signs[metric] * values.loc[:, [(name, metric) for name in complete]].to_numpy()
        for metric in metrics
    }
    return pd.DataFrame(
        {
            second: {first: _correlation(ranked[first], ranked[second], seed) for first in metrics}
            for second in metrics
        }
    )


def score_tests(
    rows: pd.DataFrame,
    first: str,
    second: str,
    claim: Claim,
    numerator: str = "class",
    *,
    seed: int = 0,
) -> Comparisons:
    """Make the tests of a claim about scores, on the images for which both series are finite.

    Parameters
    ----------
    rows : DataFrame
        Scores, as from `score_rows`.
    first, second : str
        Names of the series.
    claim : Claim
        The claim. Its measures are metrics; ``"CP / ..."`` leaves the numerator open.
    numerator : {"class", "largest", "noisy"}
        Numerator of conciseness and preciseness.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Comparisons
        As of `rcx.evaluate.comparisons`; empty where fewer than two images are left.
    """
    values = _by_image(rows)
    measures = {
        measure: measure.replace("CP /", f"CP, {numerator} /") for measure in claim.expectations
    }
    wanted = [(name, metric) for name in (first, second) for metric in measures.values()]
    if not all(column in values.columns for column in wanted):
        return {}
    pairs = values.loc[:, wanted].replace([np.inf, -np.inf], np.nan).dropna()
    if len(pairs) < _FEWEST:
        return {}
    left, right = (
        {measure: pairs[name, metric].to_numpy() for measure, metric in measures.items()}
        for name in (first, second)
    )
    return comparisons(left, right, claim.expectations, seed=seed)


def _by_image(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each image and a column for each series and metric."""
    rows = rows.astype({"series": str, "metric": str})
    return rows.pivot_table(
        index="image", columns=["series", "metric"], values="value", dropna=False
    )


def _interval(values: pd.Series, seed: int) -> Interval:
    return mean_if_known(values[np.isfinite(values)], seed=seed)


def _correlation(first: np.ndarray, second: np.ndarray, seed: int) -> Interval:
    """Average Kendall's correlation over the rows in which it is known."""
    correlations = [
        float(kendalltau(left, right, nan_policy="omit").statistic)
        for left, right in zip(first, second, strict=True)
    ]
    return _interval(pd.Series(correlations, dtype=float), seed)
