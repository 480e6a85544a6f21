"""Sweeps over lambda: rate and distortion of explanations for several trade-offs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.classifier import checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.evaluate.rankings import generator_of
from rcx.evaluate.statistics import mean_interval
from rcx.explain.explainer import Explainer
from rcx.solver.lanes import Lanes
from rcx.solver.objective import Objective
from rcx.solver.passes import Answer
from rcx.system.isolation import isolated

LAMBDAS = (4.0, 8.0, 16.0, 20.0, 32.0, 64.0)
"""The lambdas of the published sweep, and 20, the lambda of the published CartoonX."""

DRAWS = 64
"""Number of noise draws that measure an explanation; the published sweep had one."""

_MEASURED = ("l2_one_draw", "l2", "distortion", "nonsparsity", "label_kept")


def answers_at_masks(
    objective: Objective, masks: Tensor, draws: int, seed: int
) -> tuple[Answer, Answer]:
    """Measure one image's masks by many noise draws, and by the first of them alone.

    Parameters
    ----------
    objective : Objective
        Objective of one image.
    masks : Tensor
        ``(M, K)`` in [0, 1].
    draws : int
        Number of noise draws, the same for all masks.
    seed : int
        Seed of the noise.

    Returns
    -------
    by_all, by_first : Answer
        The answers at the M masks by all draws, and by the first draw.
    """
    fields = objective.draw(draws, generator_of(seed, "noise"))
    rows = torch.zeros(len(masks), dtype=torch.int64, device=masks.device)
    return objective.answer(masks, fields, rows), objective.answer(masks, fields[:1], rows)


@isolated()
@torch.no_grad()
def sweep_rows(
    explainer: Explainer,
    images: Tensor,
    lambda_ks: Sequence[float] = LAMBDAS,
    *,
    names: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Explain images along a path of lambdas, and measure each explanation.

    Parameters
    ----------
    explainer : Explainer
        `rcx.CartoonX` or `rcx.PixelRDE`.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1].
    lambda_ks : sequence of float
        Trade-offs, see `rcx.CartoonX.explain_path`.
    names : sequence of str, optional
        Names of the images; their numbers by default.
    draws : int
        Number of noise draws for ``l2``.
    seed : int
        Seed of the noise that measures the explanations.

    Returns
    -------
    DataFrame
        A row for each image and lambda, with ``image``, ``series`` and ``lambda_k``. ``l2`` is the
        distance between the probabilities for the image and for its obfuscations, as a mean over
        the draws. ``l2_one_draw`` is the same with the first draw alone, as in the published sweep.
        ``distortion``, ``nonsparsity`` and ``label_kept`` are those of the explanation.
    """
    paths = explainer.explain_path(images, lambda_ks)
    model = inference_copy(explainer.classifier, explainer.device, images)
    rows = []
    with Lanes(model) as lanes:
        for row in range(len(images)):
            image = images[row : row + 1].to(explainer.device)
            target = paths[0].target[row : row + 1].to(explainer.device)
            logits = checked_logits(model, image)
            objective = explainer.objective(
                lanes, image, logits, target, measure="l2", antithetic=False
            )
            masks = torch.stack([path.mask[row] for path in paths]).to(image)
            by_all, by_first = answers_at_masks(objective, masks, draws, seed + row)
            rows += [
                {
                    "image": names[row] if names else str(row),
                    "series": explainer.method,
                    "lambda_k": float(explanation.lambda_k[row]),
                    "l2": float(by_all.distortion[step]),
                    "l2_one_draw": float(by_first.distortion[step]),
                    "distortion": float(explanation.distortion[row]),
                    "nonsparsity": float(explanation.nonsparsity[row]),
                    "label_kept": bool(explanation.label_kept[row]),
                }
                for step, explanation in enumerate(paths)
            ]
    return pd.DataFrame(rows)


def sweep_table(rows: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """List mean distortion, non-sparsity and share of kept labels by method and lambda.

    Parameters
    ----------
    rows : DataFrame
        Rows of `sweep_rows`, or a study's table of explanations.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        Means over the images as `rcx.evaluate.Interval`, by ``series`` and ``lambda_k``.
    """
    groups = rows.groupby(["series", "lambda_k"], observed=True)
    means = {
        key: {name: mean_interval(part[name].astype(float), seed=seed) for name in _MEASURED}
        for key, part in groups
    }
    table = pd.DataFrame.from_dict(means, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(means), names=["series", "lambda_k"])
    return table
