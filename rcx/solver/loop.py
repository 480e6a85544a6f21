"""The steps of the optimisation: one solver for every representation and every start."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rcx.solver.moments import CONVERGED, Moments
from rcx.solver.problem import Problem, Solution
from rcx.solver.room import Room
from rcx.solver.settings import SolverSettings

Progress = Callable[[int, int], None]
"""A function that is called with the number of steps done and the largest number of steps."""

Watch = Callable[[int, Tensor], None]
"""A function that is called with the number of steps done and the masks ``(N, K)``.

The next step changes these masks in place."""


def solve(problem: Problem, settings: SolverSettings, watch: Watch | None = None) -> Solution:
    """Minimise distortion plus ``lambda_k`` times the mean mask entry, once for each image.

    If the objective has a spatial penalty, that is added.

    Parameters
    ----------
    problem : Problem
        The problem for N images. It is not changed.
    settings : SolverSettings
        Steps, samples and step sizes.
    watch : callable, optional
        Called after each step with the number of steps done and the masks ``(N, K)``, which the
        next step changes in place.

    Returns
    -------
    Solution
        One row per image.

    Raises
    ------
    rcx.classifiers.ClassifierError
        If the classifier returns NaN or infinite logits for an obfuscation.

    References
    ----------
    CartoonX, ECCV 2022, Algorithm 1, with the projection of the authors' code.
    """
    objective, lambda_k, noise = problem.objective, problem.lambda_k, problem.noise.clone_state()
    mask = problem.start.detach().clone()
    moments = Moments(
        mask,
        memory=settings.memory,
        before=problem.momentum and problem.momentum.at(lambda_k),
    )
    room, ones = _room(problem, settings), torch.ones_like(lambda_k)
    rows = torch.arange(len(mask), device=mask.device)
    steps = torch.zeros(len(mask), dtype=torch.int64)
    history: list[Tensor] = []
    for step in range(settings.steps):
        current, weight = mask[rows], lambda_k[rows]
        fields = objective.draw(settings.samples, noise)
        distortion, slope = objective.gradient(current, fields, rows)
        penalty = torch.zeros_like(distortion)
        if objective.spatial_penalty:
            penalty, pull = objective.penalty(current, rows)
            slope = slope + pull
        unit = weight[:, None] / mask.shape[1]
        gradient = slope / unit + 1
        for_steps, for_lambda = room.left(distortion, rows) if room else (ones[rows], ones[rows])
        surcharge = settings.surcharge(step)
        direction = moments.update(
            current,
            gradient,
            rows,
            1e-8 / unit,
            surcharge * for_lambda[:, None] if surcharge else None,
        )
        sizes = settings.step_sizes(step, for_steps)[:, None]
        moves = sizes * settings.strides(step, current) * direction
        mask[rows] = (current - moves).clamp_(0, 1)
        steps[rows.cpu()] += 1

        record = torch.full((4, len(mask)), torch.nan, dtype=mask.dtype, device=mask.device)
        rate = current.mean(1)
        loss = distortion + weight * rate + penalty
        record[:, rows] = torch.stack((distortion, rate, loss, moments.residual[rows]))
        history.append(record)
        if watch is not None:
            watch(step + 1, mask)
        if settings.tolerance:
            rows = rows[~moments.settled(settings.tolerance)[rows]]
            if not len(rows):
                break
    curves = torch.stack(history, -1).cpu() if history else torch.empty(4, len(mask), 0)
    names = ("distortion", "nonsparsity", "loss", "residual")
    return Solution(
        mask,
        lambda_k,
        steps,
        moments.settled(settings.tolerance or CONVERGED).cpu(),
        moments.residual,
        moments.momentum(lambda_k, steps.to(mask.device)),
        dict(zip(names, curves, strict=True)),
    )


def _room(problem: Problem, settings: SolverSettings) -> Room | None:
    """Measure the images' room with the noise of the first steps. Only an overshoot asks for it."""
    if settings.overshoot == 1 or not settings.steps:
        return None
    objective = problem.objective
    fields = objective.draw(settings.samples, problem.noise.clone_state())
    whole, empty = objective.ends(fields)
    return Room(problem.lambda_k, whole, empty)
