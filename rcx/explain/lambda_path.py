"""Solutions for several lambdas, each continued from that of a neighbouring lambda."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from rcx.explain.group import StepCounter
from rcx.solver.loop import solve
from rcx.solver.problem import Problem, Solution
from rcx.solver.settings import SolverSettings

# An answer is lost where a mask has this share of the empty mask's distortion, as judged by so
# many noise samples.
_LOST_SHARE = 0.5
_SAMPLES = 32


class _Move(NamedTuple):
    """A solve that starts at the solution of a neighbouring lambda.

    Attributes
    ----------
    start, end : int
        Positions of the neighbour and of the lambda itself, among the rising lambdas.
    settings : SolverSettings
        The settings of the solve.
    """

    start: int
    end: int
    settings: SolverSettings


def continued_settings(solver: SolverSettings, factor: float = 2.0) -> SolverSettings:
    """Shorten a schedule for a solve that continues the solution of another lambda.

    Parameters
    ----------
    solver : SolverSettings
        The settings of the first solve.
    factor : float
        The new lambda as a multiple of the other one, positive.

    Returns
    -------
    SolverSettings
        A seventh of the steps for each doubling of lambda or a fifth for each halving, counted as
        at least one and at most four of these. Halvings take more, because entries return more
        slowly than they go. All steps are taken, because the residual means little after so few.
    """
    doublings = min(4.0, max(1.0, abs(math.log2(factor))))
    changes = {
        "steps": max(1, int(solver.steps * doublings) // (7 if factor >= 1 else 5)),
        "early_share": 0.0,
        "decay_share": 1.0 if solver.decay_share else 0.0,
        "overshoot": 1.0,
        "tolerance": 0.0,
    }
    return solver.model_copy(update=changes)


def middle_of(rising: Sequence[float]) -> int:
    """Position of the lambda that a path begins with: the middle, or the smaller of two."""
    return (len(rising) - 1) // 2


def _moves(rising: Sequence[float], solver: SolverSettings) -> list[_Move]:
    """List all moves in their order: from the middle lambda upwards, then downwards.

    A path from the smallest lambda would keep too much, because its solution keeps much that does
    not matter. A path from the largest lambda could begin with an empty mask.
    """
    middle = middle_of(rising)
    pairs = [(end - 1, end) for end in range(middle + 1, len(rising))]
    pairs += [(end + 1, end) for end in range(middle - 1, -1, -1)]
    return [
        _Move(start, end, continued_settings(solver, rising[end] / rising[start]))
        for start, end in pairs
    ]


def path_steps(rising: Sequence[float], solver: SolverSettings) -> int:
    """Largest number of steps that a path over rising lambdas takes if it loses no answer."""
    return solver.steps + sum(move.settings.steps for move in _moves(rising, solver))


def solve_path(
    problem: Problem, rising: Sequence[float], solver: SolverSettings, counter: StepCounter
) -> list[Solution]:
    """Solve a problem for the middle lambda, and from there for all others.

    A mask changes little from one lambda to the next, so that a part of the schedule is enough.
    On the way down, images whose answer the larger lambda has lost start anew with the whole
    schedule, because no gradient leads back from there.

    Parameters
    ----------
    problem : Problem
        The problem for the middle lambda.
    rising : sequence of float
        All lambdas, in rising order.
    solver : SolverSettings
        The settings for the middle lambda. The others take fewer steps, see `continued_settings`.
    counter : StepCounter
        Reports the progress.

    Returns
    -------
    list of Solution
        One for each lambda, in rising order.
    """
    solutions = {middle_of(rising): solve(problem, solver, counter.watch(solver.steps))}
    for start, end, short in _moves(rising, solver):
        lambda_k = torch.full_like(problem.lambda_k, rising[end])
        continuation = problem.continued(solutions[start], lambda_k)
        if end > start:  # what a smaller lambda has lost, a larger one loses too
            solutions[end] = solve(continuation, short, counter.watch(short.steps))
            continue
        lost = _lost(problem, solutions[start])
        anew = replace(problem, lambda_k=lambda_k)
        parts, order = [], []
        for part, settings, chosen in ((continuation, short, ~lost), (anew, solver, lost)):
            rows = chosen.nonzero().squeeze(1)
            if len(rows):
                watch = counter.watch(settings.steps)
                parts.append(solve(part.select(rows), settings, watch))
                order.append(rows)
        solutions[end] = Solution.cat(parts).select(torch.cat(order).argsort())
    return [solutions[index] for index in range(len(rising))]


def _lost(problem: Problem, solution: Solution) -> Tensor:
    """Find the images ``(N,)`` whose masks lose half of what the empty masks lose, or more."""
    objective = problem.objective
    fields = objective.draw(_SAMPLES, problem.noise.clone_state())
    whole, empty = objective.ends(fields)
    distortion = objective.answer(solution.mask, fields).distortion
    return distortion - whole >= _LOST_SHARE * (empty - whole)
