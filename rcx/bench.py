"""Times and rate-distortion of this package against the published settings, in one run."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers import Classifier
from rcx.explainer import Explainer
from rcx.explainers import CartoonX, PixelRDE
from rcx.explanation import Explanation
from rcx.representations import Wavelets
from rcx.solver import SolverSettings


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Median wall seconds of a piece of work, after one run that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def transform_table(size: int = 256, samples: int = 16, *, seed: int = 0) -> pd.DataFrame:
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
    with warnings.catch_warnings():  # it imports pkg_resources, which warns
        warnings.simplefilter("ignore")
        from pytorch_wavelets import DWTInverse
    wavelets = Wavelets(size)
    generator = torch.Generator().manual_seed(seed)
    coefficients = torch.randn(samples, 3, wavelets.length, generator=generator)
    parts = [coefficients[..., band.positions].unflatten(-1, band.shape) for band in wavelets.bands]
    published = DWTInverse(wave=wavelets.wavelet, mode=wavelets.padding)
    pyramid = (parts[0], parts[:0:-1])
    seconds = {
        "pytorch-wavelets": median_seconds(lambda: published(pyramid)),
        "rcx": median_seconds(lambda: wavelets.synthesise(coefficients)),
    }
    table = pd.DataFrame({"seconds": seconds})
    table["ratio"] = table["seconds"].iloc[0] / table["seconds"]
    return table


def solver_table(
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
    timed = published if whole else published.model_copy(update={"steps": published_steps})
    for method in (CartoonX, PixelRDE):
        slow, slow_seconds = _timed(method(classifier, solver=timed, seed=seed), images)
        slow_seconds *= published.steps / timed.steps
        fast, fast_seconds = _timed(method(classifier, seed=seed), images)
        quality = _quality(slow) if whole else {"steps": float(published.steps)}
        rows += [
            {"method": method.method, "solver": "published", "seconds": slow_seconds, **quality},
            {"method": method.method, "solver": "default", "seconds": fast_seconds}
            | _quality(fast)
            | {"ratio": slow_seconds / fast_seconds},
        ]
    return pd.DataFrame(rows).set_index(["method", "solver"])


def _timed(explainer: Explainer, images: Tensor) -> tuple[Explanation, float]:
    """Explain, and tell the seconds per image."""
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
