"""The steps of the optimisation: one solver for every representation and every start."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rcx.solver.moments import Moments
from rcx.solver.overshoot import Overshoot
from rcx.solver.problem import Problem, Solution
from rcx.solver.settings import SolverSettings

Progress = Callable[[int, int], None]
"""Is told the steps that are done and the most that there may be."""

Watch = Callable[[int, Tensor], None]
"""Is told the steps that are done and shown the masks ``(N, K)``, which the next step changes."""


def solve(problem: Problem, settings: SolverSettings, watch: Watch | None = None) -> Solution:
    """Minimise distortion plus ``lambda_k`` times the mean mask entry, for each image, once.

    Parameters
    ----------
    problem : Problem
        Of N images; comes back as it was.
    settings : SolverSettings
        Steps, samples, step sizes.
    watch : callable, optional
        Called after each step.

    Returns
    -------
    Solution
        One row per image.

    References
    ----------
    CartoonX, ECCV 2022, Algorithm 1, with the projection of the authors' code.
    """
    objective, lambda_k, noise = problem.objective, problem.lambda_k, problem.noise.clone_state()
    mask = problem.start.detach().clone()
    moments = Moments(
        mask,
        memories=(settings.momentum, settings.memory),
        before=problem.momentum and problem.momentum.at(lambda_k),
    )
    overshoot = _overshoot(problem, settings)
    rows = torch.arange(len(mask), device=mask.device)
    steps = torch.zeros(len(mask), dtype=torch.int64)
    history: list[Tensor] = []
    for step in range(settings.steps):
        current, weight = mask[rows], lambda_k[rows]
        fields = objective.draw(settings.samples_at(step), noise)
        distortion, slope = objective.gradient(current, fields, rows)
        unit = weight[:, None] / mask.shape[1]
        gradient = slope / unit + 1
        share = settings.excess(step)
        surcharge = None
        if overshoot and share:
            surcharge = overshoot.surcharge(distortion, rows, share)[:, None]
        direction = moments.update(current, gradient, rows, 1e-8 / unit, surcharge)
        stride = settings.step_size(step) * current.clamp_min(settings.reach)
        mask[rows] = (current - stride * direction).clamp_(0, 1)
        steps[rows.cpu()] += 1

        record = torch.full((4, len(mask)), torch.nan, dtype=mask.dtype, device=mask.device)
        rate = current.mean(1)
        loss = distortion + weight * rate
        record[:, rows] = torch.stack((distortion, rate, loss, moments.residual[rows]))
        history.append(record)
        if watch is not None:
            watch(step + 1, mask)
        if settings.stop_early:
            rows = rows[~moments.settled(settings.tolerance)[rows]]
            if not len(rows):
                break
    curves = torch.stack(history, -1).cpu() if history else torch.empty(4, len(mask), 0)
    names = ("distortion", "nonsparsity", "loss", "residual")
    return Solution(
        mask,
        lambda_k,
        steps,
        moments.settled(settings.tolerance).cpu(),
        moments.residual,
        moments.momentum(lambda_k, steps.to(mask.device)),
        dict(zip(names, curves, strict=True)),
    )


def _overshoot(problem: Problem, settings: SolverSettings) -> Overshoot | None:
    """The overshoot of lambda, sized by the noise that the first steps will meet."""
    if settings.overshoot == 1 or not settings.steps:
        return None
    objective = problem.objective
    fields = objective.draw(settings.samples, problem.noise.clone_state())
    whole, empty = objective.ends(fields)
    return Overshoot(
        problem.lambda_k,
        whole,
        empty,
        most=settings.overshoot,
        limit=settings.overshoot_limit,
        leeway=settings.leeway,
    )
