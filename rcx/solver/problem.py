"""What is solved, and what was found: two records that nothing changes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from rcx.solver.moments import Momentum
from rcx.solver.objective import Objective


@dataclass(frozen=True)
class Problem:
    """The search, for each of N images, for the mask of least distortion plus lambda times rate.

    Attributes
    ----------
    objective : Objective
        Of the N images.
    start : Tensor
        ``(N, K)`` in [0, 1], the masks that the steps begin with.
    lambda_k : Tensor
        ``(N,)``, positive.
    noise : torch.Generator
        Source of the noise, common to the images. Every solve draws from a copy, so that all
        solves of a problem meet the same noise.
    momentum : Momentum, optional
        Of an earlier solve that ended at ``start``, to continue with.
    """

    objective: Objective
    start: Tensor
    lambda_k: Tensor
    noise: torch.Generator
    momentum: Momentum | None = None

    def __len__(self) -> int:
        return len(self.start)

    def select(self, rows: Tensor) -> Problem:
        """The same problem for the images ``rows`` ``(n,)`` alone."""
        return replace(
            self,
            objective=self.objective.select(rows),
            start=self.start[rows],
            lambda_k=self.lambda_k[rows],
            momentum=self.momentum and self.momentum.select(rows),
        )

    def continued(self, solution: Solution, lambda_k: Tensor) -> Problem:
        """The problem for other lambdas ``(N,)``, from where a solution of it ended."""
        return replace(
            self,
            start=solution.mask,
            lambda_k=lambda_k.to(solution.mask),
            momentum=solution.momentum,
        )


@dataclass(frozen=True)
class Solution:
    """The masks that a solve of a problem ended with.

    Attributes
    ----------
    mask : Tensor
        ``(N, K)`` in [0, 1].
    lambda_k : Tensor
        ``(N,)``, the trade-off that was solved for.
    steps : Tensor
        ``(N,)`` int64, steps taken.
    converged : Tensor
        ``(N,)`` bool: the residual fell below the tolerance.
    residual : Tensor
        ``(N,)``, the last residual.
    momentum : Momentum
        With which the steps ended.
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"``, ``"residual"``, each ``(N, T)`` by step,
        NaN after an image has stopped.
    """

    mask: Tensor
    lambda_k: Tensor
    steps: Tensor
    converged: Tensor
    residual: Tensor
    momentum: Momentum
    history: dict[str, Tensor] = field(repr=False)

    def select(self, rows: Tensor) -> Solution:
        """The solution for the images ``rows`` ``(n,)`` alone."""
        tensors = {
            attribute.name: value[rows.to(value.device)]
            for attribute in fields(self)
            if isinstance(value := getattr(self, attribute.name), Tensor)
        }
        history = {name: curve[rows.cpu()] for name, curve in self.history.items()}
        return replace(self, **tensors, history=history, momentum=self.momentum.select(rows))
