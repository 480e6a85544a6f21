"""The maker of results: from images, and from stored results, to new ones, without the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.evaluate.baselines import Baseline, attribution
from rcx.evaluate.curve_measurement import rate_distortion_curve
from rcx.evaluate.rankings import Ranking
from rcx.evaluate.rollout import rollout
from rcx.evaluate.scores import explanation_scores, map_scores
from rcx.evaluate.sweeps import answers_at_masks
from rcx.explain.explanation import Explanation
from rcx.representations.pixels import Pixels
from rcx.study.kinds import Attribution, Evaluation, Map, Result, Rollout, Scores
from rcx.study.requests import EVALUATION_DRAWS, GRIDS, Request
from rcx.study.sources import Source
from rcx.study.variants import LoadedVariant

Results = Iterator[tuple[Request, Result]]
"""Requests with their results, as soon as each is computed."""


@dataclass(frozen=True)
class StudyImage:
    """An image that was read.

    Attributes
    ----------
    source : Source
        Where it is from.
    pixels : Tensor
        ``(3, H, W)`` in [0, 1].
    seed : int
        Seed of its curves.
    requests : list of Request
        All results that the study asks for.
    """

    source: Source
    pixels: Tensor
    seed: int
    requests: list[Request]


@dataclass(frozen=True)
class Row:
    """Requests of one image that are computed together, all of one kind and one series.

    Attributes
    ----------
    image : StudyImage
        The image.
    requests : list of Request
        The requests.
    bases : list of Result or None
        For each request, the result that it is computed from; None where it needs only the image.
    """

    image: StudyImage
    requests: list[Request]
    bases: list[Result | None]


class ResultMaker:
    """Computes results of a variant, for a few images at a time.

    Parameters
    ----------
    loaded : LoadedVariant
        Classifier and explainers.
    """

    def __init__(self, loaded: LoadedVariant) -> None:
        self.loaded = loaded
        self._makers = {
            "explanation": self._explanations,
            "rollout": self._rollouts,
            "attribution": self._attributions,
            "evaluation": self._evaluations,
            "curve": self._curves,
            "scores": self._scores,
        }

    def results(self, rows: Sequence[Row]) -> Results:
        """Compute the results of rows that differ in their images only.

        Raises
        ------
        Exception
            Whatever the classifier raises; ValueError if it answers NaN or infinity.
        """
        return self._makers[rows[0].requests[0].key.kind](rows)

    def _explanations(self, rows: Sequence[Row]) -> Results:
        images = torch.stack([row.image.pixels for row in rows])
        first = rows[0].requests
        explainer = self.loaded.explainers[first[0].series]
        if first[0].lambda_k is None:
            # the tables tell which explanations are empty
            explanations = [explainer.explain(images, warn=False)]
        else:
            lambda_ks = [request.lambda_k or 0 for request in first]
            explanations = explainer.explain_path(images, lambda_ks)
        for index, row in enumerate(rows):
            for request, explanation in zip(row.requests, explanations, strict=True):
                if not bool(explanation[index].loss.isfinite()):
                    raise ValueError("no finite distortion was found")
                yield request, explanation[index]

    def _rollouts(self, rows: Sequence[Row]) -> Results:
        images = torch.stack([row.image.pixels for row in rows]).to(self.loaded.device)
        maps = rollout(self._model, images).cpu()
        for index, row in enumerate(rows):
            yield row.requests[0], Rollout(maps[index : index + 1].clone())

    def _attributions(self, rows: Sequence[Row]) -> Results:
        requests = [row.requests[0] for row in rows]
        maps = attribution(
            cast("Baseline", requests[0].series),
            self.loaded.classifier,
            torch.stack([row.image.pixels for row in rows]),
            seed=[request.key.document["seed"] for request in requests],
            device=self.loaded.device,
        )
        for index, request in enumerate(requests):
            yield request, Attribution(maps[index : index + 1].clone())

    def _evaluations(self, rows: Sequence[Row]) -> Results:
        device = self.loaded.device
        for row in rows:
            pixels = row.image.pixels[None].to(device)
            logits = checked_logits(self._model, pixels)
            explanations = [basis for basis in row.bases if isinstance(basis, Explanation)]
            objective = self.loaded.explainers[row.requests[0].series].objective(
                self._model,
                pixels,
                logits,
                explanations[0].target.to(device),
                measure="l2",
                antithetic=False,
            )
            for request, explanation in zip(row.requests, explanations, strict=True):
                mask = explanation.mask.to(device)
                many, single = answers_at_masks(objective, mask, EVALUATION_DRAWS, row.image.seed)
                parts = (single.distortion, many.distortion, many.distortion_error)
                yield request, Evaluation(*(part.cpu() for part in parts))

    def _curves(self, rows: Sequence[Row]) -> Results:
        first = rows[0].requests[0]
        if first.curve is None:
            raise TypeError("a request for a curve has no settings of the curve")
        rankings = [self._ranking(row) for row in rows]
        seeds = [row.image.seed for row in rows]
        curve = rate_distortion_curve(
            self._model,
            torch.stack([row.image.pixels for row in rows]),
            replace(rankings[0], relevance=torch.cat([order.relevance for order in rankings])),
            first.direction,
            percent=GRIDS[first.curve.grid],
            protocol=first.curve.protocol,
            measure=first.measure,
            draws=first.key.document["draws"],
            seed=seeds,
            device=self.loaded.device,
        )
        for index, row in enumerate(rows):
            part = slice(index, index + 1)
            distortion, spread = curve.distortion[part].clone(), curve.spread[part].clone()
            yield row.requests[0], replace(curve, distortion=distortion, spread=spread)

    def _scores(self, rows: Sequence[Row]) -> Results:
        for row in rows:
            series, basis, seed = row.requests[0].series, row.bases[0], [row.image.seed]
            pixels = row.image.pixels[None]
            if isinstance(basis, Explanation):
                explainer = self.loaded.explainers[series]
                values = explanation_scores(explainer, pixels, basis, seed=seed)
            else:
                relevance = self._ranking(row).relevance.view(1, *self.loaded.size)
                values = map_scores(
                    self.loaded.classifier, pixels, relevance, seed=seed, device=self.loaded.device
                )
            yield row.requests[0], Scores(values)

    def _ranking(self, row: Row) -> Ranking:
        series, basis = row.requests[0].series, row.bases[0]
        if isinstance(basis, Explanation):
            return Ranking.of(self.loaded.explainers[series], basis)
        if isinstance(basis, Map):
            return Ranking(Pixels(self.loaded.size), basis.relevance)
        representation = self.loaded.random_orders[series].representation
        return Ranking.at_random(representation, 1, seed=[row.image.seed])

    @cached_property
    def _model(self) -> Classifier:
        device, size = self.loaded.device, self.loaded.size
        example = torch.rand(
            2,
            self.loaded.classifier.channels,
            *size,
            generator=torch.Generator().manual_seed(0),
            dtype=torch.float32,
        )
        model = inference_copy(self.loaded.classifier, device, example)
        return model.to(memory_format=torch.channels_last)
