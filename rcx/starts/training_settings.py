"""The settings of a start network's training."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rcx.solver.settings import checked_lambda

_FIRST_PRICE = 0.02  # price of the rate at first, as a share of its full price


class TrainingSettings(BaseModel):
    """How a start network is trained.

    Attributes
    ----------
    steps : int
        Number of batches, at least 1.
    batch_size : int
        Number of images in a batch, at least 1.
    samples : int
        Noise samples per image and step, at least 1.
    learning_rate : float
        Largest step size of Adam, positive. The step size rises over the first twentieth of the
        steps and then falls as a cosine.
    lambda_k : (float, float)
        Range of lambdas, which are drawn uniformly in their logarithm.
    caution : float
        Full price of the rate in training, as a share of lambda, in (0, 1]. With less than 1, the
        network predicts masks that are denser than the best ones. The solver soon deletes a
        superfluous coefficient, and may never restore a missing one.
    rising_share : float
        Share of the steps over which the price rises to its full size, in [0, 1]. The network so
        learns to keep the class before its masks become sparse.
    seed : int
        Seed of the initial weights, batches, lambdas and noise, at least 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(4000, ge=1)
    batch_size: int = Field(8, ge=1)
    samples: int = Field(4, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    lambda_k: tuple[float, float] = (5.0, 80.0)
    caution: float = Field(0.7, gt=0, le=1)
    rising_share: float = Field(0.5, ge=0, le=1)
    seed: int = Field(0, ge=0)

    @field_validator("lambda_k")
    @classmethod
    def _rising(cls, ends: tuple[float, float]) -> tuple[float, float]:
        low, high = (checked_lambda(end) for end in ends)
        if low > high:
            raise ValueError(
                f"the range of lambdas must rise from its first number to its second, got {low:g} "
                f"to {high:g}"
            )
        return low, high

    def step_size(self, step: int) -> float:
        """Step size of Adam in a step, counted from 0."""
        done = (step + 1) / self.steps
        return self.learning_rate * min(
            20 * done, 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        )

    def price(self, step: int) -> float:
        """Price of the rate in a step, counted from 0, as a share of lambda."""
        rising = max(1.0, self.rising_share * self.steps)
        share: float = _FIRST_PRICE ** (1 - min(1.0, step / rising))
        return self.caution * share
