"""Groups of images that are solved together, and how a solution becomes an explanation."""

from __future__ import annotations

import threading
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

# Changes the seed, so that the noise that judges a mask is not that of the solver.
_FRESH = 0x5EED

Draw = Callable[[Representation, Tensor, Tensor], Tensor]
"""A function that draws images ``(N, C, H, W)`` and their masks ``(N, K)``, as ``(N, 1, H, W)``."""


@dataclass(frozen=True)
class Batch:
    """All images of a call, in groups that are solved together.

    Attributes
    ----------
    model : Classifier
        The classifier's inference copy.
    groups : tuple of Tensor
        The images of each group, ``(n, C, H, W)``.
    logits : tuple of Tensor
        The classifier's answers to each group, ``(n, classes)``.
    targets : tuple of Tensor
        The explained classes of each group, ``(n,)``.
    noise : torch.Generator
        Source of the noise. Every group draws from a copy.
    settings : dict
        The settings that the explanations record.
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
        The problem of the N images.
    images : Tensor
        ``(N, C, H, W)``.
    draw : callable
        The function that draws masks.
    evaluation_samples : int
        Number of fresh noise samples by which a mask is judged.
    class_names : sequence of str or None
        Names of all classes, by index.
    settings : dict
        The settings that the explanations record.
    """

    problem: Problem
    images: Tensor
    draw: Draw
    evaluation_samples: int
    class_names: Sequence[str] | None
    settings: dict[str, Any]

    def select(self, rows: Tensor) -> Group:
        """Return the group of the images ``rows`` ``(n,)`` alone."""
        return replace(self, problem=self.problem.select(rows), images=self.images[rows])

    @torch.no_grad()
    def explanation(self, solution: Solution) -> Explanation:
        """Judge a solution of the problem with fresh noise, and draw it."""
        objective, noise = self.problem.objective, self.problem.noise
        # A new generator makes this noise independent of the number of steps taken.
        fresh = torch.Generator(noise.device).manual_seed(noise.initial_seed() ^ _FRESH)
        answer = objective.answer(solution.mask, objective.draw(self.evaluation_samples, fresh))
        target = objective.target
        predicted, after = objective.logits.argmax(1), answer.scores.argmax(1)
        rate = solution.mask.mean(1)
        loss = answer.distortion + solution.lambda_k * rate
        if objective.spatial_penalty:
            loss = loss + objective.penalty(solution.mask)[0]
        classes = {index for indices in (target, predicted, after) for index in indices.tolist()}
        names = self.class_names or ()
        return Explanation(
            images=(255 * self.images).round().to(torch.uint8).cpu(),
            picture=self.draw(objective.representation, self.images, solution.mask).cpu(),
            mask=solution.mask.cpu(),
            distortion=answer.distortion.cpu(),
            distortion_error=answer.distortion_error.cpu(),
            nonsparsity=rate.cpu(),
            loss=loss.cpu(),
            lambda_k=solution.lambda_k.cpu(),
            target=target.cpu(),
            predicted=predicted.cpu(),
            probability=objective.probability.cpu(),
            probability_after=answer.scores.gather(1, target[:, None]).squeeze(1).cpu(),
            predicted_after=after.cpu(),
            label_kept=objective.kept(answer.scores).cpu(),
            converged=solution.converged,
            steps=solution.steps,
            residual=solution.residual.cpu(),
            history=solution.history,
            class_names={index: names[index] for index in sorted(classes) if index < len(names)},
            settings=self.settings,
        )


def noise_source(generator: torch.Generator | None, seed: int) -> torch.Generator:
    """Return the source of a call's noise: a copy of the user's generator, or one from a seed.

    The user's generator moves on, so that the next call with it draws other noise.
    """
    if generator is None:
        return torch.Generator().manual_seed(seed)
    noise = generator.clone_state()
    torch.rand((), generator=generator, device=generator.device, dtype=torch.float32)
    return noise


class StepCounter:
    """Reports the steps of several solves, some of them side by side, as one piece of work.

    Parameters
    ----------
    progress : callable or None
        Called with the steps done and the largest number of steps.
    planned : int
        Largest number of steps, as far as it is known at first.
    """

    def __init__(self, progress: Progress | None, planned: int) -> None:
        self._progress, self._planned = progress, planned
        self._begun = self._done = 0
        self._lock = threading.Lock()

    def watch(self, steps: int) -> Watch | None:
        """Return what the next solve, of at most so many steps, is to call after each step."""
        progress = self._progress
        if progress is None:
            return None
        with self._lock:
            self._begun += steps
            self._planned = max(self._planned, self._begun)

        def advance(step: int, mask: Tensor) -> None:
            with self._lock:  # solves side by side report one at a time
                self._done += 1
                progress(self._done, self._planned)

        return advance
