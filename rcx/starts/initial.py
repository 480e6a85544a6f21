"""The masks that the solver starts from."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rcx.representations.representation import LocalisedRepresentation
from rcx.solver.objective import Objective
from rcx.starts.foreground import foreground
from rcx.starts.gradient import gradient_ranks
from rcx.starts.network import StartNetwork

Start = Literal[
    "ones", "random", "uniform", "foreground", "foreground-uniform", "gradient", "predicted"
]
"""Names of the rules for starting masks, see `initial_mask`."""

AnyStart = Start | Tensor | StartNetwork
"""The name of a rule, a mask ``(K,)`` or ``(N, K)``, or a network that predicts masks."""

# A coefficient belongs to the foreground if at least this share of its energy lies in it.
_LEAST_INSIDE = 0.1


def check_start(start: object, images: int | None = None) -> None:
    """Raise ValueError for an unknown name of a start, and TypeError for an unknown type.

    Masks ``(N, K)`` must be as many as the images, if their number is given.
    """
    if isinstance(start, str) and start not in get_args(Start):
        raise ValueError(
            f"unknown start {start!r}; one of {', '.join(get_args(Start))}, a mask (N, K), or a "
            "StartNetwork"
        )
    if not isinstance(start, str | Tensor | StartNetwork):
        raise TypeError(
            f"a start is a name, a tensor or a StartNetwork, not {type(start).__name__}"
        )
    rows = len(start) if isinstance(start, Tensor) and start.ndim > 1 else images
    if images is not None and rows != images:
        raise ValueError(
            "a starting mask must have the shape (K,), or one row for each of the "
            f"{images} images, but it has {rows} rows"
        )


def start_name(start: AnyStart) -> str:
    """Describe a start in an explanation's settings."""
    if isinstance(start, StartNetwork):
        return f"network {start.fingerprint}"
    return start if isinstance(start, str) else "mask"


def initial_mask(
    start: AnyStart,
    objective: Objective,
    generator: torch.Generator,
    lambda_k: Tensor | None = None,
) -> Tensor:
    """Make the mask that the solver starts from.

    Parameters
    ----------
    start : str, Tensor or StartNetwork
        ``"ones"`` keeps the whole image, as published. ``"random"`` draws each entry uniformly from
        [0, 1]. ``"uniform"`` is the report's pre-optimised start: the same value in all entries,
        see `uniform_level`. ``"foreground"`` is 1 for coefficients of the object in front, which
        GrabCut finds, and 0 for the others. ``"foreground-uniform"`` has the value of
        `uniform_level` in place of 0. ``"gradient"`` ranks the coefficients of each band by how
        much the answer depends on them, see `gradient_ranks`. A `StartNetwork` predicts a mask.
        ``"predicted"`` stands for the network that comes with rcx for the classifier; an explainer
        replaces the name by it, and this function refuses the name. A tensor ``(N, K)`` or ``(K,)``
        is copied.
    objective : Objective
        The objective of N images.
    generator : torch.Generator
        Source of the random entries and of the noise.
    lambda_k : Tensor, optional
        ``(N,)``, trade-offs, which only a network needs.

    Returns
    -------
    Tensor
        ``(N, K)`` in [0, 1].

    Raises
    ------
    ValueError
        For an unknown name, a tensor of another shape or with values outside [0, 1], a network for
        other images or coefficients, or a foreground start for a representation that is not a
        `rcx.representations.LocalisedRepresentation`.
    TypeError
        For a start of another type.
    """
    check_start(start)
    ones = torch.ones_like(objective.coefficients[:, 0])
    if isinstance(start, Tensor):
        return _checked(start, ones)
    if start == "ones":
        return ones
    if start == "random":
        # All images share one draw, because an image's start must not depend on its batch.
        entries = torch.rand(
            ones.shape[1], generator=generator, device=generator.device, dtype=torch.float32
        )
        return entries.to(ones).expand_as(ones).clone()
    if start == "uniform":
        return uniform_level(objective, generator)[:, None] * ones
    if start in ("foreground", "foreground-uniform"):
        foreground_mask = _foreground_mask(objective, generator)
        if start == "foreground":
            return foreground_mask
        level = uniform_level(objective, generator, foreground_mask)
        return torch.maximum(foreground_mask, level[:, None])
    if start == "gradient":
        return gradient_ranks(objective)
    if lambda_k is None or not isinstance(start, StartNetwork):
        raise ValueError("a predicted start needs a StartNetwork and lambda_k")
    return start.to(ones.device).predict(objective, lambda_k, generator)


def _checked(mask: Tensor, ones: Tensor) -> Tensor:
    """Return a copy of a mask in the shape ``(N, K)`` of the ones, or raise ValueError."""
    if mask.shape not in (ones.shape, ones.shape[1:]):
        raise ValueError(
            f"a starting mask must have the shape {tuple(ones.shape)} or {tuple(ones.shape[1:])}, "
            f"got {tuple(mask.shape)}"
        )
    mask = mask.detach().to(ones).expand_as(ones).clone()
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ValueError("a starting mask must have entries in [0, 1]")
    return mask


def _foreground_mask(objective: Objective, generator: torch.Generator) -> Tensor:
    """Mask ``(N, K)``: 1 for the coefficients of the foreground, 0 for the others."""
    representation = objective.representation
    if not isinstance(representation, LocalisedRepresentation):
        raise ValueError(
            "a foreground start needs a representation with a method energy_inside, and "
            f"{representation.name} has none; choose another start"
        )
    images = representation.synthesise(objective.coefficients).clamp(0, 1)
    inside = representation.energy_inside(foreground(images, generator).to(images))
    return (inside >= _LEAST_INSIDE).to(images)


def uniform_level(
    objective: Objective,
    generator: torch.Generator,
    at_least: Tensor | None = None,
    *,
    samples: int = 64,
    step: float = 0.01,
) -> Tensor:
    """Find the smallest value of a uniform mask that keeps the explained class, by bisection.

    The report lowers the value by one percent at a time until the class changes. Where the class
    changes only once, bisection with common noise finds the same value in 7 evaluations instead of
    up to 99.

    Parameters
    ----------
    objective : Objective
        The objective of N images.
    generator : torch.Generator
        Source of the noise.
    at_least : Tensor, optional
        ``(N, K)`` in [0, 1], lower bounds of the entries, which then need not be uniform.
    samples : int
        Noise samples per evaluation.
    step : float
        Resolution of the value.

    Returns
    -------
    Tensor
        ``(N,)`` in (0, 1]. It is 1 where even the smallest step down loses the class.
    """
    fields = objective.draw(samples, generator)
    zeros = torch.zeros_like(objective.coefficients[:, 0])
    bounds = zeros if at_least is None else at_least
    # Multiples of the step: at `upper` the class is kept, at `lower` it is lost.
    upper = torch.full((len(objective),), round(1 / step), device=zeros.device)
    lower = torch.zeros_like(upper)
    while bool((upper - lower > 1).any()):
        middle = ((upper + lower) // 2).clamp_min(1)
        mask = torch.maximum((middle.to(zeros) * step)[:, None], bounds)
        kept = objective.kept(objective.answer(mask, fields).scores)
        upper, lower = torch.where(kept, middle, upper), torch.where(kept, lower, middle)
    return upper.to(zeros) * step
