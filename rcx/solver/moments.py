"""Running moments of the gradient, and the measure of convergence that they give for nothing."""

from __future__ import annotations

from typing import NamedTuple, overload

import torch
from torch import Tensor


class Momentum(NamedTuple):
    """What is known of the gradient where a solve of N images ended.

    Attributes
    ----------
    mean, square : Tensor
        ``(N, K)``, expectations of the derivatives of the loss, times K / lambda, and of their
        squares.
    lambda_k : Tensor
        ``(N,)``.
    """

    mean: Tensor
    square: Tensor
    lambda_k: Tensor

    def at(self, lambda_k: Tensor) -> Momentum:
        """The same at the same masks for other lambdas ``(N,)``."""
        ratio = (self.lambda_k / lambda_k)[:, None]
        # the rate's derivative is always 1; the distortion's is the rest
        mean = 1 + (self.mean - 1) * ratio
        variance = (self.square - self.mean.square()).clamp_min(0)
        return Momentum(mean, variance * ratio.square() + mean.square(), lambda_k)

    def select(self, rows: Tensor) -> Momentum:
        """That of the images ``rows`` ``(n,)``."""
        return Momentum(*(part[rows] for part in self))

    def replaced(self, rows: Tensor, others: Momentum) -> Momentum:
        """With the images ``rows`` ``(n,)`` taken from others, of n images."""
        places = rows.to(self.mean.device)
        return Momentum(
            *(part.index_copy(0, places, other) for part, other in zip(self, others, strict=True))
        )


class Moments:
    """Adam's running moments of the gradient, and the residual of `projected_residual`.

    Parameters
    ----------
    mask : Tensor
        ``(N, K)``, where the solve begins.
    memories : tuple of float
        Adam's beta 1 and beta 2.
    before : Momentum, optional
        To go on with.
    """

    def __init__(
        self, mask: Tensor, memories: tuple[float, float], before: Momentum | None = None
    ) -> None:
        self.memories = memories
        nothing = torch.zeros_like(mask)
        self.first, self.second = (nothing, nothing.clone()) if before is None else before[:2]
        self.continued = before is not None
        self.violation = torch.zeros(len(mask), dtype=mask.dtype, device=mask.device)
        self.residual = torch.ones_like(self.violation)
        self.count = 0
        # steps since lambda is its own
        self.undisturbed = 0

    def settled(self, tolerance: float) -> Tensor:
        """Which images ``(N,)`` have converged: the residual is smaller."""
        below = self.residual < tolerance
        return below if self.undisturbed * _RESIDUAL_RATE > 1 else torch.zeros_like(below)

    def momentum(self, lambda_k: Tensor, steps: Tensor) -> Momentum:
        """What to go on with after a solve for lambdas ``(N,)`` by so many steps ``(N,)``."""
        taken = steps.clamp_min(1).to(self.first)[:, None]
        mean, square = (self._weight(memory, taken) for memory in self.memories)
        return Momentum(self.first / mean, self.second / square, lambda_k)

    @overload
    def _weight(self, memory: float, steps: int) -> float: ...
    @overload
    def _weight(self, memory: float, steps: Tensor) -> Tensor | float: ...
    def _weight(self, memory: float, steps: int | Tensor) -> Tensor | float:
        """How much of a moment's weight lies on gradients, and not on the zeros it began with."""
        return 1.0 if self.continued else 1 - memory**steps

    def update(
        self,
        mask: Tensor,
        gradient: Tensor,
        rows: Tensor,
        epsilon: Tensor,
        surcharge: Tensor | None = None,
    ) -> Tensor:
        """Take in the gradient ``(n, K)`` of the images ``rows`` and return Adam's direction.

        ``epsilon`` ``(n, 1)`` keeps the direction finite, in units of the gradient. The direction
        is that of lambdas larger by the shares ``surcharge`` ``(n, 1)``.
        """
        expected, spread = self.first[rows], self.second[rows]
        if self.count:
            violation = projected_residual(mask, expected, gradient)
            self.violation[rows] = torch.lerp(self.violation[rows], violation, _RESIDUAL_RATE)
            self.residual[rows] = self.violation[rows] / (1 - (1 - _RESIDUAL_RATE) ** self.count)
        self.count += 1
        self.undisturbed = self.undisturbed + 1 if surcharge is None else 0
        momentum, memory = self.memories
        expected = torch.lerp(gradient, expected, momentum)
        spread = torch.lerp(gradient.square(), spread, memory)
        self.first[rows], self.second[rows] = expected, spread
        mean = expected / self._weight(momentum, self.count)
        square = spread / self._weight(memory, self.count)
        if surcharge is not None:
            variance = (square - mean.square()).clamp_min(0)
            mean = mean + surcharge
            square = variance + mean.square()
        return mean / (square.sqrt() + epsilon)


# the residual is averaged over about the last 1 / 0.05 steps, and needs as many to mean anything
_RESIDUAL_RATE = 0.05


def projected_residual(mask: Tensor, expected: Tensor, gradient: Tensor) -> Tensor:
    """How far masks are from first-order optimality, relative to lambda.

    At a minimum over the box [0, 1], the derivative of the loss vanishes in every entry between
    the bounds and is not positive at 1. The residual is the mean of the derivative that violates
    this, over the rate that is kept and in units of lambda: 1 means that all of the kept rate could
    be given up for nothing (as at a mask of ones), 0 that distortion and rate balance. The sign of
    each derivative is taken from earlier noise (``expected``) and its size, at most 1, from fresh
    noise (``gradient``), so that noise alone averages to 0.

    Parameters
    ----------
    mask : Tensor
        ``(N, K)`` in [0, 1].
    expected, gradient : Tensor
        ``(N, K)``, derivatives of the loss times K / lambda, from independent noise.

    Returns
    -------
    Tensor
        ``(N,)``; 0 for an empty mask.
    """
    blocked = (mask >= 1) & (expected < 0)
    violation = torch.where(blocked, 0.0, expected.sign() * gradient.clamp(-1, 1))
    return (mask * violation).sum(1) / mask.sum(1).clamp_min(torch.finfo(mask.dtype).tiny)
