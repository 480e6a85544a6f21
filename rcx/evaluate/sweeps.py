"""Sweeps over lambda: what explanations for several trade-offs cost and keep."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.classifier import checked_logits, inference_copy
from rcx.evaluate.rankings import generator_of
from rcx.evaluate.statistics import mean_interval
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.solver.lanes import Lanes
from rcx.solver.objective import Answer, Objective

LAMBDAS = (4.0, 8.0, 16.0, 20.0, 32.0, 64.0)
"""The report's sweep, and the lambda of its CartoonX."""

DRAWS = 64
"""Noise draws where one, as in the report's sweep, is not enough."""

_MEASURED = ("l2_one_draw", "l2", "distortion", "nonsparsity", "label_kept")


def answers_at_masks(objective: Objective, masks: Tensor, draws: int, seed: int) -> list[Answer]:
    """Judge one image's masks by many noise draws, and by the first of them alone.

    Parameters
    ----------
    objective : Objective
        For one image.
    masks : Tensor
        ``(M, K)`` in [0, 1].
    draws : int
        How many draws; the same for all masks.
    seed : int
        Of the noise.

    Returns
    -------
    list of Answer
        Of the M masks: by all draws, and by the first.
    """
    fields = objective.draw(draws, generator_of(seed, "noise"))
    rows = torch.zeros(len(masks), dtype=torch.int64, device=masks.device)
    return [objective.answer(masks, some, rows) for some in (fields, fields[:1])]


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
    """Explain images for several lambdas, along a path, and measure each explanation.

    Parameters
    ----------
    explainer : Explainer
        CartoonX or Pixel RDE.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1].
    lambda_ks : sequence of float
        See `Explainer.explain_path`.
    names : sequence of str, optional
        Of the images; their numbers by default.
    draws : int
        Noise draws for ``l2``.
    seed : int
        Of the noise that measures.

    Returns
    -------
    DataFrame
        A row for each image and lambda: ``image``, ``series``, ``lambda_k``; ``l2``, the distance
        between probabilities at the mask that was found, as a mean over the draws, and
        ``l2_one_draw`` with the first one, as the report's sweep measured it; ``distortion``, what
        the solver minimised; ``nonsparsity`` and ``label_kept``.
    """
    paths = explainer.explain_path(images, lambda_ks)
    model = inference_copy(explainer.classifier, explainer.device, images)
    rows = []
    with Lanes(model) as lanes:
        for number in range(len(images)):
            image = images[number : number + 1].to(explainer.device)
            target = paths[0].target[number : number + 1].to(explainer.device)
            logits = checked_logits(model, image)
            objective = explainer.objective(
                lanes, image, logits, target, measure="l2", antithetic=False
            )
            masks = torch.stack([path.mask[number] for path in paths]).to(image)
            many, one = answers_at_masks(objective, masks, draws, seed + number)
            for place, explanation in enumerate(paths):
                row = _row(explanation[number], many.distortion[place], one.distortion[place])
                name = names[number] if names else str(number)
                rows.append({"image": name, "series": explainer.method, **row})
    return pd.DataFrame(rows)


def _row(one: Explanation, many: Tensor, single: Tensor) -> dict[str, object]:
    return {
        "lambda_k": float(one.lambda_k),
        "l2": float(many),
        "l2_one_draw": float(single),
        "distortion": float(one.distortion),
        "nonsparsity": float(one.nonsparsity),
        "label_kept": bool(one.label_kept),
    }


def sweep_table(rows: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """List what explanations cost and keep on average, by method and lambda.

    Parameters
    ----------
    rows : DataFrame
        As of `sweep_rows`, or a study's table of explanations.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Of `rcx.evaluate.Interval`, over the images, by ``series`` and ``lambda_k``.
    """
    groups = rows.groupby(["series", "lambda_k"], observed=True)
    table = {
        key: {name: mean_interval(part[name].astype(float), seed=seed) for name in _MEASURED}
        for key, part in groups
    }
    found = pd.DataFrame.from_dict(table, orient="index")
    found.index = pd.MultiIndex.from_tuples(list(table), names=["series", "lambda_k"])
    return found
