"""The problem that the solver is given, and the solution that it returns; both are immutable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from rcx.solver.moments import Momentum
from rcx.solver.objective import Objective


@dataclass(frozen=True)
class Problem:
    """To find, for each of N images, the mask of least distortion plus lambda times rate.

    Attributes
    ----------
    objective : Objective
        The distortion of masks of the N images.
    start : Tensor
        ``(N, K)`` in [0, 1], the masks that the steps begin with.
    lambda_k : Tensor
        ``(N,)``, trade-offs, positive.
    noise : torch.Generator
        Source of the noise, common to the images. Every solve draws from a copy, so that all
        solves of a problem meet the same noise.
    momentum : Momentum, optional
        The momentum of an earlier solve that ended at ``start``, which the solve continues.
    """

    objective: Objective
    start: Tensor
    lambda_k: Tensor
    noise: torch.Generator
    momentum: Momentum | None = None

    def __len__(self) -> int:
        return len(self.start)

    def select(self, rows: Tensor) -> Problem:
        """Return the problem for the images ``rows`` ``(n,)`` alone."""
        return replace(
            self,
            objective=self.objective.select(rows),
            start=self.start[rows],
            lambda_k=self.lambda_k[rows],
            momentum=self.momentum and self.momentum.select(rows),
        )

    def continued(self, solution: Solution, lambda_k: Tensor) -> Problem:
        """Return the problem for other lambdas ``(N,)`` that starts where a solution ended."""
        return replace(
            self,
            start=solution.mask,
            lambda_k=lambda_k.to(solution.mask),
            momentum=solution.momentum,
        )


@dataclass(frozen=True)
class Solution:
    """The masks that a solve ended with, and the way there.

    Attributes
    ----------
    mask : Tensor
        ``(N, K)`` in [0, 1].
    lambda_k : Tensor
        ``(N,)``, the trade-off that was solved for.
    steps : Tensor
        ``(N,)`` int64, steps taken.
    converged : Tensor
        ``(N,)`` bool, whether the residual was below the tolerance at the end, or below 0.02 if
        the settings have none.
    residual : Tensor
        ``(N,)``, residuals after the last step, see `projected_residual`.
    momentum : Momentum
        The momentum after the last step.
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"`` and ``"residual"``, each ``(N, T)``: values
        at the mask before each of T steps. They are NaN after an image has stopped.
    """

    mask: Tensor
    lambda_k: Tensor
    steps: Tensor
    converged: Tensor
    residual: Tensor
    momentum: Momentum
    history: dict[str, Tensor] = field(repr=False)

    def select(self, rows: Tensor) -> Solution:
        """Return the solution for the images ``rows`` ``(n,)`` alone."""
        tensors = {
            attribute.name: value[rows.to(value.device)]
            for attribute in fields(self)
            if isinstance(value := getattr(self, attribute.name), Tensor)
        }
        history = {name: curve[rows.cpu()] for name, curve in self.history.items()}
        return replace(self, **tensors, history=history, momentum=self.momentum.select(rows))

    @classmethod
    def cat(cls, parts: Sequence[Solution]) -> Solution:
        """Join solutions of different images."""
        tensors = {
            attribute.name: torch.cat([getattr(part, attribute.name) for part in parts])
            for attribute in fields(cls)
            if isinstance(getattr(parts[0], attribute.name), Tensor)
        }
        momentum = Momentum(*map(torch.cat, zip(*(part.momentum for part in parts), strict=True)))
        history = joined_histories([part.history for part in parts])
        return replace(parts[0], **tensors, history=history, momentum=momentum)


def joined_histories(histories: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Join curves ``(n, T)`` of the same names. The shorter ones are continued by NaN."""
    longest = max(curve.shape[1] for history in histories for curve in history.values())
    return {
        name: torch.cat(
            [
                F.pad(history[name], (0, longest - history[name].shape[1]), value=torch.nan)
                for history in histories
            ]
        )
        for name in histories[0]
    }
