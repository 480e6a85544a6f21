"""Estimates of how long the results of a study take on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from copy import copy
from functools import cache

import torch

from rcx.explain.lambda_path import path_steps
from rcx.solver.settings import SolverSettings
from rcx.study.requests import EVALUATION_DRAWS, GRIDS, Request
from rcx.study.variants import Hardware, LoadedVariant, Variant, load_variant
from rcx.system.isolation import own_threads

_TIMED_SAMPLES = 32
_PASSES = {
    "rollout": 1.0,
    "attribution": 100.0,
    "evaluation": float(EVALUATION_DRAWS),
    "scores": 250.0,
}


def passes_by_series(loaded: LoadedVariant, requests: Iterable[Request]) -> dict[str, float]:
    """Count the images that pass through the network, at most, for each method of a run.

    An explanation that converges early takes fewer. A series that is no method, such as a rollout,
    counts as the first method's.
    """
    methods = loaded.explainers
    passes: dict[str, float] = {}
    for request in requests:
        series = request.series if request.series in methods else next(iter(methods))
        passes[series] = passes.get(series, 0.0) + _passes(loaded, request)
    return passes


def estimated_seconds(variant: Variant, hardware: Hardware, passes: Mapping[str, float]) -> float:
    """Estimate how long passes by series take, from some timed steps of each method."""
    return sum(
        count * _seconds_per_pass(variant, hardware, series) for series, count in passes.items()
    )


def _passes(loaded: LoadedVariant, request: Request) -> float:
    if request.key.kind == "explanation":
        solver = loaded.explainers[request.series].solver
        if request.lambda_k is None:
            return _passes_of_steps(solver, solver.steps)
        method = next(m for m in loaded.variant.run.methods if m.series == request.series)
        steps = path_steps(sorted(method.lambda_ks), solver)
        return _passes_of_steps(solver, steps) / len(method.lambda_ks)
    if request.key.kind == "curve" and request.curve is not None:
        return float(len(GRIDS[request.curve.grid]) * request.key.document["draws"])
    return _PASSES[request.key.kind]


def _passes_of_steps(solver: SolverSettings, steps: int) -> float:
    """Count the passes of steps of the solver; a gradient costs about as much as two more."""
    return 3.0 * steps * solver.samples


@cache
def _seconds_per_pass(variant: Variant, hardware: Hardware, series: str) -> float:
    """Time a few of a method's steps, with all that belongs to them, for the seconds of a pass."""
    loaded = load_variant(variant, hardware)
    explainer = copy(loaded.explainers[series])
    channels, generator = loaded.classifier.channels, torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, *loaded.size, generator=generator, dtype=torch.float32)
    timed_steps = max(2, _TIMED_SAMPLES // explainer.solver.samples)
    seconds = []
    with own_threads(hardware.threads):
        for steps in (1, 1, 1 + timed_steps):  # without what is slow at first, or done once
            explainer.solver = explainer.solver.model_copy(update={"steps": steps})
            begin = time.perf_counter()
            explainer.explain(image, warn=False)
            seconds.append(time.perf_counter() - begin)
    return max(0.0, seconds[2] - seconds[1]) / _passes_of_steps(explainer.solver, timed_steps)
