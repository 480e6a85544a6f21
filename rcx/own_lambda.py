"""Second attempts: a lambda of an image's own, gentler steps where its label is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from rcx.explanation import Explanation
from rcx.solver import SolverSettings

# a target distortion is at most this many warm solves away, and met within this, relatively
_CORRECTIONS, _TOLERANCE = 8, 0.1
# a lost label is tried to be kept this often, each time with at most a quarter of the lambda
_RETRIES, _REDUCTION = 3, 4.0
# rates of explanations of unsure classifiers: about what they take, and what none gets below
_USUAL_RATE, _LEAST_RATE = 0.02, 0.004
# nothing was ever explained with less: where this costs more than losing the class, all is in vain
_HOPELESS_RATE = 0.001
# a label is lost narrowly where this share of its probability is left
_NARROW = 0.25


class Rescue(Protocol):
    """Explain images, by their numbers ``(n,)``, with settings.

    Or go on from where explanations ``latest`` have ended, for lambdas smaller by the ``ease`` of
    the settings; what is found is judged by the lambdas themselves.
    """

    def __call__(
        self,
        settings: SolverSettings,
        rows: Tensor,
        latest: Explanation | None = None,
        /,
    ) -> Explanation: ...


class Attempt(Protocol):
    """Explain the images ``rows`` ``(n,)`` for lambdas ``(n,)``, from masks nearby or the start."""

    def __call__(
        self, rows: Tensor, lambda_k: Tensor, nearby: Tensor | None = None
    ) -> Explanation: ...


def rescued(attempt: Rescue, count: int, solver: SolverSettings) -> Explanation:
    """Solve again for the images that lose their label.

    For an unsure classifier two kinds of masks are best among their neighbours: one that keeps the
    class, and the empty one, often with the lower loss. A gentle descent from the whole image, such
    as the published one, ends in the first; hasty steps may overshoot it, and are then taken more
    gently. But a label may also be lost narrowly, to a class that is a little more probable now.
    Then the best mask is nearby, where the two are as probable: a few steps with a smaller lambda
    lead there.

    Parameters
    ----------
    attempt : callable
        Explains images, by their numbers ``(n,)``, with settings.
    count : int
        How many images there are.
    solver : SolverSettings
        Of the first attempt.

    Returns
    -------
    Explanation
        Of the first attempt that keeps an image's label, else of the first of all.
    """
    found = attempt(solver, torch.arange(count))
    if not solver.rescue:
        return found
    rows = _places(_needlessly_lost(found) & _narrowly_lost(found))
    if len(rows) and solver.ease > 1:
        again = attempt(solver.warm(solver.ease), rows, found[rows])
        found = _replaced(found, rows, again, again.label_kept)
    for settings in solver.gentler:
        rows = _places(_needlessly_lost(found))
        if len(rows) and settings != solver:
            again = attempt(settings, rows)
            found = _replaced(found, rows, again, again.label_kept)
    return found


def regained(attempt: Callable[[Tensor, Tensor], Explanation], first: Explanation) -> Explanation:
    """Solve from the start for the images that lost their label at a larger lambda already.

    Parameters
    ----------
    attempt : callable
        Explains images, by their numbers ``(n,)``, for lambdas ``(n,)``.
    first : Explanation
        From the masks of the larger lambda.

    Returns
    -------
    Explanation
        Of the attempt for the images whose label it alone keeps, else the first.
    """
    rows = _places(_needlessly_lost(first))
    if not len(rows):
        return first
    again = attempt(rows, first.lambda_k[rows])
    return _replaced(first, rows, again, again.label_kept)


def _needlessly_lost(found: Explanation) -> Tensor:
    """Which images ``(N,)`` lost their label though a mask that keeps it may be worth its rate."""
    worth = found.probability.square() > _HOPELESS_RATE * found.lambda_k
    return ~found.label_kept & (found.predicted == found.target) & worth


def _narrowly_lost(found: Explanation) -> Tensor:
    """Which images ``(N,)`` still have a good part of their class's probability."""
    return found.probability_after > _NARROW * found.probability


def reach_distortion(attempt: Attempt, first: Explanation, target: float) -> Explanation:
    """Change lambda, from the one of a first explanation, until the distortion is as wanted.

    Parameters
    ----------
    attempt : callable
        Explains the same images for other lambdas.
    first : Explanation
        Where the search begins.
    target : float
        Distortion that is wanted, within a tenth.

    Returns
    -------
    Explanation
        For each image, the one nearest to the target of all that were tried.
    """
    closest = latest = first
    for _ in range(_CORRECTIONS):
        rows = _places(_excess(closest, target).abs() >= _TOLERANCE)
        if not len(rows):
            break
        # distortion grows about as lambda does
        factor = (-_excess(latest, target).clamp(-1, 1)).exp()
        found = attempt(rows, (latest.lambda_k * factor)[rows], latest.mask[rows])
        latest = _replaced(latest, rows, found)
        nearer = _excess(latest, target).abs() < _excess(closest, target).abs()
        closest = _replaced(closest, rows, found, nearer[rows])
    return closest


def affordable(lambda_k: Tensor, probability: Tensor) -> Tensor:
    """Lower lambda at once where no explanation could be worth its rate.

    Parameters
    ----------
    lambda_k : Tensor
        ``(N,)``, positive.
    probability : Tensor
        ``(N,)``, of the explained classes; its square is what losing the class costs at most.

    Returns
    -------
    Tensor
        ``(N,)``, not larger than ``lambda_k``.
    """
    hopeless = lambda_k * _LEAST_RATE > probability.square()
    return torch.minimum(lambda_k, _worthwhile(probability)).where(hopeless, lambda_k)


def _worthwhile(probability: Tensor) -> Tensor:
    """Lambda at which the usual rate costs half of what losing the class costs."""
    return (probability.square() / 2 / _USUAL_RATE).clamp_min(1e-6)


def kept_label(attempt: Attempt, first: Explanation) -> Explanation:
    """Lower lambda for the images whose explained class is lost, until it is kept.

    Deleting everything costs a distortion of at most the squared probability, so that for an unsure
    classifier the empty mask is the best one unless the rate is cheap.

    Parameters
    ----------
    attempt : callable
        Explains the same images for other lambdas.
    first : Explanation
        Where the search begins.

    Returns
    -------
    Explanation
        With the label kept where one of a few smaller lambdas keeps it.
    """
    explanation = first
    for _ in range(_RETRIES):
        rows = _places(~explanation.label_kept)
        if not len(rows):
            break
        worthwhile = _worthwhile(explanation.probability)
        lower = torch.minimum(explanation.lambda_k / _REDUCTION, worthwhile)
        explanation = _replaced(explanation, rows, attempt(rows, lower[rows]))
    return explanation


def _places(where: Tensor) -> Tensor:
    """Numbers ``(n,)`` of the images for which something holds."""
    return where.nonzero().squeeze(1)


def _excess(explanation: Explanation, target: float) -> Tensor:
    """Logarithm of how many times the target the distortion is ``(N,)``."""
    return (explanation.distortion / target).clamp_min(1e-6).log()


def _replaced(
    explanation: Explanation, rows: Tensor, others: Explanation, where: Tensor | None = None
) -> Explanation:
    """Explanation with the images ``rows`` ``(n,)`` taken from others, of n images, where told."""
    parts = list(explanation)
    taken = [True] * len(rows) if where is None else where.tolist()
    for row, other, take in zip(rows.tolist(), others, taken, strict=True):
        if take:
            parts[row] = other
    return Explanation.cat(parts)
