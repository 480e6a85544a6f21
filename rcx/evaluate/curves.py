"""Rate-distortion curves, and the percentages at which they are measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from rcx.solver.distortion import DistortionMeasure

Direction = Literal["keep", "randomise"]
"""What happens to the most relevant coefficients."""

CurveProtocol = Literal["as_published", "fair"]
"""How a curve is measured, see `rcx.evaluate.rate_distortion_curve`."""

PERCENT = tuple(range(101))
"""The published grid of all whole percents."""

COARSE = (*range(7), 8, *range(10, 101, 5))
"""A grid for a quick look. It is dense where good orders make curves fall."""

DRAWS: dict[CurveProtocol, int] = {"as_published": 1, "fair": 8}
"""Default number of noise draws in each protocol."""


@dataclass(frozen=True)
class Curve:
    """Distortion of N images at Q percentages.

    Attributes
    ----------
    percent : Tensor
        ``(Q,)`` in [0, 100], increasing: the share of the most relevant coefficients that is kept
        or randomised.
    distortion : Tensor
        ``(N, Q)``, mean over the noise draws.
    spread : Tensor
        ``(N, Q)``, standard deviation over the noise draws; NaN where there is one draw.
    direction : {"keep", "randomise"}
        What happens to the most relevant coefficients; the opposite happens to the others.
    protocol : {"as_published", "fair"}
        How the curve was measured, see `rate_distortion_curve`.
    measure : str
        How distortion was measured, see `rcx.solver.distortion`.
    draws : int
        Noise draws per image; each serves the whole curve.
    """

    percent: Tensor
    distortion: Tensor
    spread: Tensor
    direction: Direction
    protocol: CurveProtocol
    measure: DistortionMeasure
    draws: int

    def __len__(self) -> int:
        return len(self.distortion)

    @property
    def areas(self) -> Tensor:
        """Area ``(N,)`` under each curve over shares in [0, 1], by the trapezoidal rule."""
        return torch.trapezoid(self.distortion, self.percent / 100, dim=1)

    @property
    def fully_randomised(self) -> Tensor:
        """Distortion ``(N,)`` where nothing of the image is left."""
        return self.at(0 if self.direction == "keep" else 100)

    def at(self, percent: float) -> Tensor:
        """Distortion ``(N,)`` at a percentage, linear between the points of the grid.

        Raises
        ------
        ValueError
            If the percentage lies outside the grid.
        """
        if not self.percent[0] <= percent <= self.percent[-1]:
            raise ValueError(f"the curve does not reach {percent} percent")
        index = int(torch.searchsorted(self.percent, percent).clamp(1, len(self.percent) - 1))
        left, right = self.percent[index - 1 : index + 1]
        weight = (percent - left) / (right - left)
        return torch.lerp(self.distortion[:, index - 1], self.distortion[:, index], weight)

    def initial_drop(self, percent: float = 10) -> Tensor:
        """Distortion at 0 % minus distortion at ``percent``, ``(N,)``; negative for a rise."""
        return self.at(0) - self.at(percent)

    def normalised(self) -> Curve:
        """Curve in percent of the mean fully randomised distortion, as in the published Figure 5.

        All images are divided by the same number, so that the mean of the normalised curves is the
        normalised mean curve.

        Raises
        ------
        ValueError
            If randomising everything changes nothing, or the curve does not reach that point.
        """
        whole = self.fully_randomised.mean()
        if not whole > 0:
            raise ValueError(
                "the curve cannot be normalised: randomising everything changes nothing, so that "
                "there is nothing to divide by"
            )
        scale = 100 / whole
        return replace(self, distortion=self.distortion * scale, spread=self.spread * scale)
