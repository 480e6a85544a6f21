"""The search for each image's own lambda, at which its distortion has a given size."""

from __future__ import annotations

import torch
from torch import Tensor

from rcx.explain.explanation import Explanation
from rcx.explain.group import Group, StepCounter
from rcx.explain.lambda_path import continued_settings
from rcx.solver.loop import solve
from rcx.solver.problem import Solution
from rcx.solver.settings import SolverSettings

_CORRECTIONS = 8  # largest number of changes of lambda
_TOLERANCE = 0.1  # accepted relative error of the distortion


def reach_distortion(
    group: Group, solution: Solution, solver: SolverSettings, target: float, counter: StepCounter
) -> Explanation:
    """Change each image's lambda until its distortion is within a tenth of the target.

    Parameters
    ----------
    group : Group
        The group of N images.
    solution : Solution
        A solution of the group's problem.
    solver : SolverSettings
        The settings of that solution. The solves that continue it take fewer steps.
    target : float
        The distortion to reach, positive.
    counter : StepCounter
        Reports the progress.

    Returns
    -------
    Explanation
        For each image, the explanation whose distortion was nearest to the target.
    """
    short = continued_settings(solver)
    explanation = group.explanation(solution)
    closest, numbers = list(explanation), list(range(len(explanation)))
    for _ in range(_CORRECTIONS):
        miss = _miss(explanation, target)
        rows = (miss.abs() >= _TOLERANCE).nonzero().squeeze(1)
        if not len(rows):
            break
        group, solution = group.select(rows), solution.select(rows)
        numbers = [numbers[row] for row in rows.tolist()]
        # The distortion is about proportional to lambda.
        factor = (-miss[rows].clamp(-1, 1)).exp().to(solution.lambda_k)
        problem = group.problem.continued(solution, solution.lambda_k * factor)
        solution = solve(problem, short, counter.watch(short.steps))
        explanation = group.explanation(solution)
        for number, candidate in zip(numbers, explanation, strict=True):
            if bool(_miss(candidate, target).abs() < _miss(closest[number], target).abs()):
                closest[number] = candidate
    return Explanation.cat(closest)


def _miss(explanation: Explanation, target: float) -> Tensor:
    """Logarithm ``(N,)`` of the ratio of the distortion to the target."""
    return torch.log((explanation.distortion / target).clamp_min(1e-6))
