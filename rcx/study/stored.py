"""Explanations, curves and maps that are computed once and then read from a store.

The functions take the same arguments as the methods that they stand for. A chapter of the book, run
by itself or in the book, so finds what another chapter or an earlier run has computed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeVar, get_args

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.baselines import Baseline, attribution
from rcx.evaluate.curve_measurement import rate_distortion_curve
from rcx.evaluate.curves import Curve, Direction
from rcx.evaluate.feature_maps import InapplicableError
from rcx.evaluate.rankings import Ranking
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.study.keys import (
    Key,
    attribution_key,
    classifier_document,
    curve_key,
    explainer_document,
    explanation_key,
    path_keys,
    pixels_document,
    tensor_hash,
)
from rcx.study.kinds import Attribution, Result
from rcx.study.store import Store
from rcx.system.files import DamagedError

R = TypeVar("R", bound=Result)

FOLDER_VARIABLE = "RCX_STORE"
"""Environment variable that names the folder of the store."""

# rooms whose code decides what an explanation, a curve or a map is
_ROOMS = ("images", "classifiers", "representations", "solver", "starts", "explain", "evaluate")


def book_store() -> Store:
    """Open the store of the chapters.

    It is in the folder that ``RCX_STORE`` names, or else in ``.rcx/store`` beside the package in a
    copy of the project, or else in ``~/.cache/rcx``. Results of changed code are computed anew: the
    store has a folder for the code of today, and forgets the others.
    """
    package = Path(__file__).parents[1]
    project = package.parent
    checkout = (project / "pyproject.toml").exists()
    default = project / ".rcx" / "store" if checkout else Path.home() / ".cache" / "rcx"
    folder = Path(os.environ.get(FOLDER_VARIABLE) or default)
    today = folder / _code_hash(package)
    for other in folder.glob("*/"):
        if other != today and re.fullmatch(r"[0-9a-f]{16}", other.name):  # a store of other code
            shutil.rmtree(other, ignore_errors=True)
    return Store(today, indexed=False)


def stored_explanation(
    explainer: Explainer,
    images: Tensor,
    target: Sequence[int] | Tensor | None = None,
    *,
    store: Store | None = None,
) -> Explanation:
    """Explain images, or read the explanations of those that were explained before.

    Parameters
    ----------
    explainer : Explainer
        The method with its settings. It must not start from a mask.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1], N at least 1.
    target : sequence of int or Tensor, optional
        One class for each image; by default the predicted ones.
    store : Store, optional
        Where explanations are kept; by default `book_store`.

    Returns
    -------
    Explanation
        The same as that of ``explainer.explain(images, target)``.

    Raises
    ------
    TypeError
        If the explainer starts from a mask.
    """
    rows = _stored_rows(explainer, images, target, None, store)
    return Explanation.cat([explanation for (explanation,) in rows])


def stored_path(
    explainer: Explainer,
    images: Tensor,
    lambda_ks: Sequence[float],
    target: Sequence[int] | Tensor | None = None,
    *,
    store: Store | None = None,
) -> list[Explanation]:
    """Explain images for several lambdas, or read the paths of those that were explained before.

    Parameters
    ----------
    explainer, images, target, store
        As for `stored_explanation`.
    lambda_ks : sequence of float
        Lambdas, as for `rcx.CartoonX.explain_path`.

    Returns
    -------
    list of Explanation
        One for each lambda, in the given order.
    """
    rows = _stored_rows(explainer, images, target, list(lambda_ks), store)
    return [Explanation.cat(list(column)) for column in zip(*rows, strict=True)]


def stored_curves(
    classifier: Classifier,
    images: Tensor,
    rankings: Mapping[str, Ranking],
    direction: Direction = "keep",
    *,
    percent: Sequence[float],
    draws: int,
    seed: int = 0,
    store: Store | None = None,
) -> dict[str, Curve]:
    """Measure fair curves of the l2 distortion, or read those that were measured before.

    Parameters
    ----------
    classifier, images, rankings, direction, percent, draws, seed
        As for `rcx.evaluate.rate_distortion_curves`.
    store : Store, optional
        Where curves are kept; by default `book_store`.

    Returns
    -------
    dict of str to Curve
        The curves of all images, by the names of the rankings.
    """
    kept = store or book_store()
    document = classifier_document(classifier)

    def curve(ranking: Ranking) -> Curve:
        order = {"relevance": tensor_hash(ranking.relevance), "of": repr(ranking.representation)}
        key = curve_key(
            pixels_document(images),
            document,
            order,
            direction=direction,
            protocol="fair",
            percent=percent,
            draws=draws,
            measure="l2",
            seed=seed,
        )
        measure = partial(
            rate_distortion_curve,
            classifier,
            images,
            ranking,
            direction,
            percent=percent,
            draws=draws,
            seed=seed,
        )
        return _stored(kept, key, Curve, measure)

    return {name: curve(ranking) for name, ranking in rankings.items()}


def stored_attributions(
    classifier: Classifier, images: Tensor, *, seed: int = 0, store: Store | None = None
) -> dict[str, Tensor]:
    """Compute maps of the predicted classes by captum's methods, or read those computed before.

    Parameters
    ----------
    classifier : Classifier
        The classifier.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    seed : int
        Seed of the methods that draw.
    store : Store, optional
        Where maps are kept; by default `book_store`.

    Returns
    -------
    dict of str to Tensor
        ``(N, H, W)``, by the name of each method that applies to the classifier.
    """
    kept = store or book_store()
    maps: dict[str, Tensor] = {}
    for name in get_args(Baseline):
        key = attribution_key(pixels_document(images), classifier_document(classifier), name, seed)
        make = partial(_attribution, name, classifier, images, seed)
        with suppress(InapplicableError):
            maps[name] = _stored(kept, key, Attribution, make).relevance
    return maps


def _stored_rows(
    explainer: Explainer,
    images: Tensor,
    target: Sequence[int] | Tensor | None,
    lambda_ks: Sequence[float] | None,
    store: Store | None,
) -> list[list[Explanation]]:
    """For each image, its explanations: one, or one for each lambda."""
    kept = store or book_store()
    height, width = images.shape[-2:]
    classifier = classifier_document(explainer.classifier)
    method = explainer_document(explainer, (height, width))
    targets = None if target is None else [int(label) for label in target]

    def keys_of(row: int) -> list[Key]:
        asked = method if targets is None else {**method, "target": targets[row]}
        document = pixels_document(images[row : row + 1])
        if lambda_ks is None:
            return [explanation_key(document, classifier, asked)]
        return path_keys(document, classifier, asked, lambda_ks)

    keys = [keys_of(row) for row in range(len(images))]
    rows = [[_read(kept, key, Explanation) for key in row_keys] for row_keys in keys]
    missing = [row for row, explanations in enumerate(rows) if None in explanations]
    if missing:
        labels = None if targets is None else [targets[row] for row in missing]
        solved = (
            [explainer.explain(images[missing], labels, warn=False)]
            if lambda_ks is None
            else explainer.explain_path(images[missing], lambda_ks, labels)
        )
        for number, row in enumerate(missing):
            rows[row] = [explanation[number] for explanation in solved]
            for key, explanation in zip(keys[row], solved, strict=True):
                kept.put(key, explanation[number], device=str(explainer.device))
    return [[explanation for explanation in row if explanation is not None] for row in rows]


def _attribution(name: Baseline, classifier: Classifier, images: Tensor, seed: int) -> Attribution:
    return Attribution(attribution(name, classifier, images, seed=seed))


def _stored(store: Store, key: Key, kind: type[R], make: Callable[[], R]) -> R:
    """Read the result of a key, or make and keep it."""
    result = _read(store, key, kind)
    if result is None:
        result = make()
        store.put(key, result, device="cpu")
    return result


def _read(store: Store, key: Key, kind: type[R]) -> R | None:
    """Read a result; None where there is none that can be read."""
    try:
        result = store.get(key)
    except DamagedError:
        return None
    return result if isinstance(result, kind) else None


@cache
def _code_hash(package: Path) -> str:
    digest = hashlib.sha256(torch.__version__.encode())
    for room in _ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
