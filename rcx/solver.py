"""The optimisation and its stopping rule: one solver for every representation and start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rcx.objective import Objective

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
    momentum, memory : float
        Adam's beta 1 and beta 2.
    reach : float
        Entries below it move as if they were that large.
    tolerance : float
        An image has converged when its residual (see `projected_residual`) is below it.
    stop_early : bool
        Stop an image when it has converged; otherwise all steps are taken.
    rescue : bool
        Solve an image that loses its label once more, with `gentle` steps, and take that mask if it
        keeps the label; see `rcx.own_lambda.rescued`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(300, ge=0)
    samples: int = Field(4, ge=1)
    antithetic: bool = True
    learning_rate: float = Field(0.03, gt=0)
    late_learning_rate: float = Field(0.2, gt=0)
    early_share: float = Field(0.4, ge=0, le=1)
    decay_share: float = Field(0.6, ge=0, le=1)
    momentum: float = Field(0.9, ge=0, lt=1)
    memory: float = Field(0.99, ge=0, lt=1)
    reach: float = Field(0.05, gt=0, le=1)
    tolerance: float = Field(0.02, ge=0)
    stop_early: bool = True
    rescue: bool = True

    @classmethod
    def preset(cls, name: Preset) -> SolverSettings:
        """Settings by name.

        ``"fast"`` is the default, ``"short"`` takes two fifths of its steps, for a start that is
        nearly right already, and ``"published"`` is as in the report.
        """
        if name not in get_args(Preset):
            raise ValueError(
                f"unknown solver preset {name!r}; one of {', '.join(get_args(Preset))}"
            )
        if name == "fast":
            return cls()
        if name == "short":
            # a shorter memory forgets the hasty first steps; the residual says little so early
            steps = 2 * cls().steps // 5
            return cls(steps=steps, early_share=0, decay_share=1, memory=0.95, stop_early=False)
        return cls(
            steps=2000,
            samples=64,
            antithetic=False,
            learning_rate=1e-3,
            late_learning_rate=1e-3,
            early_share=0,
            decay_share=0,
            momentum=0.9,
            memory=0.999,
            reach=1.0,
            stop_early=False,
            rescue=False,
        )

    @property
    def warm(self) -> SolverSettings:
        """Settings for a start that solves a neighbouring problem: a fifth of the steps.

        All of them are taken: the residual says little within so few.
        """
        decay = 1.0 if self.decay_share else 0.0
        shorter = {"steps": max(1, self.steps // 5), "early_share": 0.0, "decay_share": decay}
        return self.model_copy(update={**shorter, "stop_early": False})

    @property
    def gentle(self) -> SolverSettings:
        """Settings that go no further than a quarter as far a step, after the careful ones."""
        return self.model_copy(update={"late_learning_rate": self.late_learning_rate / 4})

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
    """

    mask: Tensor
    lambda_k: Tensor
    steps: Tensor
    converged: Tensor
    residual: Tensor
    history: dict[str, Tensor]


class _Moments:
    """Adam's running moments of the gradient, and the residual that they give for nothing."""

    def __init__(self, mask: Tensor, settings: SolverSettings) -> None:
        self.settings = settings
        self.first, self.second = torch.zeros_like(mask), torch.zeros_like(mask)
        self.violation = torch.zeros(len(mask), dtype=mask.dtype, device=mask.device)
        self.residual = torch.ones_like(self.violation)
        self.count = 0

    @property
    def settled(self) -> Tensor:
        """Which images ``(N,)`` have converged."""
        below = self.residual < self.settings.tolerance
        return below if self.count * _RESIDUAL_RATE > 1 else torch.zeros_like(below)

    def update(self, mask: Tensor, gradient: Tensor, rows: Tensor, epsilon: Tensor) -> Tensor:
        """Take in the gradient ``(n, K)`` of the images ``rows`` and return Adam's direction.

        ``epsilon`` ``(n, 1)`` keeps the direction finite, in units of the gradient.
        """
        settings = self.settings
        expected, spread = self.first[rows], self.second[rows]
        if self.count:
            violation = projected_residual(mask, expected, gradient)
            self.violation[rows] = torch.lerp(self.violation[rows], violation, _RESIDUAL_RATE)
            self.residual[rows] = self.violation[rows] / (1 - (1 - _RESIDUAL_RATE) ** self.count)
        self.count += 1
        expected = torch.lerp(gradient, expected, settings.momentum)
        spread = torch.lerp(gradient.square(), spread, settings.memory)
        self.first[rows], self.second[rows] = expected, spread
        mean = expected / (1 - settings.momentum**self.count)
        deviation = (spread / (1 - settings.memory**self.count)).sqrt()
        return mean / (deviation + epsilon)


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


def solve(
    objective: Objective,
    start: Tensor,
    lambda_k: Tensor,
    settings: SolverSettings,
    generator: torch.Generator,
    *,
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
    moments = _Moments(mask, settings)
    rows = torch.arange(len(mask), device=mask.device)
    steps = torch.zeros(len(mask), dtype=torch.int64)
    history: list[Tensor] = []
    for step in range(settings.steps):
        current, weight = mask[rows], lambda_k[rows]
        fields = objective.draw(settings.samples_at(step), generator)
        distortion, slope = objective.gradient(current, fields, rows)
        unit = weight[:, None] / mask.shape[1]
        gradient = slope / unit + 1
        direction = moments.update(current, gradient, rows, 1e-8 / unit)
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
            rows = rows[~moments.settled[rows]]
            if not len(rows):
                break
    curves = torch.stack(history, -1).cpu() if history else torch.empty(4, len(mask), 0)
    names = ("distortion", "nonsparsity", "loss", "residual")
    return Solution(
        mask,
        lambda_k,
        steps,
        moments.settled.cpu(),
        moments.residual,
        dict(zip(names, curves, strict=True)),
    )
