"""Rate-distortion curves: how the answer moves as coefficients are kept or randomised in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier, checked_logits, inference_copy
from rcx.classifiers.devices import chosen_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import checked_targets
from rcx.evaluate.rankings import Ranking, Seed, generator_of, image_seeds, ranks
from rcx.images.checks import checked_images
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.lanes import Lanes
from rcx.solver.loop import Progress
from rcx.solver.objective import Objective

Direction = Literal["keep", "randomise"]
CurveProtocol = Literal["as_published", "fair"]

PERCENT = tuple(range(101))
"""The published grid: every whole percent."""

COARSE = (*range(7), 8, *range(10, 101, 5))
"""A grid for a quick look, dense where good orders make curves fall."""

DRAWS: dict[CurveProtocol, int] = {"as_published": 1, "fair": 8}
"""Noise draws of each protocol, if not said otherwise."""

_ENTRIES_AT_ONCE = 2**25  # of the masks that are in memory together


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
        See `rate_distortion_curve`.
    measure : str
        See `rcx.solver.distortion`.
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
        """Area ``(N,)`` under each curve, by the trapezoidal rule, over the share from 0 to 1."""
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
            If the grid does not reach it.
        """
        if not self.percent[0] <= percent <= self.percent[-1]:
            raise ValueError(f"the curve does not reach {percent} percent")
        place = int(torch.searchsorted(self.percent, percent).clamp(1, len(self.percent) - 1))
        left, right = self.percent[place - 1 : place + 1]
        weight = (percent - left) / (right - left)
        return torch.lerp(self.distortion[:, place - 1], self.distortion[:, place], weight)

    def initial_drop(self, percent: float = 10) -> Tensor:
        """Distortion at 0 % minus distortion at ``percent``, ``(N,)``; negative for a rise."""
        return self.at(0) - self.at(percent)

    def normalised(self) -> Curve:
        """Curve in percent of the mean fully randomised distortion, as in the report's Figure 5.

        One number divides all images, so that the mean of the normalised curves is the normalised
        mean curve.
        """
        whole = self.fully_randomised.mean()
        if not whole > 0:
            raise ValueError(
                "randomising everything changes nothing: there is nothing to divide by"
            )
        scale = 100 / whole
        return replace(self, distortion=self.distortion * scale, spread=self.spread * scale)


