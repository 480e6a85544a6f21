"""Costs: how long explanations take as the work grows, and a store as its results do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.sizes import image_size
from rcx.explain.cartoonx import CartoonX
from rcx.images.scenes import draw_scenes
from rcx.solver.settings import SolverSettings
from rcx.study.keys import RESULTS, Key
from rcx.study.kinds import KINDS, Evaluation
from rcx.study.store import Store
from rcx.system.files import packed, with_notes
from rcx.system.isolation import own_threads

IMAGES, SAMPLES, SIZES = (1, 2, 4, 8), (8, 16, 32, 64), (128, 192, 256, 384)
_STEPS = 10
_VALIDATION_IMAGES, _GPUS = 50_000, 8


def cost_table(classifier: Classifier, *, seed: int = 0) -> pd.DataFrame:
    """Measure the processor seconds of one step as one quantity grows and the others stay.

    The work before the first step, copying the network and transforming the images, is left out.

    Parameters
    ----------
    classifier : Classifier
        A classifier that takes images of every size in ``SIZES``.
    seed : int
        Seed of scenes and noise.

    Returns
    -------
    DataFrame
        A row for each measurement: ``quantity``, ``value``, ``seconds``.
    """
    base = {"images": 1, "samples": 8, "size": 128}
    grid = {"images": IMAGES, "samples": SAMPLES, "size": SIZES}
    rows = []
    with own_threads(1):  # so that other work on the machine does not change the measurement
        _explain(classifier, **base, steps=1, seed=seed)  # the first call is slow
        for quantity, values in grid.items():
            for value in values:
                work = partial(_explain, classifier, **(base | {quantity: value}), seed=seed)
                before = _processor_seconds(partial(work, steps=0))
                whole = _processor_seconds(partial(work, steps=_STEPS))
                seconds = max(whole - before, 1e-6) / _STEPS
                rows.append({"quantity": quantity, "value": value, "seconds": seconds})
    return pd.DataFrame(rows)


def exponents(table: pd.DataFrame) -> pd.Series:
    """Fit the power with which the seconds of `cost_table` grow, for each quantity.

    Parameters
    ----------
    table : DataFrame
        As from `cost_table`.

    Returns
    -------
    Series
        Slopes of the logarithm of the seconds over the logarithm of the quantity.
    """
    return pd.Series(
        {
            str(quantity): float(np.polyfit(np.log(rows.value), np.log(rows.seconds), 1)[0])
            for quantity, rows in table.groupby("quantity", sort=False)
        },
        name="exponent",
    )


def store_table(count: int) -> pd.DataFrame:
    """Measure how long a store of many small results takes, in a temporary folder.

    Parameters
    ----------
    count : int
        Number of results.

    Returns
    -------
    DataFrame
        ``what``, ``seconds`` and ``processor seconds``, for: writing the files, listing them for
        the first time (the index is made from the files), listing them again, reading every file,
        and looking up every result, as a study does before it resumes.
    """
    rows = []

    def timed(what: str, work: Callable[[], object]) -> None:
        begin, busy = time.perf_counter(), time.process_time()
        work()
        rows.append(
            {
                "what": what,
                "seconds": time.perf_counter() - begin,
                "processor seconds": time.process_time() - busy,
            }
        )

    with tempfile.TemporaryDirectory(prefix="rcx-store-") as folder:
        keys = [_synthetic_key(number) for number in range(count)]
        timed("write the files", lambda: _fill(Path(folder), keys))
        with Store(folder) as store:
            timed("list, and make the index", store.rows)
        with Store(folder) as store:
            timed("list", store.rows)
        with Store(folder) as store:
            timed("verify", lambda: list(store.verify()))
        with Store(folder) as store:
            timed("resume", lambda: _look_up(store, count))
    return pd.DataFrame(rows)


def days_for_imagenet(seconds: float, gpus: int = _GPUS, speedup: float = 1.0) -> float:
    """Estimate the days that ImageNet's 50,000 validation images take.

    Parameters
    ----------
    seconds : float
        Seconds in which one process computes one image.
    gpus : int
        Number of processes that work at the same time.
    speedup : float
        Factor by which each of them is faster than the process that was timed.
    """
    return _VALIDATION_IMAGES * seconds / gpus / speedup / 86_400


def seconds_of_one(classifier: Classifier, *, seed: int = 0) -> float:
    """Measure the processor seconds of one explanation by CartoonX, with the default solver."""
    images = draw_scenes(1, seed=seed, size=image_size(classifier)).images
    with own_threads(1):  # so that other work on the machine does not change the measurement
        return _processor_seconds(lambda: CartoonX(classifier, device="cpu").explain(images))


def _explain(
    classifier: Classifier, *, images: int, samples: int, size: int, steps: int, seed: int
) -> None:
    solver = SolverSettings(steps=steps, samples=samples, early_share=0)
    explainer = CartoonX(classifier, solver=solver, device="cpu", evaluation_samples=1, seed=seed)
    explainer.explain(draw_scenes(images, seed=seed, size=size).images)


def _processor_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _synthetic_key(number: int) -> Key:
    image = {"sha256": f"{number:064x}", "size": 256, "fit": "stretch"}
    explainer = {"method": "CartoonX", "lambda_k": 20.0, "seed": 0}
    classifier = {"name": "synthetic", "normalize": True}
    explanation = {"image": image, "classifier": classifier, "explainer": explainer}
    return Key({"kind": "evaluation", "results": RESULTS, "explanation": explanation})


def _fill(folder: Path, keys: Sequence[Key]) -> None:
    """Write files as `Store.put` does, without waiting for the disk each time."""
    zero = torch.zeros(1)
    tensors, notes = KINDS["evaluation"].parts(Evaluation(zero, zero, zero))
    content = packed(tensors, notes)
    with Store(folder, indexed=False) as store:
        for key in keys:
            path = store.path(key)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(with_notes(content, {**notes, "key": key.text}))


def _look_up(store: Store, count: int) -> None:
    """Look up every result, as a study does first: its key, and whether it is stored."""
    for number in range(count):
        if store.state(_synthetic_key(number)) != "stored":
            raise RuntimeError("a result of the store was not found")
