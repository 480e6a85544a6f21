"""How the answer moves as coefficients are kept or randomised in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import Target, checked_targets
from rcx.evaluate.curves import DRAWS, PERCENT, Curve, CurveProtocol, Direction
from rcx.evaluate.rankings import Ranking, Seed, generator_of, image_seeds, ranks
from rcx.images.checks import checked_images
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.lanes import Lanes
from rcx.solver.loop import Progress
from rcx.solver.objective import Objective
from rcx.system.isolation import isolated

_ENTRIES_AT_ONCE = 2**25  # entries of the masks that are in memory together


@isolated()
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
    target: Target = None,
    draws: int | None = None,
    seed: Seed = 0,
    device: str | torch.device = "auto",
    chunk: int | None = None,
    progress: Progress | None = None,
) -> Curve:
    """Measure how the answer moves as coefficients are kept, or randomised, in a given order.

    Randomised coefficients are replaced by Gaussian noise with the statistics of their band [1]_.
    Each noise draw serves the whole curve of an image, so that neighbouring points differ by their
    coefficients and not by their noise. The published evaluation does the same: it replaces or
    restores one coefficient after the other.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, as for `rcx.load_classifier`. A copy is asked, so that it is not changed.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    ranking : Ranking
        The order of the coefficients of each of these images.
    direction : {"keep", "randomise"}
        What happens to the most relevant coefficients; the opposite happens to the others.
    percent : iterable of float
        Percentages of the coefficients, two or more, increasing, in [0, 100].
    protocol : {"as_published", "fair"}
        ``"as_published"``: one noise draw. The images of CartoonX are clamped to [0, 1], except the
        pure noise at which its keep-curve starts; the images of all other series are not clamped.
        One percent is ``ceil(K / 100)`` coefficients, so that the last step is shorter.
        ``"fair"``: several draws. All images are clamped. q percent are ``round(K q / 100)``
        coefficients.
    measure : str
        How distortion is measured, see `rcx.solver.distortion`. The published curves use ``"l2"``.
    target : int, sequence of int or Tensor, optional
        Explained classes, for measures that depend on one class; the predicted ones by default.
    draws : int, optional
        Number of noise draws, at least 1; by default 1 as published and 8 in the fair protocol.
    seed : int or sequence of int
        Seed of noise and ties: one for the batch, or one for each image, see `image_seeds`.
    device, chunk
        As for `rcx.CartoonX`.
    progress : callable, optional
        Called after each image with the number of images done and the number of all images.

    Returns
    -------
    Curve
        The curve of each image. Where everything is kept, the distortion is 0 up to the rounding of
        the transform.

    Raises
    ------
    TypeError, ValueError
        For arguments that are out of range or do not fit each other.

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
    hardware = usable_device(device)
    images = checked_images(images).to(hardware)
    if len(ranking) != len(images):
        raise ValueError(f"a ranking of {len(ranking)} images does not fit {len(images)} images")
    model = inference_copy(load_classifier(classifier), hardware, images)
    model.to(memory_format=torch.channels_last)
    logits = checked_logits(model, images)
    targets = checked_targets(target, logits, model)
    counts = _counts(grid, ranking.representation.length, protocol).to(hardware)
    clamped = _clamped(grid, ranking, direction, protocol)
    mean, deviation = torch.empty(2, len(images), len(grid), dtype=torch.float32)
    with Lanes(model) as lanes:
        for row, image_seed in enumerate(image_seeds(seed, len(images))):
            rows = slice(row, row + 1)
            rank = ranks(ranking.relevance[row].to(hardware), generator_of(image_seed, "ties"))
            for clamp in sorted(set(clamped.tolist())):
                objective = Objective(
                    lanes,
                    ranking.representation,
                    images[rows],
                    logits[rows],
                    targets[rows],
                    measure=measure,
                    clamp=clamp,
                    antithetic=False,
                    meaning=model.meaning,
                    chunk=chunk,
                )
                fields = objective.draw(draws, generator_of(image_seed, "noise"))
                points_at_once = max(1, _ENTRIES_AT_ONCE // len(rank))
                alike = (clamped == clamp).nonzero().flatten()
                for points in torch.split(alike, points_at_once):
                    relevant = rank < counts[points, None]
                    keep = relevant if direction == "keep" else ~relevant
                    masks = keep.to(objective.coefficients)
                    answer = objective.answer(
                        masks, fields, torch.zeros_like(points, device=hardware)
                    )
                    mean[row, points] = answer.distortion.cpu()
                    deviation[row, points] = answer.distortion_error.cpu()
            if progress is not None:
                progress(row + 1, len(images))
    # `deviation` holds standard errors of the mean, with the number of draws in their denominator.
    deviation *= draws / (draws - 1) ** 0.5 if draws > 1 else torch.nan
    return Curve(grid, mean, deviation, direction, protocol, measure, draws)


def rate_distortion_curves(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    rankings: Mapping[str, Ranking],
    direction: Direction = "keep",
    *,
    percent: Iterable[float] = PERCENT,
    protocol: CurveProtocol = "fair",
    measure: DistortionMeasure = "l2",
    target: Target = None,
    draws: int | None = None,
    seed: Seed = 0,
    device: str | torch.device = "auto",
    chunk: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Curve]:
    """Measure a curve for each of several rankings.

    Rankings of one representation meet the same noise, so that they can be compared in pairs.

    Parameters
    ----------
    rankings : mapping of str to Ranking
        Orders by name, all of these images.
    progress : callable, optional
        Called as by `rate_distortion_curve`, for each ranking anew.
    classifier, images, direction, percent, protocol, measure, target, draws, seed, device, chunk
        As for `rate_distortion_curve`.

    Returns
    -------
    dict of str to Curve
        The curves by the names of their rankings.

    Raises
    ------
    TypeError, ValueError
        As for `rate_distortion_curve`.
    """
    grid = tuple(percent)
    return {
        name: rate_distortion_curve(
            classifier,
            images,
            ranking,
            direction,
            percent=grid,
            protocol=protocol,
            measure=measure,
            target=target,
            draws=draws,
            seed=seed,
            device=device,
            chunk=chunk,
            progress=progress,
        )
        for name, ranking in rankings.items()
    }


def _checked_grid(percent: Iterable[float]) -> Tensor:
    grid = torch.tensor([float(point) for point in percent], dtype=torch.float32)
    if len(grid) < 2 or not bool(((grid >= 0) & (grid <= 100)).all()):
        raise ValueError(f"percent must be two or more numbers from 0 to 100, got {grid.tolist()}")
    if not bool((grid.diff() > 0).all()):
        raise ValueError("percent must increase")
    return grid


def _counts(grid: Tensor, length: int, protocol: CurveProtocol) -> Tensor:
    """Number of coefficients ``(Q,)`` at each percentage."""
    step = -(-length // 100) if protocol == "as_published" else length / 100
    return (grid.double() * step).round().long().clamp_max(length)


def _clamped(
    grid: Tensor, ranking: Ranking, direction: Direction, protocol: CurveProtocol
) -> Tensor:
    """Whether the images are clamped to [0, 1], ``(Q,)`` bool, at each percentage."""
    if protocol == "fair":
        return torch.ones_like(grid, dtype=torch.bool)
    if not ranking.clamped_as_published:
        return torch.zeros_like(grid, dtype=torch.bool)
    return (grid > 0) | (direction == "randomise")
