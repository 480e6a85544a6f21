"""The solver's settings, by name or one by one."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


def checked_lambda(lambda_k: float) -> float:
    """Return a trade-off as a float, or raise ValueError unless it is finite and positive."""
    if not math.isfinite(lambda_k) or lambda_k <= 0:
        raise ValueError(
            f"lambda_k must be a positive number, got {lambda_k!r}; if the rate costs nothing, the "
            "best explanation is the whole image"
        )
    return float(lambda_k)


Preset = Literal[
    "fast", "short", "published", "published-2023", "fast-1", "pixels-1", "short-1", "spatial-1"
]
"""Names of solver settings, see `SolverSettings.preset`."""

# While most of the image is kept, the whole mask falls together. Steps are this many times smaller
# then, because a larger step could delete everything before a gradient tells what matters.
_CARE = 5.0

# How far below 1 an entry moves freely where all others are gone, in units of the reach. Entries
# near 1 belong to coefficients whose noise costs most, so that small moves of theirs matter.
_FREEDOM = 4.0

# Share of the steps, at the end, at the price of lambda itself, so that these steps descend on the
# loss that is reported.
_SETTLED_SHARE = 0.15

# Factor of the step size in the last step. Smaller ones were no better.
_LAST = 0.1


class SolverSettings(BaseModel):
    """How the solver finds a mask.

    A step moves every mask entry along Adam's direction, by the step size times ``max(entry,
    reach)``, and projects it to [0, 1]. The method ``strides`` has the details. With ``reach=1``
    this is projected Adam, as published. With a smaller reach the step is proportional to the
    entry, so that entries that do not matter shrink by a constant factor per step. A mask then
    falls from 1 to 0.01 in tens of steps instead of a thousand, and small entries move in small
    steps.

    Attributes
    ----------
    steps : int
        Number of steps, at least 0. With 0, the start itself is the explanation.
    samples : int
        Noise samples per image and step, at least 1.
    antithetic : bool
        Whether noise is used in pairs of opposite sign. This takes half as many transforms and has
        a lower variance.
    learning_rate : float
        Step size after the early share of the steps, positive. In the early share it is a fifth
        of this. With an overshoot, it later is between the two, in proportion to what the
        distortion leaves of what the empty mask loses.
    early_share : float
        Share of the steps, at first, in which small steps and a larger lambda find out what does
        not matter, in [0, 1].
    decay_share : float
        Share of the steps, at the end, over which the step size falls linearly to a tenth, in
        [0, 1].
    overshoot : float
        Factor of lambda in the early share, at least 1. It falls linearly to 1 afterwards, and is
        smaller where the distortion leaves less room. What does not matter is so deleted at once,
        and what was deleted too early returns.
    memory : float
        Adam's beta 2, in [0, 1). Its beta 1 is 0.9, as published.
    reach : float
        Entries below this size move as if they had this size, in (0, 1].
    tolerance : float
        An image stops when its residual is below this, not negative, see
        `rcx.solver.projected_residual`. With 0, every image takes all steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(200, ge=0)
    samples: int = Field(2, ge=1)
    antithetic: bool = True
    learning_rate: float = Field(0.25, gt=0)
    early_share: float = Field(0.5, ge=0, le=1)
    decay_share: float = Field(0.5, ge=0, le=1)
    overshoot: float = Field(32.0, ge=1)
    memory: float = Field(0.95, ge=0, lt=1)
    reach: float = Field(0.05, gt=0, le=1)
    tolerance: float = Field(0.0, ge=0)

    @classmethod
    def preset(cls, name: Preset) -> SolverSettings:
        """Return the settings of a name.

        A name with a number stands for the same settings for ever. A name without one stands for
        the latest.

        Parameters
        ----------
        name : str
            ``"fast"`` is the default of CartoonX, ``"pixels-1"`` that of Pixel RDE, and
            ``"spatial-1"`` that of methods with a spatial penalty, whose main price is not the
            rate. ``"short"`` is meant for a start that is nearly right. ``"published"`` is the
            schedule of the report, with 2,000 steps of 64 samples, and ``"published-2023"`` that
            of WaveletX and ShearletX, with 300 steps of 16. A name with a number is one version.

        Raises
        ------
        ValueError
            For an unknown name.
        """
        if name not in get_args(Preset):
            raise ValueError(
                f"unknown solver preset {name!r}; one of {', '.join(get_args(Preset))}"
            )
        return cls(**_PRESETS[_LATEST.get(name, name)])

    @classmethod
    def checked(cls, solver: Preset | SolverSettings) -> SolverSettings:
        """Return settings, or those of a preset's name; raise TypeError for anything else."""
        settings = cls.preset(solver) if isinstance(solver, str) else solver
        if not isinstance(settings, cls):
            raise TypeError(f"solver must be a preset's name or SolverSettings, got {solver!r}")
        return settings

    @property
    def name(self) -> str:
        """The name of these settings, with its number; ``"custom"`` if they have none."""
        names = (name for name, changes in _PRESETS.items() if self == SolverSettings(**changes))
        return next(names, "custom")

    def step_sizes(self, step: int, room: Tensor) -> Tensor:
        """Step sizes in a step, counted from 0, where a share ``room`` of the room is left."""
        done = step / self.steps
        large = room if done >= self.early_share else torch.zeros_like(room)
        sizes = self.learning_rate * (large + (1 - large) / _CARE)
        if 1 - done <= self.decay_share:
            sizes = sizes * (_LAST + (1 - _LAST) * (1 - done) / self.decay_share)
        return sizes

    def strides(self, step: int, mask: Tensor) -> Tensor:
        """Sizes of the moves of masks ``(n, K)`` in a step, counted from 0, for a step size of 1.

        These are ``max(entry, reach)``. After the early share they are at most
        ``1 - entry + rate + 4 * reach``, so that entries near 1 settle as others go.
        """
        if step / self.steps >= self.early_share:
            mask = mask.minimum(1 - mask + mask.mean(1, keepdim=True) + _FREEDOM * self.reach)
        return mask.clamp_min(self.reach)

    def surcharge(self, step: int) -> float:
        """Surcharge on lambda in a step, counted from 0, in units of lambda."""
        done = step / self.steps
        falling = 1 - _SETTLED_SHARE - self.early_share
        share = (1 - _SETTLED_SHARE - done) / falling if falling > 0 else 0.0
        return (self.overshoot - 1) * (1.0 if done < self.early_share else max(0.0, share))


_LATEST = {"fast": "fast-1", "short": "short-1"}

# What differs from "fast-1". A preset never changes: other values are another preset.
_PRESETS: dict[str, dict[str, Any]] = {
    "fast-1": {},
    "pixels-1": {"steps": 125},
    "spatial-1": {"steps": 300, "overshoot": 4.0},
    "short-1": {"steps": 90, "early_share": 0.0, "decay_share": 1.0, "overshoot": 8.0},
    "published-2023": {
        "steps": 300,
        "samples": 16,
        "antithetic": False,
        "learning_rate": 0.1,
        "early_share": 0.0,
        "decay_share": 0.0,
        "overshoot": 1.0,
        "memory": 0.999,
        "reach": 1.0,
    },
    "published": {
        "steps": 2000,
        "samples": 64,
        "antithetic": False,
        "learning_rate": 1e-3,
        "early_share": 0.0,
        "decay_share": 0.0,
        "overshoot": 1.0,
        "memory": 0.999,
        "reach": 1.0,
    },
}
