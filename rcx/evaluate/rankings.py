"""Rankings: orders of coefficients, made from explanations, from maps or at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.representations.representation import Representation
from rcx.system.isolation import isolated

Seed = int | Sequence[int]
"""One seed for a batch, or one for each image, see `rcx.evaluate.image_seeds`."""

_STREAMS = {"order": 0, "ties": 1, "noise": 2, "regions": 3}


@dataclass(frozen=True)
class Ranking:
    """An order in which the coefficients of N images are kept or randomised.

    Attributes
    ----------
    representation : Representation
        The representation whose coefficients are ordered.
    relevance : Tensor
        ``(N, K)``, or ``(N, H, W)`` for pixels. A larger value is more relevant; only the order
        counts.
    clamped_as_published : bool
        Whether the published evaluation clamps the images of this series, as it does for CartoonX
        only.

    Raises
    ------
    ValueError
        If the relevance does not fit the representation, or has NaN.
    """

    representation: Representation
    relevance: Tensor
    clamped_as_published: bool = False

    def __post_init__(self) -> None:
        length, size = self.representation.length, self.representation.size
        relevance = self.relevance.detach()
        if relevance.shape[1:] == size and length == size[0] * size[1]:
            relevance = relevance.flatten(1)
        if relevance.ndim != 2 or relevance.shape[1] != length:
            raise ValueError(
                f"relevance for {self.representation} must have the shape (N, {length}), "
                f"got {tuple(self.relevance.shape)}"
            )
        if relevance.isnan().any():
            raise ValueError("relevance has NaN, which cannot be ordered")
        object.__setattr__(self, "relevance", relevance)

    def __len__(self) -> int:
        return len(self.relevance)

    @classmethod
    def of(cls, explainer: Explainer, explanation: Explanation) -> Ranking:
        """Order the coefficients by an explanation's mask."""
        representation = explainer.representation(explanation.picture.shape[-2:])
        return cls(representation, explanation.mask, explainer.method == "CartoonX")

    @classmethod
    @isolated()
    def at_random(cls, representation: Representation, images: int, seed: Seed = 0) -> Ranking:
        """Draw a random order for each of a number of images."""
        rows = [
            torch.rand(
                representation.length,
                generator=generator_of(image_seed, "order"),
                dtype=torch.float32,
            )
            for image_seed in image_seeds(seed, images)
        ]
        return cls(representation, torch.stack(rows))


def ranks(relevance: Tensor, generator: torch.Generator) -> Tensor:
    """Rank K coefficients by falling relevance, with ties broken at random.

    Parameters
    ----------
    relevance : Tensor
        ``(K,)``.
    generator : torch.Generator
        Source of the random numbers that break ties.

    Returns
    -------
    Tensor
        ``(K,)`` int64, a permutation: 0 for the most relevant.
    """
    shuffled = torch.randperm(len(relevance), generator=generator).to(relevance.device)
    order = shuffled[relevance[shuffled].argsort(descending=True, stable=True)]
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))


def image_seeds(seed: Seed, images: int) -> list[int]:
    """Make one seed for each image from the seed of the batch, or check the seeds that are given.

    The curve of one image can then be computed again alone: ``seed=image_seeds(0, 100)[7:8]`` is
    the seed of the eighth of a hundred images.

    Parameters
    ----------
    seed : int or sequence of int
        Seed of the batch, at least 0; or one seed for each image.
    images : int
        Number of images.

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If the seed is negative, or there are not as many seeds as images.
    """
    if isinstance(seed, int):
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        states = np.random.SeedSequence(seed).generate_state(images, np.uint32)
        return [int(state) for state in states]
    seeds = [int(image_seed) for image_seed in seed]
    if len(seeds) != images:
        raise ValueError(f"{len(seeds)} seeds do not fit {images} images")
    return seeds


def generator_of(
    seed: int, stream: Literal["order", "ties", "noise", "regions"]
) -> torch.Generator:
    """Make an independent source of random numbers for each use of a seed.

    A random order must not depend on the noise that is drawn with the same seed.
    """
    (state,) = np.random.SeedSequence((seed, _STREAMS[stream])).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state) >> 1)
