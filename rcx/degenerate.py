"""Explanations that show nothing, or everything: what a badly chosen lambda leads to."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from rcx.explanation import Explanation
from rcx.statistics import mean_interval, share_interval

BLACK = 0.15
"""A picture without a pixel brighter than this grey value, of white's 1, is all black: on a screen,
it has a fiftieth of the light of white, and the eye takes it for black."""

DENSE = 0.1
"""An explanation that keeps more than this share of the coefficients is dense: photographs
compressed to a tenth of their wavelet coefficients look as they did before, so that its picture
says no more than the image."""


def all_black(explanation: Explanation) -> Tensor:
    """Whether each picture shows nothing, ``(N,)`` bool: its brightest pixel is below `BLACK`."""
    return explanation.picture.amax((1, 2, 3)) < BLACK


def dense(explanation: Explanation) -> Tensor:
    """Whether each explanation keeps nearly everything, ``(N,)`` bool: more than `DENSE`."""
    return explanation.nonsparsity > DENSE


def degenerate_table(explanations: Mapping[str, Explanation]) -> pd.DataFrame:
    """Compare settings by how often their explanations show nothing or everything.

    Parameters
    ----------
    explanations : mapping of str to Explanation
        By setting, such as a lambda; of the same images, at least 2.

    Returns
    -------
    DataFrame
        A row for each setting, and as `rcx.statistics.Interval` the shares of images whose
        explanation is all black, is dense, is neither and keeps the label (``"useful"``), and the
        mean non-sparsity and distortion.
    """
    rows = {}
    for name, one in explanations.items():
        black, full = all_black(one), dense(one)
        rows[name] = {
            "all black": share_interval(black),
            "dense": share_interval(full),
            "useful": share_interval(one.label_kept & ~black & ~full),
            "non-sparsity": mean_interval(one.nonsparsity),
            "distortion": mean_interval(one.distortion),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


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
