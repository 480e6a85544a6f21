"""Where the solver starts: initial masks."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rcx.solver.objective import Objective
from rcx.starts.foreground import foreground
from rcx.starts.network import StartNetwork

Start = Literal["ones", "random", "uniform", "foreground", "foreground-uniform", "predicted"]
AnyStart = Start | Tensor | StartNetwork

_LEAST_INSIDE = 0.1  # share of a coefficient's energy that makes it one of the foreground


def check_start(start: object) -> None:
    """Raise ValueError unless the start is a mask, a network or one of `Start`."""
    if isinstance(start, str) and start not in get_args(Start):
        raise ValueError(
            f"unknown start {start!r}; one of {', '.join(get_args(Start))}, a mask (N, K), or a "
            "StartNetwork"
        )
    if not isinstance(start, str | Tensor | StartNetwork):
        raise TypeError(
            f"a start is a name, a tensor or a StartNetwork, not {type(start).__name__}"
        )


def start_name(start: AnyStart) -> str:
    """What an explanation's settings say of a start."""
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
        [0, 1]. ``"uniform"`` is the report's pre-optimised start: one value everywhere, the
        smallest of 0.01, 0.02, ..., 1 above which the predicted class stays. ``"foreground"`` is 1
        where GrabCut sees the object in front, and 0 elsewhere; ``"foreground-uniform"`` is the
        same with a value in place of 0, lowered as for ``"uniform"``. A `StartNetwork` predicts a
        mask; ``"predicted"`` is known to explainers only, which look for the network that comes
        with their classifier. A tensor ``(N, K)`` or ``(K,)`` is taken as it is.
    objective : Objective
        For N images.
    generator : torch.Generator
        Source of the random entries and of the noise.
    lambda_k : Tensor, optional
        ``(N,)``; only a network asks for it.

    Returns
    -------
    Tensor
        ``(N, K)`` in [0, 1].

    Raises
    ------
    ValueError
        For an unknown name, a tensor of another shape or with values outside [0, 1], or a network
        for other images or coefficients.
    """
    check_start(start)
    like = objective.coefficients[:, 0]
    if isinstance(start, Tensor):
        return _checked(start, like)
    if start == "ones":
        return torch.ones_like(like)
    if start == "random":
        # one draw for all images: an image's start must not depend on its batch
        drawn = torch.rand(like.shape[1], generator=generator, device=generator.device)
        return drawn.to(like).expand_as(like).clone()
    if start == "uniform":
        return uniform_level(objective, generator)[:, None].expand_as(like).clone()
    if start in ("foreground", "foreground-uniform"):
        kept = _foreground_entries(objective, generator)
        if start == "foreground":
            return kept
        return torch.maximum(kept, uniform_level(objective, generator, kept)[:, None])
    if lambda_k is None or not isinstance(start, StartNetwork):
        raise ValueError("a predicted start needs a StartNetwork and lambda_k")
    return start.to(like.device).predict(objective, lambda_k, generator)


def _checked(mask: Tensor, like: Tensor) -> Tensor:
    if mask.shape not in (like.shape, like.shape[1:]):
        raise ValueError(
            f"a starting mask must have the shape {tuple(like.shape)} or {tuple(like.shape[1:])}, "
            f"got {tuple(mask.shape)}"
        )
    mask = mask.detach().to(like).expand_as(like).clone()
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ValueError("a starting mask must have entries in [0, 1]")
    return mask


def _foreground_entries(objective: Objective, generator: torch.Generator) -> Tensor:
    """1 for the coefficients ``(N, K)`` that draw something of the foreground, 0 for the others."""
    images = objective.representation.synthesise(objective.coefficients).clamp(0, 1)
    inside = objective.representation.energy_inside(foreground(images, generator).to(images))
    return (inside >= _LEAST_INSIDE).to(images)


def uniform_level(
    objective: Objective,
    generator: torch.Generator,
    kept: Tensor | None = None,
    *,
    samples: int = 64,
    step: float = 0.01,
) -> Tensor:
    """Smallest uniform mask value that keeps the explained class, by bisection on common noise.

    The report lowers the value by one percent at a time until the class changes; on one set of
    noise samples, bisection finds the same value in 7 evaluations instead of up to 99, where the
    class changes once.

    Parameters
    ----------
    objective : Objective
        For N images.
    generator : torch.Generator
        Source of the noise.
    kept : Tensor, optional
        ``(N, K)`` in [0, 1], entries that are never lower than this.
    samples : int
        Noise samples per evaluation.
    step : float
        Resolution of the value.

    Returns
    -------
    Tensor
        ``(N,)`` in (0, 1]; 1 where even the smallest step down loses the class.
    """
    fields = objective.draw(samples, generator)
    like = objective.coefficients[:, 0]
    least = torch.zeros_like(like) if kept is None else kept
    keeps = torch.full((len(objective),), round(1 / step), device=like.device)
    loses = torch.zeros_like(keeps)
    while bool((keeps - loses > 1).any()):
        middle = ((keeps + loses) // 2).clamp_min(1)
        mask = torch.maximum((middle * step).to(like)[:, None], least)
        same = objective.answer(mask, fields).probabilities.argmax(1) == objective.target
        keeps, loses = torch.where(same, middle, keeps), torch.where(same, loses, middle)
    return (keeps * step).to(like)
