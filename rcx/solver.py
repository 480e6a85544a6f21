"""The optimisation and its stopping rule: one solver for every representation and start."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rcx.moments import Moments, Momentum
from rcx.objective import Objective
from rcx.overshoot import Overshoot

Preset = Literal["fast", "short", "published"]
Progress = Callable[[int, int], None]
Watch = Callable[[int, Tensor], None]


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
        And the less the more is lost, see `rcx.overshoot.Overshoot`: not at all where the
        distortion reaches this share of the empty mask's, or of lambda if that is smaller.
    settle_share : float
        Share of the steps, the last ones, for lambda itself.
    momentum, memory : float
        Adam's beta 1 and beta 2.
    reach : float
        Entries below it move as if they were that large.
    tolerance : float
        An image has converged when its residual (see `rcx.moments.projected_residual`) is below it.
    stop_early : bool
        Stop an image when it has converged; otherwise all steps are taken.
    rescue : bool
        Solve an image that loses its label again, with `gentler` settings, and take that mask
        if it keeps the label; see `rcx.own_lambda.rescued`.
    ease : float
        But where it is lost narrowly, go on first with a lambda so many times smaller; 1 does not.
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
    rescue: bool = True
    ease: float = Field(1.2, ge=1)

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
            rescue=False,
            ease=1,
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

    @property
    def gentler(self) -> tuple[SolverSettings, SolverSettings]:
        """Settings to try where these lose a label: gentle ones, and very gentle ones.

        The first have no overshoot, the steps that it saves, and smaller careful ones. The second
        have smaller steps after the careful ones, too.
        """
        plain = {
            "steps": 3 * self.steps // 2,
            "learning_rate": min(self.learning_rate, 0.03),
            "overshoot": 1.0,
        }
        gentle = self.model_copy(update=plain) if self.overshoot > 1 else self
        slower = {"late_learning_rate": self.late_learning_rate / 4}
        return gentle, gentle.model_copy(update=slower)

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


@dataclass(frozen=True)
class Solution:
    """What the solver found for N images.

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
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"``, ``"residual"``, each ``(N, T)`` by step,
        NaN after an image has stopped.
    momentum : Momentum
        With which the steps ended.
    """

    mask: Tensor
    lambda_k: Tensor
    steps: Tensor
    converged: Tensor
    residual: Tensor
    history: dict[str, Tensor]
    momentum: Momentum


def solve(
    objective: Objective,
    start: Tensor,
    lambda_k: Tensor,
    settings: SolverSettings,
    generator: torch.Generator,
    *,
    momentum: Momentum | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> Solution:
    """Minimise distortion plus ``lambda_k`` times the mean mask entry, for each image.

    Parameters
    ----------
    objective : Objective
        For N images.
    start : Tensor
        ``(N, K)`` in [0, 1], where to start; left as it is.
    lambda_k : Tensor
        ``(N,)``, positive.
    settings : SolverSettings
        Steps, samples, step sizes.
    generator : torch.Generator
        Source of the noise; common to the images.
    momentum : Momentum, optional
        Of an earlier solve of the same images that ended near ``start``, to go on with.
    progress : callable, optional
        Called after each step with the steps done and the most there may be.
    watch : callable, optional
        Called after each step with the steps done and a copy of the masks ``(N, K)``.

    Returns
    -------
    Solution
        One row per image.

    References
    ----------
    CartoonX, ECCV 2022, Algorithm 1, with the projection of the authors' code.
    """
    mask = start.detach().clone()
    moments = Moments(
        mask,
        memories=(settings.momentum, settings.memory),
        before=momentum and momentum.at(lambda_k),
    )
    overshoot = None
    if settings.overshoot > 1 and settings.steps:
        # by noise that the first steps will meet again, so that all steps' noise stays as it is
        state = generator.get_state()
        ends = objective.ends(objective.draw(settings.samples, generator))
        generator.set_state(state)
        overshoot = Overshoot(
            lambda_k,
            *ends,
            most=settings.overshoot,
            limit=settings.overshoot_limit,
            leeway=settings.leeway,
        )
    rows = torch.arange(len(mask), device=mask.device)
    steps = torch.zeros(len(mask), dtype=torch.int64)
    history: list[Tensor] = []
    for step in range(settings.steps):
        current, weight = mask[rows], lambda_k[rows]
        fields = objective.draw(settings.samples_at(step), generator)
        distortion, slope = objective.gradient(current, fields, rows)
        unit = weight[:, None] / mask.shape[1]
        gradient = slope / unit + 1
        share = settings.excess(step)
        surcharge = None
        if overshoot and share:
            surcharge = overshoot.surcharge(distortion, rows, share)[:, None]
        direction = moments.update(current, gradient, rows, 1e-8 / unit, surcharge)
        stride = settings.step_size(step) * current.clamp_min(settings.reach)
        mask[rows] = (current - stride * direction).clamp_(0, 1)
        steps[rows.cpu()] += 1

        record = torch.full((4, len(mask)), torch.nan, dtype=mask.dtype, device=mask.device)
        rate = current.mean(1)
        loss = distortion + weight * rate
        record[:, rows] = torch.stack((distortion, rate, loss, moments.residual[rows]))
        history.append(record)
        if progress is not None:
            progress(step + 1, settings.steps)
        if watch is not None:
            watch(step + 1, mask.clone())
        if settings.stop_early:
            rows = rows[~moments.settled(settings.tolerance)[rows]]
            if not len(rows):
                break
    curves = torch.stack(history, -1).cpu() if history else torch.empty(4, len(mask), 0)
    names = ("distortion", "nonsparsity", "loss", "residual")
    return Solution(
        mask,
        lambda_k,
        steps,
        moments.settled(settings.tolerance).cpu(),
        moments.residual,
        dict(zip(names, curves, strict=True)),
        moments.momentum(lambda_k, steps.to(mask.device)),
    )
