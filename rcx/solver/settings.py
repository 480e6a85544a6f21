"""The solver's settings, by name or one by one."""

from __future__ import annotations

import math
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field


def checked_lambda(lambda_k: float) -> float:
    """Return a trade-off as a float, or raise ValueError unless it is finite and positive."""
    if not math.isfinite(lambda_k) or lambda_k <= 0:
        raise ValueError(
            f"lambda_k must be a positive number, got {lambda_k!r}; if the rate costs nothing, the "
            "best explanation is the whole image"
        )
    return float(lambda_k)


Preset = Literal["fast", "short", "published"]
"""Names of solver settings, see `SolverSettings.preset`."""


class SolverSettings(BaseModel):
    """How the solver finds a mask.

    A step moves every mask entry along Adam's direction, by ``learning_rate * max(entry, reach)``,
    and projects it to [0, 1]. With ``reach=1`` this is projected Adam, as published. With a smaller
    reach the step is proportional to the entry, so that entries that do not matter shrink by a
    constant factor per step. A mask then falls from 1 to 0.01 in tens of steps instead of a
    thousand, and small entries move in small steps.

    Attributes
    ----------
    steps : int
        Largest number of steps, at least 0. With 0, the start itself is the explanation.
    samples : int
        Noise samples per image and step, at least 1. There are half as many during the early share
        of the steps, because the noise has little effect while most of the image is kept.
    antithetic : bool
        Whether noise is used in pairs of opposite sign. This takes half as many transforms and has
        a lower variance.
    learning_rate : float
        Step size during the early share of the steps, positive. It is small because the whole mask
        falls together then, and a larger step could delete everything.
    late_learning_rate : float
        Step size after the early share, positive.
    early_share : float
        Share of the steps that are early, in [0, 1].
    decay_share : float
        Share of the steps, at the end, over which the step size falls linearly to a tenth, in
        [0, 1].
    overshoot : float
        Largest factor of lambda, at least 1. Lambda is larger than ``lambda_k`` during the early
        share of the steps, so that what does not matter is deleted at once. Then the surcharge
        falls linearly to zero, and what was deleted too early returns.
    overshoot_limit : float
        Bound on that factor, not negative. An image's factor is at most the square of
        ``overshoot_limit`` times the distortion of its empty mask, in units of lambda. This
        protects classes that are hardly worth the price of their explanation.
    leeway : float
        Distortion at which an image's surcharge is used up, positive, as a share of lambda or of
        the distortion of the empty mask, whichever is smaller.
    settle_share : float
        Share of the steps, at the end, that have no surcharge, in [0, 1].
    momentum, memory : float
        Adam's beta 1 and beta 2, each in [0, 1).
    reach : float
        Entries below this size move as if they had this size, in (0, 1].
    tolerance : float
        An image has converged when its residual is below this, not negative. See
        `rcx.solver.projected_residual`.
    stop_early : bool
        Whether an image stops when it has converged. Otherwise it takes all steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(280, ge=0)
    samples: int = Field(4, ge=1)
    antithetic: bool = True
    learning_rate: float = Field(0.05, gt=0)
    late_learning_rate: float = Field(0.2, gt=0)
    early_share: float = Field(0.4, ge=0, le=1)
    decay_share: float = Field(0.6, ge=0, le=1)
    overshoot: float = Field(16.0, ge=1)
    overshoot_limit: float = Field(400.0, ge=0)
    leeway: float = Field(0.5, gt=0)
    settle_share: float = Field(0.15, ge=0, le=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    memory: float = Field(0.99, ge=0, lt=1)
    reach: float = Field(0.05, gt=0, le=1)
    tolerance: float = Field(0.02, ge=0)
    stop_early: bool = True

    @classmethod
    def preset(cls, name: Preset) -> SolverSettings:
        """Return the settings of a name.

        Parameters
        ----------
        name : {"fast", "short", "published"}
            ``"fast"`` is the default of CartoonX. ``"short"`` takes less than half of its steps and
            is meant for a start that is nearly right. ``"published"`` is the schedule of the
            report, with 2,000 steps of 64 samples.

        Raises
        ------
        ValueError
            For an unknown name.
        """
        if name not in get_args(Preset):
            raise ValueError(
                f"unknown solver preset {name!r}; one of {', '.join(get_args(Preset))}"
            )
        if name == "fast":
            return cls()
        if name == "short":
            # The shorter memory forgets the first steps, which are large. All steps are taken,
            # because the residual means little after so few.
            return cls(
                steps=90,
                early_share=0,
                decay_share=1,
                overshoot=8,
                memory=0.95,
                stop_early=False,
            )
        return cls(
            steps=2000,
            samples=64,
            antithetic=False,
            learning_rate=1e-3,
            late_learning_rate=1e-3,
            early_share=0,
            decay_share=0,
            overshoot=1,
            momentum=0.9,
            memory=0.999,
            reach=1.0,
            stop_early=False,
        )

    def samples_at(self, step: int) -> int:
        """Number of noise samples per image in a step, counted from 0."""
        early = step / self.steps < self.early_share
        return max(1, self.samples // 2) if early else self.samples

    def step_size(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        done = step / self.steps
        rate = self.learning_rate if done < self.early_share else self.late_learning_rate
        if 1 - done <= self.decay_share:
            rate *= 0.1 + 0.9 * (1 - done) / self.decay_share
        return rate

    def excess(self, step: int) -> float:
        """Share of the surcharge on lambda that is left in a step, counted from 0."""
        done = step / self.steps
        falling = 1 - self.settle_share - self.early_share
        if done < self.early_share:
            return 1.0
        return max(0.0, (1 - self.settle_share - done) / falling) if falling > 0 else 0.0