@torch.no_grad()
def rate_distortion_curve(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    ranking: Ranking,
    direction: Direction = "keep",
    *,
    percent: Iterable[float] = PERCENT,
    protocol: CurveProtocol = "fair",
    measure: DistortionMeasure = "l2",
    target: int | Sequence[int] | Tensor | None = None,
    draws: int | None = None,
    seed: Seed = 0,
    device: str | torch.device = "auto",
    chunk: int | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Measure how the answer moves as coefficients are kept, or randomised, in a given order.

    What is randomised is replaced by Gaussian noise with the statistics of its band [1]_. A noise
    draw is made once for an image and stays in place along the curve, so that neighbouring points
    differ by their coefficients and not by their noise. That is what the published evaluation does
    too: it replaces or restores one coefficient after the other.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`. Comes back as it was.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    ranking : Ranking
        For these images.
    direction : {"keep", "randomise"}
        What happens to the most relevant coefficients; the opposite happens to the others.
    percent : iterable of float
        Increasing, in [0, 100].
    protocol : {"as_published", "fair"}
        ``"as_published"``: one draw; CartoonX's images are clamped to [0, 1], except the noise that
        its keep-curve starts from, and those of all other series are not; a percent is
        ``ceil(K / 100)`` coefficients, so that the last step is shorter. ``"fair"``: several
        draws; all images are clamped; q percent are ``round(K q / 100)`` coefficients.
    measure : str
        See `rcx.solver.distortion`; the report's curves have ``"l2"``.
    target : int, sequence of int or Tensor, optional
        Explained classes, for the measures that look at one; the predicted ones by default.
    draws : int, optional
        Noise draws; by default 1 as published and 8 in the fair protocol.
    seed : int or sequence of int
        Of noise and ties: one for the batch, or one for each image, see `image_seeds`.
    device, chunk
        As for `rcx.CartoonX`.
    progress : callable, optional
        Called after each image with the images done and their number.

    Returns
    -------
    Curve
        Where everything is kept, the distortion is 0 up to the rounding of the transform.

    Raises
    ------
    TypeError, ValueError
        For arguments that do not fit each other or are none of the above.

    References
    ----------
    .. [1] S. Kolek et al., "Cartoon Explanations of Image Classifiers", ECCV 2022, Figure 7.
    """
    if direction not in get_args(Direction):
        raise ValueError(f"unknown direction {direction!r}; one of {get_args(Direction)}")
    if protocol not in get_args(CurveProtocol):
        raise ValueError(f"unknown protocol {protocol!r}; one of {get_args(CurveProtocol)}")
    grid = _checked_grid(percent)
    draws = DRAWS[protocol] if draws is None else draws
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    place = chosen_device(device)
    images = checked_images(images).to(place)
    if len(ranking) != len(images):
        raise ValueError(f"a ranking of {len(ranking)} images does not fit {len(images)} images")
    model = inference_copy(load_classifier(classifier), place, images)
    model.to(memory_format=torch.channels_last)
    logits = checked_logits(model, images)
    targets = checked_targets(target, logits)
    counts = _counts(grid, ranking.representation.length, protocol).to(place)
    clamped = _clamped(grid, ranking, direction, protocol)
    mean, deviation = torch.empty(2, len(images), len(grid))
    with Lanes(model) as lanes:
        for row, number in enumerate(image_seeds(seed, len(images))):
            one = slice(row, row + 1)
            rank = ranks(ranking.relevance[row].to(place), generator_of(number, "ties"))
            for clamp in sorted(set(clamped.tolist())):
                objective = Objective(
                    lanes,
                    ranking.representation,
                    images[one],
                    logits[one],
                    targets[one],
                    measure=measure,
                    clamp=clamp,
                    antithetic=False,
                    chunk=chunk,
                )
                fields = objective.draw(draws, generator_of(number, "noise"))
                rows_at_once = max(1, _ENTRIES_AT_ONCE // len(rank))
                for some in (clamped == clamp).nonzero().flatten().split(rows_at_once):
                    chosen = rank < counts[some, None]
                    mask = (chosen if direction == "keep" else ~chosen).to(objective.coefficients)
                    answer = objective.answer(mask, fields, torch.zeros_like(some, device=place))
                    mean[row, some] = answer.distortion.cpu()
                    deviation[row, some] = answer.spread.cpu()
            if progress is not None:
                progress(row + 1, len(images))
    # from the standard error of the mean, with n in its denominator
    deviation *= draws / (draws - 1) ** 0.5 if draws > 1 else torch.nan
    return Curve(grid, mean, deviation, direction, protocol, measure, draws)


def rate_distortion_curves(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    rankings: Mapping[str, Ranking],
    direction: Direction = "keep",
    **options: Any,
) -> dict[str, Curve]:
    """Measure a curve for each of several rankings, with the options of `rate_distortion_curve`.

    Rankings of one representation meet the same noise, so that they can be compared in pairs.
    """
    return {
        name: rate_distortion_curve(classifier, images, ranking, direction, **options)
        for name, ranking in rankings.items()
    }


def _checked_grid(percent: Iterable[float]) -> Tensor:
    grid = torch.tensor([float(point) for point in percent])
    if len(grid) < 2 or not bool(((grid >= 0) & (grid <= 100)).all()):
        raise ValueError(f"percent must be two or more numbers from 0 to 100, got {grid.tolist()}")
    if not bool((grid.diff() > 0).all()):
        raise ValueError("percent must increase")
    return grid


def _counts(grid: Tensor, length: int, protocol: CurveProtocol) -> Tensor:
    """How many coefficients each percentage is."""
    step = -(-length // 100) if protocol == "as_published" else length / 100
    return (grid.double() * step).round().long().clamp_max(length)


def _clamped(
    grid: Tensor, ranking: Ranking, direction: Direction, protocol: CurveProtocol
) -> Tensor:
    """At which points the images are clamped to [0, 1]."""
    if protocol == "fair":
        return torch.ones_like(grid, dtype=torch.bool)
    if not ranking.clamped_as_published:
        return torch.zeros_like(grid, dtype=torch.bool)
    return (grid > 0) | (direction == "randomise")
