"""Running moments of the gradient, and the residual, which tells how far a solve has converged."""

from __future__ import annotations

from typing import NamedTuple, overload

import torch
from torch import Tensor

CONVERGED = 0.02
"""Residual below which a solve has converged, unless its settings name another tolerance."""

_MOMENTUM = 0.9  # Adam's beta 1, as published


class Momentum(NamedTuple):
    """Estimates of the gradient where a solve of N images ended.

    Attributes
    ----------
    mean, square : Tensor
        ``(N, K)``, expectations of the derivatives of the loss, times ``K / lambda_k``, and of the
        squares of these.
    lambda_k : Tensor
        ``(N,)``, the trade-off of the solve.
    """

    mean: Tensor
    square: Tensor
    lambda_k: Tensor

    def at(self, lambda_k: Tensor) -> Momentum:
        """Return the estimates at the same masks for other lambdas ``(N,)``."""
        ratio = (self.lambda_k / lambda_k)[:, None]
        # In these units the derivative of the rate is 1, and the rest is that of the distortion.
        mean = 1 + (self.mean - 1) * ratio
        variance = (self.square - self.mean.square()).clamp_min(0)
        return Momentum(mean, variance * ratio.square() + mean.square(), lambda_k)

    def select(self, rows: Tensor) -> Momentum:
        """Return the estimates for the images ``rows`` ``(n,)`` alone."""
        return Momentum(*(part[rows] for part in self))


class Moments:
    """Adam's running moments of the gradient, and the running mean of `projected_residual`.

    Parameters
    ----------
    mask : Tensor
        ``(N, K)``, the masks that the solve begins with.
    memory : float
        Adam's beta 2.
    before : Momentum, optional
        Estimates of an earlier solve, which this one continues.
    """

    def __init__(self, mask: Tensor, memory: float, before: Momentum | None = None) -> None:
        self.memory = memory
        nothing = torch.zeros_like(mask)
        self.first, self.second = (nothing, nothing.clone()) if before is None else before[:2]
        self.continued = before is not None
        self.violation = torch.zeros(len(mask), dtype=mask.dtype, device=mask.device)
        self.residual = torch.ones_like(self.violation)
        self.count = self.measured = 0
        # Number of the latest steps in a row that had no surcharge on lambda.
        self.undisturbed = 0

    def settled(self, tolerance: float) -> Tensor:
        """Tell which images ``(N,)`` have converged: those whose residual is below the tolerance.

        None has converged before the residual is that of enough steps without a surcharge.
        """
        below = self.residual < tolerance
        return below if self.undisturbed * _RESIDUAL_RATE > 1 else torch.zeros_like(below)

    def momentum(self, lambda_k: Tensor, steps: Tensor) -> Momentum:
        """Return the estimates at the end of a solve for lambdas ``(N,)`` by steps ``(N,)``."""
        taken = steps.clamp_min(1).to(self.first)[:, None]
        mean, square = (self._weight(memory, taken) for memory in (_MOMENTUM, self.memory))
        return Momentum(self.first / mean, self.second / square, lambda_k)

    @overload
    def _weight(self, memory: float, steps: int) -> float: ...
    @overload
    def _weight(self, memory: float, steps: Tensor) -> Tensor | float: ...
    def _weight(self, memory: float, steps: int | Tensor) -> Tensor | float:
        """Return the share of a moment that comes from gradients, not from its zeros at first."""
        return 1.0 if self.continued else 1 - memory**steps

    def update(
        self,
        mask: Tensor,
        gradient: Tensor,
        rows: Tensor,
        epsilon: Tensor,
        surcharge: Tensor | None = None,
    ) -> Tensor:
        """Add a gradient to the moments and return Adam's direction.

        Parameters
        ----------
        mask : Tensor
            ``(n, K)``, masks of the images ``rows``.
        gradient : Tensor
            ``(n, K)``, derivatives of the loss at these masks, times ``K / lambda_k``.
        rows : Tensor
            ``(n,)`` int64, the images.
        epsilon : Tensor
            ``(n, 1)``, keeps the direction finite, in the gradient's units.
        surcharge : Tensor, optional
            ``(n, 1)``, by which lambda is larger for the direction, in units of lambda. The
            moments and the residual remain those of lambda itself.

        Returns
        -------
        Tensor
            ``(n, K)``, the direction of steepest ascent by Adam's scaling.
        """
        expected, spread = self.first[rows], self.second[rows]
        if surcharge is None and not self.undisturbed:
            # Steps at another lambda do not tell how near the optimum is at this one.
            self.violation.zero_()
            self.measured = 0
        if self.count:
            violation = projected_residual(mask, expected, gradient)
            self.measured += 1
            self.violation[rows] = torch.lerp(self.violation[rows], violation, _RESIDUAL_RATE)
            self.residual[rows] = self.violation[rows] / (1 - (1 - _RESIDUAL_RATE) ** self.measured)
        self.count += 1
        self.undisturbed = self.undisturbed + 1 if surcharge is None else 0
        expected = torch.lerp(gradient, expected, _MOMENTUM)
        spread = torch.lerp(gradient.square(), spread, self.memory)
        self.first[rows], self.second[rows] = expected, spread
        mean = expected / self._weight(_MOMENTUM, self.count)
        square = spread / self._weight(self.memory, self.count)
        if surcharge is not None:
            variance = (square - mean.square()).clamp_min(0)
            mean = mean + surcharge
            square = variance + mean.square()
        return mean / (square.sqrt() + epsilon)


# Weight of a new residual in the running mean. The mean spans about the last 1 / 0.05 steps, and
# as many steps are needed before it means anything.
_RESIDUAL_RATE = 0.05


def projected_residual(mask: Tensor, expected: Tensor, gradient: Tensor) -> Tensor:
    """Measure how far masks are from first-order optimality.

    This is the definition of the residual. Write ``m`` for a mask, ``D`` for its expected
    distortion, and ``g = (K / lambda_k) * dD/dm + 1`` for the derivatives of the loss in units in
    which those of the rate are 1. With ``e`` for an earlier estimate of ``g``, the residual is ::

        residual = sum(m * v) / sum(m)
        v = 0                             where m = 1 and e < 0
        v = sign(e) * min(max(g, -1), 1)  elsewhere

    At a minimum over the box [0, 1], the derivative vanishes in every entry between the bounds and
    is not positive at 1, so that the residual is 0. It is 1 where all of the rate could be given up
    for nothing, as at a mask of ones. An entry that presses against 1 does not count, and one at 0
    has no weight. Because ``g`` is measured with fresh noise, noise alone averages to 0.

    In a solve, ``e`` is Adam's first moment before the step and ``g`` the gradient of the step. The
    residual that a `Solution` and its history report is the running mean over the steps, with the
    weight 0.05 for a new step and with Adam's correction of the beginning. It begins anew when
    lambda has come down from its overshoot. Before there is an earlier gradient, it is 1.

    Parameters
    ----------
    mask : Tensor
        ``(N, K)`` in [0, 1], ``m``.
    expected : Tensor
        ``(N, K)``, ``e``.
    gradient : Tensor
        ``(N, K)``, ``g``, from noise that is independent of ``e``.

    Returns
    -------
    Tensor
        ``(N,)`` in [-1, 1]; 0 for an empty mask.
    """
    blocked = (mask >= 1) & (expected < 0)
    violation = torch.where(blocked, 0.0, expected.sign() * gradient.clamp(-1, 1))
    return (mask * violation).sum(1) / mask.sum(1).clamp_min(torch.finfo(mask.dtype).tiny)
