"""Seconds and rate-distortion of this package beside the published settings, in one run.

The extra ``rcx[bench]`` brings pytorch-wavelets, the published wavelet transform. It is imported
where it is used, so that this module can be imported without it.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.curve_measurement import rate_distortion_curve
from rcx.evaluate.rankings import Ranking
from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.pixel_rde import PixelRDE
from rcx.representations.wavelets import Wavelets
from rcx.solver.noise import band_noise
from rcx.solver.settings import SolverSettings


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Measure the median wall seconds of a piece of work, after one run that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def transform_timings(size: int = 256, samples: int = 16, *, seed: int = 0) -> pd.DataFrame:
    """Time the inverse wavelet transform of this package and that of pytorch-wavelets.

    Parameters
    ----------
    size : int
        Height and width of the images.
    samples : int
        Number of colour images in the batch.
    seed : int
        Seed of the coefficients.

    Returns
    -------
    DataFrame
        Rows ``pytorch-wavelets`` and ``rcx``, with ``seconds`` for the batch and the ``ratio``: how
        many times faster a row is than the first row.

    Raises
    ------
    RuntimeError
        If pytorch-wavelets is not installed.
    """
    wavelets = Wavelets(size)
    generator = torch.Generator().manual_seed(seed)
    coefficients = torch.randn(samples, 3, wavelets.length, generator=generator)
    published = _published_inverse(wavelets)
    parts = [coefficients[..., band.positions] for band in wavelets.bands]
    return _ratios(
        {
            "pytorch-wavelets": median_seconds(lambda: published(parts)),
            "rcx": median_seconds(lambda: wavelets.synthesise(coefficients)),
        }
    )


def _published_inverse(wavelets: Wavelets) -> Callable[[Sequence[Tensor]], Tensor]:
    """Make the inverse transform of pytorch-wavelets; it takes the flat coefficients by band."""
    try:
        with warnings.catch_warnings():  # pytorch-wavelets imports pkg_resources, which warns
            warnings.simplefilter("ignore")
            from pytorch_wavelets import DWTInverse
    except ImportError as error:
        raise RuntimeError(
            "timing the published transform needs pytorch-wavelets: pip install 'rcx[bench]'"
        ) from error
    inverse = DWTInverse(wave=wavelets.wavelet, mode=wavelets.padding)

    def synthesise(parts: Sequence[Tensor]) -> Tensor:
        shaped = [
            part.reshape(*part.shape[:-1], *band.shape)
            for part, band in zip(parts, wavelets.bands, strict=True)
        ]
        images: Tensor = inverse((shaped[0], shaped[:0:-1]))
        return images

    return synthesise


def _ratios(seconds: Mapping[str, float]) -> pd.DataFrame:
    """List seconds, and how many times faster than the first each of them is."""
    table = pd.DataFrame({"seconds": seconds})
    table["ratio"] = table["seconds"].iloc[0] / table["seconds"]
    return table


def curve_timings(classifier: Classifier, images: Tensor, *, seed: int = 0) -> pd.DataFrame:
    """Time a rate-distortion curve of wavelets by the published method and by this package.

    Parameters
    ----------
    classifier : Classifier
        The classifier whose answers are measured, on a CPU.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1]; each gets one keep-curve of a random order.
    seed : int
        Seed of order and noise.

    Returns
    -------
    DataFrame
        ``seconds`` per image and the ``ratio``: how many times faster a row is than the first row.
        ``one by one`` is the published method: a Python loop over the coefficients, and for each
        percent an inverse by pytorch-wavelets and one image through the network. ``its loop alone``
        leaves out network and transform. ``rcx`` is `rcx.evaluate.rate_distortion_curve`.

    Raises
    ------
    RuntimeError
        If pytorch-wavelets is not installed.
    """
    wavelets = Wavelets(images.shape[-2:])
    ranking = Ranking.at_random(wavelets, len(images), seed)
    loop_seconds, published_seconds = 0.0, 0.0
    for image, relevance in zip(images, ranking.relevance, strict=True):
        begin = time.perf_counter()
        loop_seconds += _one_by_one(classifier, wavelets, image, relevance.argsort().tolist())
        published_seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    rate_distortion_curve(
        classifier, images, ranking, protocol="as_published", seed=seed, device="cpu"
    )
    rcx_seconds = time.perf_counter() - begin
    totals = {"one by one": published_seconds, "its loop alone": loop_seconds, "rcx": rcx_seconds}
    return _ratios({name: seconds / len(images) for name, seconds in totals.items()})


@torch.no_grad()
def _one_by_one(
    classifier: Classifier, wavelets: Wavelets, image: Tensor, order: list[int]
) -> float:
    """Restore coefficients one after the other, and return the seconds that this alone took."""
    synthesise = _published_inverse(wavelets)
    coefficients = wavelets.analyse(image[None])
    noise = band_noise(coefficients, wavelets.bands)
    random = noise.mean + noise.deviation * torch.randn_like(coefficients)
    original, restored = (
        [values[..., band.positions].clone() for band in wavelets.bands]
        for values in (coefficients, random)
    )
    entries = [
        (band_index, position)
        for band_index, band in enumerate(wavelets.bands)
        for position in range(band.stop - band.start)
    ]
    waiting = [entries[index] for index in order]
    before, loop_seconds = classifier.probabilities(image[None]), 0.0
    for _ in range(100):
        begin = time.perf_counter()
        for _ in range(min(len(waiting), -(-len(order) // 100))):
            band_index, position = waiting.pop(0)
            restored[band_index][0, :, position] = original[band_index][0, :, position]
        loop_seconds += time.perf_counter() - begin
        float((classifier.probabilities(synthesise(restored).clamp(0, 1)) - before).norm())
    return loop_seconds


def solver_timings(
    classifier: Classifier,
    images: Tensor,
    *,
    published_steps: int = 5,
    whole: bool = False,
    methods: Sequence[type[Explainer]] = (CartoonX, PixelRDE),
    seed: int = 0,
) -> pd.DataFrame:
    """Time explanations by the default and the published solver, and measure them.

    Both solvers measure distortion as published.

    Parameters
    ----------
    classifier : Classifier
        The classifier that is explained.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1].
    published_steps : int
        Number of steps of the published solver that are timed. Its seconds for all steps follow
        from them; its rate and distortion are then not known.
    whole : bool
        Whether to run the published solver to its end instead: 2,000 steps of 64 samples.
    methods : sequence of type
        The methods, such as `rcx.CartoonX`.
    seed : int
        Seed of all noise.

    Returns
    -------
    DataFrame
        A row for each method and solver: seconds per image, mean loss, distortion and non-sparsity,
        share of kept labels and of converged runs, mean steps. ``ratio`` is how many times faster
        the default solver is than the published one.

    Warns
    -----
    EmptyExplanationWarning
        Where an explanation shows nothing.
    """
    rows: list[dict[str, object]] = []
    published = SolverSettings.preset("published")
    timed_steps = published if whole else published.model_copy(update={"steps": published_steps})
    for method in methods:
        slow, slow_seconds = timed(
            method(
                classifier,
                distortion="probability",
                solver=timed_steps,
                seed=seed,
                # of a few steps, the seconds of all follow, and the result is not looked at
                evaluation_samples=64 if whole else 1,
            ),
            images,
        )
        slow_seconds *= published.steps / timed_steps.steps
        fast, fast_seconds = timed(method(classifier, distortion="probability", seed=seed), images)
        quality = _quality(slow) if whole else {"steps": float(published.steps)}
        rows += [
            {"method": method.method, "solver": "published", "seconds": slow_seconds, **quality},
            {
                "method": method.method,
                "solver": "default",
                "seconds": fast_seconds,
                **_quality(fast),
                "ratio": slow_seconds / fast_seconds,
            },
        ]
    return pd.DataFrame(rows).set_index(["method", "solver"])


def timed(explainer: Explainer, images: Tensor) -> tuple[Explanation, float]:
    """Explain images ``(N, 3, H, W)``, and measure the wall seconds per image."""
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
