"""All metrics of explanations by name, each with what it says and which side is better."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.targets import Target
from rcx.evaluate.conciseness import conciseness_preciseness, hallucination
from rcx.evaluate.metrics import insertion_deletion, mu_fidelity, road
from rcx.evaluate.rankings import Seed
from rcx.evaluate.statistics import Expected
from rcx.explain.attribution import kept_image
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.system.isolation import isolated


class Metric(NamedTuple):
    """What a metric says.

    Attributes
    ----------
    better : {"higher", "lower"}
        Which values are better.
    meaning : str
        What it measures, in a few words.
    """

    better: Expected
    meaning: str


MAP_METRICS: dict[str, Metric] = {
    "insertion": Metric("higher", "the class's probability while the relevant pixels come first"),
    "early insertion": Metric("higher", "the same over the first tenth of the pixels"),
    "deletion": Metric("lower", "the class's probability while the relevant pixels go first"),
    "insertion - deletion": Metric("higher", "the difference of the two"),
    "ROAD": Metric(
        "higher", "probability left where the irrelevant pixels go, less the same for relevant ones"
    ),
    "fidelity": Metric("higher", "correlation of a region's relevance with the loss without it"),
}
"""Metrics of relevance maps, which every method has."""

MASK_METRICS: dict[str, Metric] = {
    **{
        f"CP, {numerator} / {denominator}": Metric(
            "higher", f"share kept of the {probability}, over the share kept of the {information}"
        )
        for numerator, probability in {
            "class": "class's probability",
            "largest": "largest probability",
            "noisy": "class's probability under noise",
        }.items()
        for denominator, information in {
            "pixels": "pixels' sum",
            "coefficients": "coefficients' sum",
            "entropy": "coefficients' entropy",
        }.items()
    },
    "invented edges": Metric("lower", "edges that the image does not have, as a share of its own"),
}
"""Metrics of masks, which `rcx.evaluate.conciseness_preciseness` and `hallucination` compute."""

METRICS = MAP_METRICS | MASK_METRICS
"""All metrics."""


def map_scores(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    relevance: Tensor,
    target: Target = None,
    *,
    seed: Seed = 0,
    device: str | torch.device | None = "auto",
) -> dict[str, Tensor]:
    """Measure relevance maps by all metrics of maps.

    Parameters
    ----------
    classifier, images, relevance, target, seed, device
        As for `rcx.evaluate.insertion_deletion`.

    Returns
    -------
    dict of str to Tensor
        ``(N,)`` by the name of the metric, those of `METRICS` that a map has.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other.
    """
    flipped = insertion_deletion(classifier, images, relevance, target, seed=seed, device=device)
    filled = road(classifier, images, relevance, target, seed=seed, device=device)
    fidelity = mu_fidelity(classifier, images, relevance, target, seed=seed, device=device)
    return {
        "insertion": flipped.insertion,
        "early insertion": flipped.early_insertion,
        "deletion": flipped.deletion,
        "insertion - deletion": flipped.difference,
        "ROAD": filled.difference,
        "fidelity": fidelity,
    }


@isolated()
@torch.no_grad()
def explanation_scores(
    explainer: Explainer, images: Tensor, explanation: Explanation, *, seed: Seed = 0
) -> dict[str, Tensor]:
    """Measure explanations by all metrics, those of maps and those of masks.

    Parameters
    ----------
    explainer : Explainer
        The method that made the explanations.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    explanation : Explanation
        The explanations of these images.
    seed : int or sequence of int
        As for `map_scores`.

    Returns
    -------
    dict of str to Tensor
        ``(N,)`` by the name of the metric. An empty mask has NaN, or infinity, in the metrics that
        divide by what it keeps.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other, or a classifier whose answer is not softmax.
    """
    if explainer.classifier.answer != "softmax":
        raise ValueError(
            "conciseness is about class probabilities: the classifier's answer must be softmax"
        )
    device, mask = explainer.device, explanation.mask
    representation = explainer.representation(images.shape[-2:])
    relevance = explainer.relevance(representation, images.float().cpu(), mask)[:, 0]
    scores = map_scores(
        explainer.classifier, images, relevance, explanation.target, seed=seed, device=device
    )
    pixels = images.to(device)
    conciseness = conciseness_preciseness(
        inference_copy(explainer.classifier, device, pixels),
        representation,
        pixels,
        mask.to(device),
        explanation.target.to(device),
        explanation.probability_after,
    )
    scores |= {f"CP, {name}": values.cpu() for name, values in conciseness.items()}
    grey = kept_image(representation, pixels.mean(1, keepdim=True), mask.to(device))
    return {**scores, "invented edges": hallucination(grey, pixels).cpu()}
