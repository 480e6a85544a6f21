"""A group of images as a problem for the solver, and its solution as an explanation."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rcx.explanation import Explanation
from rcx.moments import Momentum
from rcx.objective import Objective
from rcx.own_lambda import affordable, kept_label, reach_distortion, regained, rescued
from rcx.solver import Progress, Solution, SolverSettings, solve
from rcx.starts import AnyStart, initial_mask

# tells the seed of the noise that judges a mask from the seed of the noise that found it
_FRESH = 0x5EED


@dataclass
class Problem:
    """A group of images, prepared for the solver.

    Attributes
    ----------
    objective : Objective
        Of N images.
    images : Tensor
        ``(N, C, H, W)``.
    start : str, Tensor or StartNetwork
        Where to begin.
    generator : torch.Generator
        Source of all random draws.
    noise : Tensor
        State of the generator at which every solve begins: an image's result must not depend on how
        many steps others of its batch took before.
    draw : callable
        Makes pictures ``(N, 1, H, W)`` of images and their masks ``(N, K)``.
    evaluation_samples : int
        Fresh noise samples that judge a mask.
    settings : dict
        Of the explanations.
    momentum : Momentum, optional
        With which the latest solve of each image ended.
    """

    objective: Objective
    images: Tensor
    start: AnyStart
    generator: torch.Generator
    noise: Tensor
    draw: Callable[[Tensor, Tensor], Tensor]
    evaluation_samples: int
    settings: dict[str, Any]
    momentum: Momentum | None = None

    def first_mask(self, lambda_k: Tensor) -> Tensor:
        """Masks ``(N, K)`` to begin with, for lambdas ``(N,)``; what they draw comes first."""
        mask = initial_mask(self.start, self.objective, self.generator, lambda_k)
        self.noise = self.generator.get_state()
        return mask

    def select(self, rows: Tensor) -> Problem:
        """The same for the images ``rows`` ``(n,)`` alone."""
        return replace(self, objective=self.objective.select(rows), images=self.images[rows])

    def explain(
        self,
        rows: Tensor,
        start: Tensor,
        lambda_k: Tensor,
        solver: SolverSettings,
        progress: Progress | None,
        *,
        go_on: bool = False,
    ) -> Explanation:
        """Solve the images ``rows`` ``(n,)``, and again, by the same noise, where a label is lost.

        From masks ``start`` ``(n, K)``, for lambdas ``(n,)``; with ``go_on``, with the momentum of
        the latest solve.
        """
        before = self.momentum.select(rows) if go_on and self.momentum else None

        def attempt(
            settings: SolverSettings, places: Tensor, latest: Explanation | None = None
        ) -> Explanation:
            chosen, known = rows[places], self.momentum
            some = self.select(chosen)
            self.generator.set_state(self.noise)
            mask, momentum, ease = start[places], before and before.select(places), 1.0
            if latest is not None:
                mask, momentum = latest.mask.to(start), known and known.select(chosen)
                ease = settings.ease
            found = solve(
                some.objective,
                mask,
                lambda_k[places] / ease,
                settings,
                self.generator,
                momentum=momentum,
                progress=progress,
            )
            self.momentum = known.replaced(chosen, found.momentum) if known else found.momentum
            if latest is not None:
                found = _gone_on(latest, replace(found, lambda_k=lambda_k[places]))
            return some._explanation(found)

        return rescued(attempt, len(rows), solver)

    def own_lambda(
        self,
        progress: Progress | None,
        *,
        lambda_k: float,
        solver: SolverSettings,
        keep_label: bool,
        target_distortion: float | None,
    ) -> list[Explanation]:
        """Solve for one lambda, or from there on for each image's own, see `rcx.own_lambda`."""
        given = torch.full((len(self.objective),), lambda_k)
        if keep_label:
            given = affordable(given, self.objective.probability.cpu())
        start = self.first_mask(given)
        if target_distortion is not None:  # whatever becomes of the label
            solver = solver.model_copy(update={"rescue": False})

        def attempt(rows: Tensor, lambda_k: Tensor, nearby: Tensor | None = None) -> Explanation:
            lambda_k = lambda_k.to(start)
            if nearby is None:
                return self.explain(rows, start[rows], lambda_k, solver, progress)
            mask = nearby.to(start)
            return self.explain(rows, mask, lambda_k, solver.warm(), progress, go_on=True)

        found = attempt(torch.arange(len(start)), given)
        if target_distortion is not None:
            return [reach_distortion(attempt, found, target_distortion)]
        return [kept_label(attempt, found) if keep_label else found]

    def path(
        self, progress: Progress | None, *, lambda_ks: Sequence[float], solver: SolverSettings
    ) -> list[Explanation]:
        """Solve for the middle one of rising lambdas, and from there on for its neighbours.

        From the smallest one on, too much would be kept: the smaller lambda, the less it tells
        from noise. From the largest one on, nothing might be left.
        """
        middle = len(lambda_ks) // 2
        whole = torch.arange(len(self.objective))
        start = self.first_mask(torch.full((len(whole),), lambda_ks[middle]))
        sides = (range(middle + 1, len(lambda_ks)), range(middle - 1, -1, -1))
        warm = {
            place: solver.warm(lambda_ks[place] / lambda_ks[place + (1 if place < middle else -1)])
            for place in itertools.chain(*sides)
        }
        most = solver.steps + sum(settings.steps for settings in warm.values())
        taken = 0

        def solved(value: float, mask: Tensor, settings: SolverSettings) -> Explanation:
            nonlocal taken
            self.settings = {**self.settings, "lambda_k": value}
            lambda_k = torch.full((len(mask),), value).to(mask)
            report, taken = _later(progress, taken, most), taken + settings.steps
            go_on = settings is not solver
            return self.explain(whole, mask, lambda_k, settings, report, go_on=go_on)

        def afresh(rows: Tensor, lambda_k: Tensor) -> Explanation:
            return self.explain(rows, start[rows], lambda_k.to(start), solver, progress)

        found = {middle: solved(lambda_ks[middle], start, solver)}
        momentum = self.momentum
        for side in sides:
            latest, self.momentum = found[middle], momentum
            for place in side:
                latest = solved(lambda_ks[place], latest.mask.to(start), warm[place])
                if place < middle:
                    latest = regained(afresh, latest)
                found[place] = latest
        return [found[place] for place in range(len(lambda_ks))]

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
            picture=self.draw(self.images, solution.mask).cpu(),
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


def _later(progress: Progress | None, before: int, most: int) -> Progress | None:
    """Report the steps of one solve as steps of a longer work, of which some came before."""
    return None if progress is None else lambda done, _: progress(before + done, most)


def _gone_on(latest: Explanation, found: Solution) -> Solution:
    """Steps that went on for another lambda, as the last ones of the whole way."""
    history = {
        name: torch.cat((latest.history[name], curve), 1) for name, curve in found.history.items()
    }
    rate = history["nonsparsity"] * found.lambda_k.cpu()[:, None]
    history["loss"] = history["distortion"] + rate
    # what is not a number comes last, as after any image's last step
    order = rate.isnan().int().argsort(dim=1, stable=True)
    history = {name: curve.gather(1, order) for name, curve in history.items()}
    nowhere = torch.zeros_like(found.converged)  # it is not the best mask for lambda itself
    return replace(found, history=history, steps=latest.steps + found.steps, converged=nowhere)
