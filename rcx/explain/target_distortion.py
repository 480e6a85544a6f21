"""Each image's own lambda: the one at which its distortion is as large as wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from rcx.explain.explanation import Explanation
from rcx.explain.group import Group, StepCounter
from rcx.solver.loop import solve
from rcx.solver.problem import Solution
from rcx.solver.settings import SolverSettings

# a target is at most this many continued solves away, and met within this, relatively
_CORRECTIONS, _TOLERANCE = 8, 0.1


def reach_distortion(
    group: Group, solution: Solution, solver: SolverSettings, target: float, counter: StepCounter
) -> Explanation:
    """Change lambda, from the one of a first solution, until the distortion is as wanted.

    Parameters
    ----------
    group : Group
        Of N images.
    solution : Solution
        Of the group's problem.
    solver : SolverSettings
        By which it was found; shorter ones go on from it.
    target : float
        Distortion that is wanted, within a tenth.
    counter : StepCounter
        Counts the steps that this takes.

    Returns
    -------
    Explanation
        For each image, the one nearest to the target of all that were tried.
    """
    short = solver.warm()
    explanation = group.explanation(solution)
    closest, numbers = list(explanation), list(range(len(explanation)))
    for _ in range(_CORRECTIONS):
        miss = _miss(explanation, target)
        rows = (miss.abs() >= _TOLERANCE).nonzero().squeeze(1)
        if not len(rows):
            break
        group, solution = group.select(rows), solution.select(rows)
        numbers = [numbers[row] for row in rows.tolist()]
        # distortion grows about as lambda does
        factor = (-miss[rows].clamp(-1, 1)).exp().to(solution.lambda_k)
        problem = group.problem.continued(solution, solution.lambda_k * factor)
        solution = solve(problem, short, counter.watch(short.steps))
        explanation = group.explanation(solution)
        for number, found in zip(numbers, explanation, strict=True):
            if bool(_miss(found, target).abs() < _miss(closest[number], target).abs()):
                closest[number] = found
    return Explanation.cat(closest)


def _miss(explanation: Explanation, target: float) -> Tensor:
    """Logarithm of how many times the target the distortion is ``(N,)``."""
    return torch.log((explanation.distortion / target).clamp_min(1e-6))
