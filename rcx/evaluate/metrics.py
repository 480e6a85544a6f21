"""The field's metrics of relevance maps: insertion and deletion, ROAD, and fidelity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import Target, checked_targets
from rcx.evaluate.imputation import imputed
from rcx.evaluate.rankings import Seed, generator_of, image_seeds, ranks
from rcx.images.checks import checked_images
from rcx.representations.pixels import Pixels
from rcx.solver.noise import make_noise
from rcx.system.isolation import isolated

_BATCH = 16  # images in one pass through the network
_FEWEST_STEPS = 10  # of insertion and deletion
_EARLY = 0.1  # share of the pixels for the early insertion


class InsertionDeletion(NamedTuple):
    """Areas under the class's probability while pixels come or go, see `insertion_deletion`.

    Attributes
    ----------
    insertion, deletion : Tensor
        ``(N,)``. Of probabilities, both are in [0, 1]. A large insertion and a small deletion are
        good.
    early_insertion : Tensor
        ``(N,)``, the mean over the first tenth of the pixels alone, in the range of ``insertion``.
    """

    insertion: Tensor
    deletion: Tensor
    early_insertion: Tensor

    @property
    def difference(self) -> Tensor:
        """Insertion minus deletion, ``(N,)`` in [-1, 1]; 0 on average for a random order."""
        return self.insertion - self.deletion


class Road(NamedTuple):
    """Mean probabilities of the class where pixels are taken out and filled in, see `road`.

    Attributes
    ----------
    most_relevant_first, least_relevant_first : Tensor
        ``(N,)`` in [0, 1].
    """

    most_relevant_first: Tensor
    least_relevant_first: Tensor

    @property
    def difference(self) -> Tensor:
        """Least minus most relevant first, ``(N,)`` in [-1, 1]; larger is better."""
        return self.least_relevant_first - self.most_relevant_first


Scores = Callable[[int, Tensor], Tensor]
"""A function that scores images ``(n, C, H, W)`` for the class of the image of a number."""


@isolated()
def insertion_deletion(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    relevance: Tensor,
    target: Target = None,
    *,
    steps: int = 50,
    seed: Seed = 0,
    device: str | torch.device | None = "auto",
) -> InsertionDeletion:
    """Measure how soon the class comes with the most relevant pixels, and goes without them [1]_.

    For the insertion, pixels replace those of the blurred image, and for the deletion black ones
    replace those of the image, from the most relevant to the least. The score is the area under the
    class's probability, by the trapezoidal rule, over the share of the pixels.

    Parameters
    ----------
    classifier, images, target, device
        As for `rcx.evaluate.attribution`.
    relevance : Tensor
        ``(N, H, W)``, such as an explanation's relevance or a map of another method.
    steps : int
        Number of equal steps from no pixel to all of them, at least 10.
    seed : int or sequence of int
        Seed that decides between equal pixels, see `rcx.evaluate.image_seeds`.

    Returns
    -------
    InsertionDeletion
        One value per image.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other.

    References
    ----------
    .. [1] V. Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models",
       BMVC 2018, Section 4.2.
    """
    if steps < _FEWEST_STEPS:
        raise ValueError(f"steps must be at least {_FEWEST_STEPS}, got {steps!r}")
    images, orders, scores = _prepared(classifier, images, relevance, target, seed, device)
    pixels = Pixels(images.shape[-2:])
    blurred = make_noise("blur", pixels, images, pixels.analyse(images)).mean.view_as(images)
    counts = torch.linspace(0, orders.shape[1], steps + 1, device=images.device).round()
    shares = counts / orders.shape[1]
    early = shares <= _EARLY + torch.finfo(shares.dtype).eps
    areas = []
    for row, (image, soft, order) in enumerate(zip(images, blurred, orders, strict=True)):
        first = (order < counts[:, None]).view(-1, 1, *image.shape[-2:])
        inserted = torch.where(first, image, soft)
        deleted = torch.where(first, torch.zeros_like(image), image)
        insertion, deletion = scores(row, inserted), scores(row, deleted)
        first_area = torch.trapezoid(insertion[early], shares[early]) / shares[early][-1]
        areas += [torch.trapezoid(insertion, shares), torch.trapezoid(deletion, shares), first_area]
    return InsertionDeletion(*torch.stack(areas).view(-1, 3).T.cpu())


@isolated()
def road(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    relevance: Tensor,
    target: Target = None,
    *,
    percent: Sequence[float] = (10, 30, 50, 70, 90),
    seed: Seed = 0,
    device: str | torch.device | None = "auto",
) -> Road:
    """Measure what is left of the class where pixels are taken out and filled in [1]_.

    A pixel that is black tells that it was taken out. ROAD fills it in from its neighbours, see
    `rcx.evaluate.imputed`. The score is the mean probability of the class over the percentages.

    Parameters
    ----------
    classifier, images, relevance, target, seed, device
        As for `insertion_deletion`.
    percent : sequence of float
        Percentages of the pixels that are taken out, in (0, 100).

    Returns
    -------
    Road
        One value per image.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other.

    References
    ----------
    .. [1] Y. Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
       ICML 2022.
    """
    if not percent or not all(0 < share < 100 for share in percent):
        raise ValueError(f"percent must be numbers between 0 and 100, got {tuple(percent)}")
    images, orders, scores = _prepared(classifier, images, relevance, target, seed, device)
    length = orders.shape[1]
    means = []
    for row, (image, order) in enumerate(zip(images, orders, strict=True)):
        for ranking in (order, length - 1 - order):
            gone = [
                (ranking < round(length * share / 100)).view(image.shape[-2:]) for share in percent
            ]
            filled = torch.stack([imputed(image, removed) for removed in gone])
            means.append(scores(row, filled).mean())
    return Road(*torch.stack(means).view(-1, 2).T.cpu())


@isolated()
def mu_fidelity(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    relevance: Tensor,
    target: Target = None,
    *,
    subsets: int = 128,
    share: float = 0.2,
    cells: int = 9,
    seed: Seed = 0,
    device: str | torch.device | None = "auto",
) -> Tensor:
    """Correlate the relevance of regions with what the class loses without them [1]_.

    Regions are random sets of the cells of a grid. A region that is left out gets the image's mean
    colour.

    Parameters
    ----------
    classifier, images, relevance, target, device
        As for `insertion_deletion`.
    subsets : int
        Number of random regions, at least 2.
    share : float
        Share of the cells in a region, in (0, 1).
    cells : int
        Number of the grid's cells along each side.
    seed : int or sequence of int
        Seed of the regions, see `rcx.evaluate.image_seeds`.

    Returns
    -------
    Tensor
        ``(N,)`` in [-1, 1], Pearson correlations; larger is better. NaN where all regions have the
        same relevance or lose the same.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other.

    References
    ----------
    .. [1] U. Bhatt et al., "Evaluating and Aggregating Feature-based Model Explanations", IJCAI
       2020, Definition 3.
    """
    if subsets < 2 or not 0 < share < 1:
        raise ValueError(
            f"mu_fidelity needs at least 2 subsets and a share in (0, 1), got {subsets} and {share}"
        )
    seeds = image_seeds(seed, len(images))
    maps = relevance
    images, _, scores = _prepared(classifier, images, relevance, target, seed, device)
    correlations = []
    for row, image in enumerate(images):
        draws = torch.rand(subsets, cells**2, generator=generator_of(seeds[row], "regions"))
        chosen = (draws.argsort(1).argsort(1) < max(1, round(share * cells**2))).float()
        regions = interpolate(
            chosen.view(-1, 1, cells, cells), size=image.shape[-2:], mode="nearest"
        ).to(image)
        colour = image.mean((1, 2), keepdim=True)
        lost = scores(row, image[None])[0] - scores(row, torch.lerp(image, colour, regions))
        sums = (regions[:, 0] * maps[row].to(image)).sum((1, 2))
        correlations.append(torch.corrcoef(torch.stack((sums, lost)).double())[0, 1])
    return torch.stack(correlations).float().cpu()


def _prepared(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    relevance: Tensor,
    target: Target,
    seed: Seed,
    device: str | torch.device | None,
) -> tuple[Tensor, Tensor, Scores]:
    """Return the images, ranks ``(N, H * W)`` from 0 for the most relevant, and their scores."""
    hardware = usable_device(device)
    images = checked_images(images).to(hardware)
    if relevance.shape != (len(images), *images.shape[-2:]):
        raise ValueError(
            f"relevance must have the shape {(len(images), *images.shape[-2:])}, got "
            f"{tuple(relevance.shape)}"
        )
    model = inference_copy(load_classifier(classifier), hardware, images)
    model.to(memory_format=torch.channels_last)
    with torch.no_grad():
        logits = torch.cat([checked_logits(model, part) for part in torch.split(images, _BATCH)])
    targets = checked_targets(target, logits, model)
    orders = torch.stack(
        [
            ranks(values.flatten().to(hardware), generator_of(image_seed, "ties"))
            for values, image_seed in zip(relevance, image_seeds(seed, len(images)), strict=True)
        ]
    )

    @torch.no_grad()
    def scores(row: int, frames: Tensor) -> Tensor:
        parts = [model.meaning.scores(model(part)) for part in torch.split(frames, _BATCH)]
        return torch.cat(parts)[:, targets[row]]

    return images, orders, scores
