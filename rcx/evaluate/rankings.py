"""Rankings: orders of coefficients, from explanations, from maps or at random; ties by a seed."""

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

Seed = int | Sequence[int]

_STREAMS = {"order": 0, "ties": 1, "noise": 2}


@dataclass(frozen=True)
class Ranking:
    """An order in which the coefficients of N images are kept or randomised.

    Attributes
    ----------
    representation : Representation
        What the relevance is a relevance of.
    relevance : Tensor
        ``(N, K)``, or ``(N, H, W)`` for pixels; larger is more relevant, and only the order counts.
    clamped_as_published : bool
        Whether the published evaluation clamps this series, as it does for CartoonX only.
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
            raise ValueError("relevance has NaN, which has no place in an order")
        object.__setattr__(self, "relevance", relevance)

    def __len__(self) -> int:
        return len(self.relevance)

    @classmethod
    def of(cls, explainer: Explainer, explanation: Explanation) -> Ranking:
        """Order of an explanation's mask."""
        representation = explainer.representation(explanation.picture.shape[-2:])
        return cls(representation, explanation.mask, explainer.method == "CartoonX")

    @classmethod
    def at_random(cls, representation: Representation, images: int, seed: Seed = 0) -> Ranking:
        """Another random order for each image."""
        rows = [
            torch.rand(representation.length, generator=generator_of(number, "order"))
            for number in image_seeds(seed, images)
        ]
        return cls(representation, torch.stack(rows))


def ranks(relevance: Tensor, generator: torch.Generator) -> Tensor:
    """Place of each of K coefficients in the order of falling relevance, ties broken at random.

    Parameters
    ----------
    relevance : Tensor
        ``(K,)``.
    generator : torch.Generator
        Decides between equals.

    Returns
    -------
    Tensor
        ``(K,)`` int64, a permutation: 0 for the most relevant.
    """
    shuffled = torch.randperm(len(relevance), generator=generator).to(relevance.device)
    order = shuffled[relevance[shuffled].argsort(descending=True, stable=True)]
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))


def image_seeds(seed: Seed, images: int) -> list[int]:
    """One seed for each image, from one for the batch or as they are given.

    With them, the curve of one image can be recomputed alone:
    ``seed=image_seeds(0, 100)[7:8]`` for the eighth of a hundred.
    """
    if isinstance(seed, int):
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        return np.random.SeedSequence(seed).generate_state(images, np.uint32).tolist()
    seeds = [int(number) for number in seed]
    if len(seeds) != images:
        raise ValueError(f"{len(seeds)} seeds do not fit {images} images")
    return seeds


def generator_of(seed: int, stream: Literal["order", "ties", "noise"]) -> torch.Generator:
    """Independent source for each use of a seed: a random order knows nothing of the noise."""
    (state,) = np.random.SeedSequence((seed, _STREAMS[stream])).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state) >> 1)
