"""A group of images as a problem for the solver, and its solution as an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rcx.explanation import Explanation
from rcx.objective import Objective
from rcx.own_lambda import rescued
from rcx.solver import Progress, Solution, SolverSettings, solve
from rcx.starts import AnyStart

# tells the seed of the noise that judges a mask from the seed of the noise that found it
_FRESH = 0x5EED


class Problem(NamedTuple):
    """A group of images, prepared for the solver.

    Attributes
    ----------
    objective : Objective
        Of N images.
    start : str, Tensor or StartNetwork
        Where to begin.
    generator : torch.Generator
        Source of all random draws.
    draw : callable
        Makes pictures ``(N, 1, H, W)`` of masks ``(N, K)``.
    evaluation_samples : int
        Fresh noise samples that judge a mask.
    settings : dict
        Of the explanations.
    """

    objective: Objective
    start: AnyStart
    generator: torch.Generator
    draw: Callable[[Tensor], Tensor]
    evaluation_samples: int
    settings: dict[str, Any]

    def explain(
        self, start: Tensor, lambda_k: Tensor, solver: SolverSettings, progress: Progress | None
    ) -> Explanation:
        """Solve for lambdas ``(N,)``, and once more, by the same noise, where a label is lost."""
        # one of its own, so that what follows does not depend on whether there is a second attempt
        same = torch.Generator(self.generator.device)
        same.set_state(self.generator.get_state())

        def attempt(settings: SolverSettings) -> Explanation:
            generator = self.generator if settings is solver else same
            return self._explanation(
                solve(self.objective, start, lambda_k, settings, generator, progress=progress)
            )

        return rescued(attempt, solver)

    @torch.no_grad()
    def _explanation(self, solution: Solution) -> Explanation:
        objective, generator = self.objective, self.generator
        # a generator of its own: the noise must not depend on how many steps were taken before
        fresh = torch.Generator(generator.device).manual_seed(generator.initial_seed() ^ _FRESH)
        answer = objective.answer(solution.mask, objective.draw(self.evaluation_samples, fresh))
        target = objective.target
        rate = solution.mask.mean(1)
        after = answer.probabilities.argmax(1)
        return Explanation(
            picture=self.draw(solution.mask).cpu(),
            mask=solution.mask.cpu(),
            distortion=answer.distortion.cpu(),
            distortion_error=answer.spread.cpu(),
            nonsparsity=rate.cpu(),
            loss=(answer.distortion + solution.lambda_k * rate).cpu(),
            lambda_k=solution.lambda_k.cpu(),
            target=target.cpu(),
            predicted=objective.logits.argmax(1).cpu(),
            probability=objective.probability.cpu(),
            probability_after=answer.probabilities.gather(1, target[:, None]).squeeze(1).cpu(),
            predicted_after=after.cpu(),
            label_kept=(after == target).cpu(),
            converged=solution.converged,
            steps=solution.steps,
            residual=solution.residual.cpu(),
            history=solution.history,
            settings=self.settings,
        )
