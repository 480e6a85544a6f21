"""Images that are solved together, and their masks as explanations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.explain.explanation import Explanation
from rcx.representations.representation import Representation
from rcx.solver.loop import Progress, Watch
from rcx.solver.problem import Problem, Solution

# tells the seed of the noise that judges a mask from the seed of the noise that found it
_FRESH = 0x5EED

Draw = Callable[[Representation, Tensor, Tensor], Tensor]
"""Makes pictures ``(N, 1, H, W)`` of images ``(N, C, H, W)`` and their masks ``(N, K)``."""


@dataclass(frozen=True)
class Batch:
    """All images of a call, in groups that are solved together.

    Attributes
    ----------
    model : Classifier
        The classifier's inference copy.
    groups : tuple of Tensor
        ``(n, C, H, W)`` each.
    logits, targets : tuple of Tensor
        ``(n, classes)`` and ``(n,)`` for each group.
    noise : torch.Generator
        From whose state every group draws.
    settings : dict
        Of the explanations.
    """

    model: Classifier
    groups: tuple[Tensor, ...]
    logits: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    noise: torch.Generator
    settings: dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Images that are solved together.

    Attributes
    ----------
    problem : Problem
        Of the N images.
    images : Tensor
        ``(N, C, H, W)``.
    draw : callable
        Makes pictures of masks.
    evaluation_samples : int
        Fresh noise samples that judge a mask.
    class_names : sequence of str or None
        By class index.
    settings : dict
        Of the explanations.
    """

    problem: Problem
    images: Tensor
    draw: Draw
    evaluation_samples: int
    class_names: Sequence[str] | None
    settings: dict[str, Any]

    def select(self, rows: Tensor) -> Group:
        """The same for the images ``rows`` ``(n,)`` alone."""
        return replace(self, problem=self.problem.select(rows), images=self.images[rows])

    @torch.no_grad()
    def explanation(self, solution: Solution) -> Explanation:
        """Judge a solution of the problem by fresh noise, and draw it."""
        objective, noise = self.problem.objective, self.problem.noise
        # a generator of its own: this noise does not depend on how many steps were taken
        fresh = torch.Generator(noise.device).manual_seed(noise.initial_seed() ^ _FRESH)
        answer = objective.answer(solution.mask, objective.draw(self.evaluation_samples, fresh))
        target = objective.target
        predicted, after = objective.logits.argmax(1), answer.probabilities.argmax(1)
        rate = solution.mask.mean(1)
        classes = torch.cat((target, predicted, after)).unique().tolist()
        names = self.class_names or ()
        return Explanation(
            images=(255 * self.images).round().to(torch.uint8).cpu(),
            picture=self.draw(objective.representation, self.images, solution.mask).cpu(),
            mask=solution.mask.cpu(),
            distortion=answer.distortion.cpu(),
            distortion_error=answer.spread.cpu(),
            nonsparsity=rate.cpu(),
            loss=(answer.distortion + solution.lambda_k * rate).cpu(),
            lambda_k=solution.lambda_k.cpu(),
            target=target.cpu(),
            predicted=predicted.cpu(),
            probability=objective.probability.cpu(),
            probability_after=answer.probabilities.gather(1, target[:, None]).squeeze(1).cpu(),
            predicted_after=after.cpu(),
            label_kept=(after == target).cpu(),
            converged=solution.converged,
            steps=solution.steps,
            residual=solution.residual.cpu(),
            history=solution.history,
            class_names={index: names[index] for index in classes if index < len(names)},
            settings=self.settings,
        )


class StepCounter:
    """Tells the steps of several solves as the steps of one work.

    Parameters
    ----------
    progress : callable or None
        Is told the steps that are done, and the most that there may be.
    planned : int
        The most steps, as far as is known from the start.
    """

    def __init__(self, progress: Progress | None, planned: int) -> None:
        self._progress, self._planned, self._before = progress, planned, 0

    def watch(self, steps: int) -> Watch | None:
        """For the next solve, which takes at most so many steps."""
        before, self._before = self._before, self._before + steps
        self._planned = planned = max(self._planned, self._before)
        progress = self._progress
        return progress and (lambda step, _: progress(before + step, planned))
