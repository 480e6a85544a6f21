"""Explanations that show nothing, or everything: what a badly chosen lambda leads to."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from rcx.evaluate.statistics import mean_interval, share_interval
from rcx.explain.explanation import BLACK, Explanation

DENSE = 0.1
"""An explanation that keeps more than this share of the coefficients is dense: photographs
compressed to a tenth of their wavelet coefficients look as they did before, so that its picture
says no more than the image."""


def degenerate_table(explanations: Mapping[str, Explanation | pd.DataFrame]) -> pd.DataFrame:
    """Compare settings by how often their explanations show nothing or everything.

    Parameters
    ----------
    explanations : mapping of str to Explanation or DataFrame
        By setting, such as a lambda; of the same images, at least 2. Or their rows in a study's
        table of explanations.

    Returns
    -------
    DataFrame
        A row for each setting, and as `rcx.evaluate.Interval` the shares of images whose
        explanation is all black, is dense, is neither and keeps the label (``"useful"``), and the
        mean non-sparsity and distortion.
    """
    rows = {}
    for name, some in explanations.items():
        one = some if isinstance(some, pd.DataFrame) else _numbers(some)
        black, full = one["brightest"] < BLACK, one["nonsparsity"] > DENSE
        useful = one["label_kept"].astype(bool) & ~black & ~full
        rows[name] = {
            "all black": share_interval(black.to_numpy()),
            "dense": share_interval(full.to_numpy()),
            "useful": share_interval(useful.to_numpy()),
            "non-sparsity": mean_interval(one["nonsparsity"].to_numpy()),
            "distortion": mean_interval(one["distortion"].to_numpy()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _numbers(explanation: Explanation) -> pd.DataFrame:
    """What a study's table of explanations says of them."""
    brightest = explanation.picture.amax((1, 2, 3))
    names = ("nonsparsity", "distortion", "label_kept")
    return pd.DataFrame(
        {"brightest": brightest, **{name: getattr(explanation, name) for name in names}}
    )


def lambda_sensitivity(path: Mapping[float, Explanation]) -> Tensor:
    """How much sparser each image's explanation becomes as lambda grows.

    Parameters
    ----------
    path : mapping of float to Explanation
        By lambda, of the same images, as from `explain_path`; at least two lambdas.

    Returns
    -------
    Tensor
        ``(N,)``: by how many decades non-sparsity falls for each decade of lambda, from the
        smallest to the largest; 0 where lambda does nothing. What keeps less than one coefficient
        counts as one.
    """
    if len(path) < 2:
        raise ValueError("sensitivity needs at least two lambdas")
    low, high = min(path), max(path)
    least = 1 / path[low].mask.shape[1]
    most, fewest = (path[end].nonsparsity.clamp_min(least).log10() for end in (low, high))
    return torch.as_tensor((most - fewest) / math.log10(high / low))
