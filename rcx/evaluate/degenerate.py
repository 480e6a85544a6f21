"""Explanations that show nothing or everything, because lambda was chosen badly."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rcx.evaluate.statistics import mean_interval, share_interval
from rcx.explain.explanation import BLACK, Explanation

DENSE = 0.1
"""An explanation is dense if it keeps more than this share of the coefficients. Photographs that
are compressed to a tenth of their wavelet coefficients look unchanged, so that the picture of a
dense explanation says no more than the image."""


def degenerate_table(explanations: Mapping[str, Explanation | pd.DataFrame]) -> pd.DataFrame:
    """Compare settings by how often their explanations show nothing or everything.

    Parameters
    ----------
    explanations : mapping of str to Explanation or DataFrame
        The explanations by setting, such as a lambda, all of the same images, at least 2. A
        DataFrame has their rows in a study's table of explanations.

    Returns
    -------
    DataFrame
        A row for each setting, all values as `rcx.evaluate.Interval`. ``all black`` and ``dense``
        are shares of the images; ``useful`` is the share whose explanation is neither of them and
        keeps the label; ``non-sparsity`` and ``distortion`` are means.
    """
    rows = {}
    for setting, explanation in explanations.items():
        numbers = _numbers(explanation) if isinstance(explanation, Explanation) else explanation
        black, dense = numbers["brightest"] < BLACK, numbers["nonsparsity"] > DENSE
        useful = numbers["label_kept"].astype(bool) & ~black & ~dense
        rows[setting] = {
            "all black": share_interval(black.to_numpy()),
            "dense": share_interval(dense.to_numpy()),
            "useful": share_interval(useful.to_numpy()),
            "non-sparsity": mean_interval(numbers["nonsparsity"].to_numpy()),
            "distortion": mean_interval(numbers["distortion"].to_numpy()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _numbers(explanation: Explanation) -> pd.DataFrame:
    """The columns of a study's table of explanations that `degenerate_table` reads."""
    brightest = explanation.picture.amax((1, 2, 3))
    names = ("nonsparsity", "distortion", "label_kept")
    return pd.DataFrame(
        {"brightest": brightest, **{name: getattr(explanation, name) for name in names}}
    )
