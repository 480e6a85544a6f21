"""How the work grows: with images, noise samples and size, and a store with its entries."""

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
from rcx.study.keys import Key
from rcx.study.kinds import KINDS, Evaluation
from rcx.study.store import Store
from rcx.system.files import packed, with_notes

IMAGES, SAMPLES, SIZES = (1, 2, 4, 8), (8, 16, 32, 64), (128, 192, 256, 384)
_STEPS = 10
_VALIDATION_IMAGES, _GPUS = 50_000, 8


def cost_table(classifier: Classifier, *, seed: int = 0) -> pd.DataFrame:
    """Processor seconds of one step, as one quantity grows and the others stay.

    What an explanation costs before its first step, to copy the network and to transform the
    images, is not counted.

    Parameters
    ----------
    classifier : Classifier
        One that takes images of every size of ``SIZES``.
    seed : int
        Of scenes and noise.

    Returns
    -------
    DataFrame
        A row for each measurement: ``quantity``, ``value``, ``seconds``.
    """
    base = {"images": 1, "samples": 8, "size": 128}
    grid = {"images": IMAGES, "samples": SAMPLES, "size": SIZES}
    rows = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that a busy machine does not change what is measured
    try:
        _explain(classifier, **base, steps=1, seed=seed)  # the first call is slow
        for quantity, values in grid.items():
            for value in values:
                chosen = base | {quantity: value}
                before, whole = (
                    _processor_seconds(
                        partial(_explain, classifier, **chosen, steps=steps, seed=seed)
                    )
                    for steps in (0, _STEPS)
                )
                took = max(whole - before, 1e-6) / _STEPS
                rows.append({"quantity": quantity, "value": value, "seconds": took})
    finally:
        torch.set_num_threads(threads)
    return pd.DataFrame(rows)


def exponents(table: pd.DataFrame) -> pd.Series:
    """Power with which the seconds of `cost_table` grow, by quantity: slopes of log over log."""
    return pd.Series(
        {
            str(quantity): float(np.polyfit(np.log(rows.value), np.log(rows.seconds), 1)[0])
            for quantity, rows in table.groupby("quantity", sort=False)
        },
        name="exponent",
    )


def store_table(entries: int) -> pd.DataFrame:
    """Seconds that a store of so many small results takes, in a temporary folder.

    Returns
    -------
    DataFrame
        ``what``, ``seconds`` and ``processor seconds``: writing the files, listing them for the
        first time (the index is made from the files), listing them again, reading every file, and
        what a study asks before it resumes.
    """
    rows = []

    def timed(what: str, work: Callable[[], object]) -> None:
        begin, busy = time.perf_counter(), time.process_time()
        work()
        spent = time.perf_counter() - begin, time.process_time() - busy
        rows.append({"what": what, "seconds": spent[0], "processor seconds": spent[1]})

    with tempfile.TemporaryDirectory(prefix="rcx-store-") as folder:
        keys = [_synthetic(number) for number in range(entries)]
        timed("write the files", lambda: _fill(Path(folder), keys))
        with Store(folder) as store:
            timed("list, and make the index", store.rows)
        with Store(folder) as store:
            timed("list", store.rows)
        with Store(folder) as store:
            timed("verify", lambda: list(store.verify()))
        with Store(folder) as store:
            timed("resume", lambda: _resumed(store, entries))
    return pd.DataFrame(rows)


def days_for_imagenet(seconds: float, gpus: int = _GPUS, speedup: float = 1.0) -> float:
    """Days for ImageNet's validation images, from the seconds of one image in one process.

    Parameters
    ----------
    seconds : float
        Of one image, all that a study computes of it.
    gpus : int
        Processes that work at the same time.
    speedup : float
        How much faster each is than the process that was timed.
    """
    return _VALIDATION_IMAGES * seconds / gpus / speedup / 86_400


def seconds_of_one(classifier: Classifier, *, seed: int = 0) -> float:
    """Processor seconds of one whole explanation by CartoonX, with the default solver."""
    size = image_size(classifier)
    images = draw_scenes(1, seed=seed, size=size).images
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _processor_seconds(lambda: CartoonX(classifier, device="cpu").explain(images))
    finally:
        torch.set_num_threads(threads)


def _explain(
    classifier: Classifier, *, images: int, samples: int, size: int, steps: int, seed: int
) -> None:
    solver = SolverSettings(steps=steps, samples=samples, early_share=0, stop_early=False)
    explainer = CartoonX(classifier, solver=solver, device="cpu", evaluation_samples=1, seed=seed)
    explainer.explain(draw_scenes(images, seed=seed, size=size).images)


def _processor_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _synthetic(number: int) -> Key:
    image = {"sha256": f"{number:064x}", "size": 256, "fit": "stretch"}
    explainer = {"method": "CartoonX", "lambda_k": 20.0, "seed": 0}
    classifier = {"name": "synthetic", "normalize": True}
    explanation = {"image": image, "classifier": classifier, "explainer": explainer}
    return Key({"kind": "evaluation", "results": 0, "explanation": explanation})


def _fill(folder: Path, keys: Sequence[Key]) -> None:
    """Write files as `Store.put` does, without waiting for the disk each time."""
    one = torch.zeros(1)
    tensors, notes = KINDS["evaluation"].parts(Evaluation(one, one, one))
    content = packed(tensors, notes)
    with Store(folder, indexed=False) as store:
        for key in keys:
            path = store.path(key)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(with_notes(content, {**notes, "key": key.text}))


def _resumed(store: Store, entries: int) -> None:
    """What a study asks first: the keys of all that it wants, and whether they are stored."""
    for number in range(entries):
        if store.state(_synthetic(number)) != "stored":
            raise RuntimeError("a result of the store was not found")
