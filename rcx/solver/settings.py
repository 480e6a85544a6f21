"""How a mask is optimised: the solver's settings, by name or one by one."""

from __future__ import annotations

import math
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field


def checked_lambda(lambda_k: float) -> float:
    """Return a trade-off as a float, or raise ValueError."""
    if not math.isfinite(lambda_k) or lambda_k <= 0:
        raise ValueError(
            f"lambda_k must be a positive number, got {lambda_k!r}; without a price on the rate, "
            "the whole image is the answer"
        )
    return float(lambda_k)


Preset = Literal["fast", "short", "published"]


class SolverSettings(BaseModel):
    """How a mask is optimised.

    A step moves every mask entry along Adam's direction, by ``learning_rate * max(entry, reach)``,
    and projects it to [0, 1]. With ``reach=1`` that is projected Adam, as published. A smaller
    reach makes the step proportional to the entry: entries that do not matter shrink by a constant
    factor a step, so that a mask falls from 1 to 0.01 in tens of steps and not in a thousand, and
    small entries are settled finely.

    Attributes
    ----------
    steps : int
        Largest number of steps; with 0 the start itself is the explanation.
    samples : int
        Noise samples per image and step; half as many during the early share of the steps, where
        most of the image is still kept and the noise hardly shows.
    antithetic : bool
        Use noise in pairs of opposite sign: half the transforms, less variance.
    learning_rate, late_learning_rate : float
        Step size during the early share of the steps and afterwards. The early one is small:
        while the whole mask falls together, a hasty step deletes everything.
    early_share : float
        Share of the steps that are careful.
    decay_share : float
        Share of the steps, the last ones, over which the step size falls linearly to a tenth.
    overshoot : float
        Lambda is this many times larger during the early share of the steps, and falls from there
        to its own until a share of ``settle_share`` is left. While most of the image is kept the
        noise hardly shows, and what does not matter goes at once; what was taken too much returns.
    overshoot_limit : float
        But no more than the square of this many times the distortion of the empty mask, in units
        of lambda. Where a class is hardly worth what its explanation costs, the few coefficients
        that keep it may go with the rest.
    leeway : float
        And the less the more is lost, see `rcx.solver.overshoot.Overshoot`: not at all where the
        distortion reaches this share of the empty mask's, or of lambda if that is smaller.
    settle_share : float
        Share of the steps, the last ones, for lambda itself.
    momentum, memory : float
        Adam's beta 1 and beta 2.
    reach : float
        Entries below it move as if they were that large.
    tolerance : float
        An image has converged when its residual is below it, see
        `rcx.solver.moments.projected_residual`.
    stop_early : bool
        Stop an image when it has converged; otherwise all steps are taken.
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
        """Settings by name.

        ``"fast"`` is the default of CartoonX, ``"short"`` takes less than half of its steps, for a
        start that is nearly right already, and ``"published"`` is as in the report.
        """
        if name not in get_args(Preset):
            raise ValueError(
                f"unknown solver preset {name!r}; one of {', '.join(get_args(Preset))}"
            )
        if name == "fast":
            return cls()
        if name == "short":
            # a shorter memory forgets the hasty first steps; the residual says little so early
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

    def warm(self, factor: float = 2.0) -> SolverSettings:
        """Settings to go on from the solution for a lambda ``factor`` times smaller or larger.

        A ninth of the steps for each doubling, at least for one and at most for four. All of them
        are taken: the residual says little within so few.
        """
        doublings = min(4.0, max(1.0, abs(math.log2(factor))))
        steps = max(1, int(self.steps * doublings) // 9)
        decay = 1.0 if self.decay_share else 0.0
        shorter = {"steps": steps, "early_share": 0.0, "decay_share": decay}
        return self.model_copy(update={**shorter, "overshoot": 1.0, "stop_early": False})

    def samples_at(self, step: int) -> int:
        """Noise samples per image of a step, counted from 0."""
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
        """Share of the overshoot that is left in a step, counted from 0."""
        done = step / self.steps
        falling = 1 - self.settle_share - self.early_share
        if done < self.early_share:
            return 1.0
        return max(0.0, (1 - self.settle_share - done) / falling) if falling > 0 else 0.0
