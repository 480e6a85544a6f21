"""Times and rate-distortion of this package against the published settings, in one run."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.curves import rate_distortion_curve
from rcx.evaluate.rankings import Ranking
from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.pixel_rde import PixelRDE
from rcx.representations.wavelets import Wavelets
from rcx.solver.noise import adaptive_gaussian
from rcx.solver.settings import SolverSettings


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall seconds of a piece of work, after one run that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def transform_timings(size: int = 256, samples: int = 16, *, seed: int = 0) -> pd.DataFrame:
    """Seconds of the inverse wavelet transform, here and in pytorch-wavelets.

    Parameters
    ----------
    size : int
        Height and width of the images.
    samples : int
        Colour images in the batch.
    seed : int
        Of the coefficients.

    Returns
    -------
    DataFrame
        Rows ``pytorch-wavelets`` and ``rcx``; ``ratio`` is how many times faster than the first.
    """
    wavelets = Wavelets(size)
    generator = torch.Generator().manual_seed(seed)
    coefficients = torch.randn(samples, 3, wavelets.length, generator=generator)
    published = _published_inverse(wavelets)
    parts = [coefficients[..., band.positions] for band in wavelets.bands]
    return _compared(
        {
            "pytorch-wavelets": median_seconds(lambda: published(parts)),
            "rcx": median_seconds(lambda: wavelets.synthesise(coefficients)),
        }
    )


def _published_inverse(wavelets: Wavelets) -> Callable[[Sequence[Tensor]], Tensor]:
    """Inverse transform of pytorch-wavelets, from the flat coefficients of each band."""
    with warnings.catch_warnings():  # it imports pkg_resources, which warns
        warnings.simplefilter("ignore")
        from pytorch_wavelets import DWTInverse
    inverse = DWTInverse(wave=wavelets.wavelet, mode=wavelets.padding)

    def synthesise(parts: Sequence[Tensor]) -> Tensor:
        shaped = [p.unflatten(-1, b.shape) for p, b in zip(parts, wavelets.bands, strict=True)]
        images: Tensor = inverse((shaped[0], shaped[:0:-1]))
        return images

    return synthesise


def _compared(seconds: Mapping[str, float]) -> pd.DataFrame:
    """Seconds, and how many times faster than the first each one is."""
    table = pd.DataFrame({"seconds": seconds})
    table["ratio"] = table["seconds"].iloc[0] / table["seconds"]
    return table


def curve_timings(classifier: Classifier, images: Tensor, *, seed: int = 0) -> pd.DataFrame:
    """Seconds of a rate-distortion curve of wavelets, as the published evaluation goes and here.

    Parameters
    ----------
    classifier : Classifier
        Whose answers are measured, on a CPU.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1]; each gets one keep-curve of a random order.
    seed : int
        Of order and noise.

    Returns
    -------
    DataFrame
        Rows ``one by one``: a Python loop over the coefficients, and for each percent an inverse by
        pytorch-wavelets and one image through the network; ``its loop alone``, without network and
        transform; and ``rcx``. Seconds per image; ``ratio`` is how many times faster than the
        first.
    """
    wavelets = Wavelets(images.shape[-2:])
    ranking = Ranking.at_random(wavelets, len(images), seed)
    loop, whole = 0.0, 0.0
    for image, relevance in zip(images, ranking.relevance, strict=True):
        begin = time.perf_counter()
        loop += _one_by_one(classifier, wavelets, image, relevance.argsort().tolist())
        whole += time.perf_counter() - begin
    begin = time.perf_counter()
    rate_distortion_curve(
        classifier, images, ranking, protocol="as_published", seed=seed, device="cpu"
    )
    here = time.perf_counter() - begin
    seconds = {"one by one": whole, "its loop alone": loop, "rcx": here}
    return _compared({name: total / len(images) for name, total in seconds.items()})


@torch.no_grad()
def _one_by_one(
    classifier: Classifier, wavelets: Wavelets, image: Tensor, order: list[int]
) -> float:
    """Restore coefficients one after the other; tells the seconds of that alone."""
    synthesise = _published_inverse(wavelets)
    coefficients = wavelets.analyse(image[None])
    noise = adaptive_gaussian(coefficients, wavelets.bands)
    random = noise.mean + noise.deviation * torch.randn_like(coefficients)
    original, restored = (
        [whole[..., band.positions].clone() for band in wavelets.bands]
        for whole in (coefficients, random)
    )
    entries = [
        (number, position)
        for number, band in enumerate(wavelets.bands)
        for position in range(band.stop - band.start)
    ]
    waiting = [entries[place] for place in order]
    before, loop = classifier.probabilities(image[None]), 0.0
    for _ in range(100):
        begin = time.perf_counter()
        for _ in range(min(len(waiting), -(-len(order) // 100))):
            number, position = waiting.pop(0)
            restored[number][0, :, position] = original[number][0, :, position]
        loop += time.perf_counter() - begin
        float((classifier.probabilities(synthesise(restored).clamp(0, 1)) - before).norm())
    return loop


def solver_timings(
    classifier: Classifier,
    images: Tensor,
    *,
    published_steps: int = 5,
    whole: bool = False,
    seed: int = 0,
) -> pd.DataFrame:
    """Seconds per explanation and rate-distortion of the default and the published solver.

    Parameters
    ----------
    classifier : Classifier
        What is explained.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1].
    published_steps : int
        Steps of the published solver that are timed; its seconds for all steps follow from them,
        and its rate-distortion is then not known.
    whole : bool
        Run the published solver to its end instead: 2,000 steps of 64 samples.
    seed : int
        For all noise.

    Returns
    -------
    DataFrame
        A row for each method and solver: seconds per image, mean loss, distortion, non-sparsity,
        share of kept labels and of converged runs, mean steps; ``ratio`` is how many times faster
        than the published solver.
    """
    rows: list[dict[str, Any]] = []
    published = SolverSettings.preset("published")
    measured = published if whole else published.model_copy(update={"steps": published_steps})
    for method in (CartoonX, PixelRDE):
        slow, slow_seconds = timed(
            method(classifier, distortion="probability", solver=measured, seed=seed), images
        )
        slow_seconds *= published.steps / measured.steps
        fast, fast_seconds = timed(method(classifier, distortion="probability", seed=seed), images)
        quality = _quality(slow) if whole else {"steps": float(published.steps)}
        rows += [
            {"method": method.method, "solver": "published", "seconds": slow_seconds, **quality},
            {"method": method.method, "solver": "default", "seconds": fast_seconds}
            | _quality(fast)
            | {"ratio": slow_seconds / fast_seconds},
        ]
    return pd.DataFrame(rows).set_index(["method", "solver"])


def timed(explainer: Explainer, images: Tensor) -> tuple[Explanation, float]:
    """Explain images ``(N, 3, H, W)``, and tell the wall seconds per image."""
    begin = time.perf_counter()
    explanation = explainer.explain(images)
    return explanation, (time.perf_counter() - begin) / len(images)


def _quality(explanation: Explanation) -> dict[str, float]:
    columns: Sequence[tuple[str, Tensor]] = (
        ("steps", explanation.steps),
        ("loss", explanation.loss),
        ("distortion", explanation.distortion),
        ("nonsparsity", explanation.nonsparsity),
        ("label kept", explanation.label_kept),
        ("converged", explanation.converged),
    )
    return {name: values.double().mean().item() for name, values in columns}
