"""What a study wants of an image: a classifier and explainers at hand, and the results' keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sizes import image_size
from rcx.classifiers.weights import WeightsError
from rcx.evaluate import sweeps
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import COARSE, DRAWS, PERCENT, Direction
from rcx.evaluate.rollout import rollout
from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.pixel_rde import PixelRDE
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.study.keys import (
    Document,
    Key,
    attribution_key,
    classifier_document,
    curve_key,
    evaluation_key,
    explainer_document,
    explanation_key,
    image_seed,
    path_keys,
    random_order,
    rollout_key,
)
from rcx.study.settings import CurveSettings, MethodSettings, RunSettings, StudySettings

GRIDS = {"percent": PERCENT, "coarse": COARSE}
EVALUATION_DRAWS = sweeps.DRAWS
_COSTS = {"rollout": 1.0, "attribution": 100.0, "evaluation": float(EVALUATION_DRAWS)}


@dataclass(frozen=True)
class Variant:
    """One classifier, with or without normalisation, one size and one seed of a run.

    Attributes
    ----------
    number : int
        Place of the run in the study, from 0.
    run : RunSettings
        Of the study, with the study's solver where a method names none.
    weights : str
        Hash of the classifier's weights: they must be the same on every machine.
    """

    number: int
    run: RunSettings
    weights: str
    normalize: bool
    size: int
    seed: int
    curve_seed: int


@dataclass(frozen=True)
class Request:
    """A result that a study wants of an image.

    Attributes
    ----------
    key : Key
        What determines it.
    series : str
        What tables call its method or order.
    lambda_k : float or None
        Of an explanation or evaluation on the path over lambdas; None for the main one.
    of : Key or None
        The result that it is computed from.
    curve : CurveSettings or None
        For curves, with ``direction`` and ``measure``.
    """

    key: Key
    series: str
    lambda_k: float | None = None
    of: Key | None = None
    curve: CurveSettings | None = None
    direction: Direction = "keep"
    measure: DistortionMeasure = "l2"


class Hardware(NamedTuple):
    """Where the work is done; results of several threads differ in their last bits.

    Attributes
    ----------
    device, batch_size
        As for `rcx.CartoonX`.
    threads : int
        Of each process, on a CPU.
    """

    device: str = "auto"
    batch_size: int | None = None
    threads: int = 1


class LoadedVariant:
    """A variant with its classifier and explainers, ready to work.

    Parameters
    ----------
    variant : Variant
        What to work on.
    hardware : Hardware
        What to work with.

    Raises
    ------
    ValueError
        If classifier, size and methods do not fit each other.
    """

    def __init__(self, variant: Variant, hardware: Hardware) -> None:
        self.variant, self.threads = variant, hardware.threads
        self.classifier = _classifier(variant.run.classifier, variant.normalize)
        if self.classifier.weights_hash != variant.weights:
            raise WeightsError(
                f"the weights of {self.classifier.name} are others here than where the study began"
            )
        self.size = (variant.size, variant.size)
        self.explainers: dict[str, Explainer] = {
            method.series: _explainer(self.classifier, method, variant.seed, hardware)
            for method in variant.run.methods
        }
        self.device = next(iter(self.explainers.values())).device
        self._classifier_document = classifier_document(self.classifier)
        self._documents = {
            series: explainer_document(explainer, self.size)
            for series, explainer in self.explainers.items()
        }
        self.random = dict(self._random_orders())
        if variant.run.rollout:
            # refuses classifiers without attention, before the work begins
            rollout(self.classifier, torch.full((1, 3, *self.size), 0.5))
        if variant.run.baselines:
            _check_baselines(variant.run.baselines, self.classifier)

    def _random_orders(self) -> Iterator[tuple[str, tuple[Representation, Document]]]:
        """Random series by name, one for each kind of representation."""
        named: dict[str, str] = {}
        for explainer in self.explainers.values():
            representation = explainer.representation(self.size)
            padding = getattr(explainer, "padding", None)
            order = random_order(representation, padding)
            short = "pixels" if isinstance(representation, Pixels) else "wavelets"
            # a second kind of wavelets has a longer name
            same = named.setdefault(short, str(order)) == str(order)
            yield f"random {short if same else representation.name}", (representation, order)
        if self.variant.run.rollout or self.variant.run.baselines:
            yield "random pixels", (Pixels(self.size), random_order(Pixels(self.size), None))

    def wanted(self, image: Document, place: int) -> list[Request]:
        """All results of the image at a place, in the order in which they are computed."""
        classifier, run = self._classifier_document, self.variant.run
        found: list[Request] = []
        orders: dict[str, tuple[Document, Key | None]] = {}
        for method in run.methods:
            explainer = self._documents[method.series]
            key = explanation_key(image, classifier, explainer)
            explained = [Request(key, method.series)]
            orders[method.series] = {"explanation": key.document}, key
            if method.lambda_ks and (method.path_images is None or place < method.path_images):
                keys = path_keys(image, classifier, explainer, method.lambda_ks)
                explained += [
                    Request(key, method.series, value)
                    for key, value in zip(keys, method.lambda_ks, strict=True)
                ]
            found += explained
            found += [
                Request(
                    evaluation_key(one.key, EVALUATION_DRAWS), one.series, one.lambda_k, one.key
                )
                for one in explained
            ]
        if run.rollout:
            key = rollout_key(image, classifier)
            found.append(Request(key, "rollout"))
            orders["rollout"] = {"rollout": key.document}, key
        for name in run.baselines:
            seed = image_seed(self.variant.seed, image)
            key = attribution_key(image, classifier, name, seed)
            found.append(Request(key, name))
            orders[name] = {"attribution": key.document}, key
        for curve in run.curves:
            random = {name: (order, None) for name, (_, order) in self.random.items()}
            for series, (order, of) in (orders | random if curve.random else orders).items():
                found += self._curves(image, curve, series, order, of)
        return found

    def _curves(
        self, image: Document, curve: CurveSettings, series: str, order: Document, of: Key | None
    ) -> Iterator[Request]:
        for direction in curve.directions:
            for measure in curve.measures:
                key = curve_key(
                    image,
                    self._classifier_document,
                    order,
                    direction=direction,
                    protocol=curve.protocol,
                    percent=GRIDS[curve.grid],
                    draws=curve.draws or DRAWS[curve.protocol],
                    measure=measure,
                    seed=image_seed(self.variant.curve_seed, image),
                )
                yield Request(key, series, None, of, curve, direction, measure)

    def cost(self, one: Request) -> float:
        """About how many images pass through the network for a result, at most."""
        if one.key.kind == "explanation":
            solver = self.explainers[one.series].solver
            steps = solver.steps if one.lambda_k is None else solver.warm().steps
            return 3.0 * steps * solver.samples  # a pass and its gradient, which is two more
        if one.key.kind == "curve" and one.curve is not None:
            return float(len(GRIDS[one.curve.grid]) * one.key.document["draws"])
        return _COSTS[one.key.kind]


def variants(settings: StudySettings) -> list[Variant]:
    """All variants of a study, run by run."""
    found = []
    for number, run in enumerate(settings.runs):
        methods = tuple(
            method.model_copy(update={"solver": method.solver or settings.solver})
            for method in run.methods
        )
        filled = run.model_copy(update={"methods": methods})
        for seed in run.seeds or (settings.seed,):
            for normalize in run.normalize:
                classifier = _classifier(run.classifier, normalize)
                # complains of a size that the classifier cannot take
                size = image_size(classifier, run.size or settings.size)
                weights = classifier.weights_hash
                found.append(Variant(number, filled, weights, normalize, size, seed, settings.seed))
    return found


def _check_baselines(names: Sequence[Baseline], classifier: Classifier) -> None:
    """Refuse methods that do not apply, before the work begins."""
    try:
        from rcx.evaluate.baselines import check_applies
    except ImportError as error:
        raise ValueError("baselines need captum: pip install 'rcx[baselines]'") from error
    for name in names:
        check_applies(name, classifier)


@lru_cache(maxsize=4)
def _classifier(name: str, normalize: bool) -> Classifier:
    return load_classifier(name, normalize=normalize)


def _explainer(
    classifier: Classifier,
    method: MethodSettings,
    seed: int,
    hardware: Hardware,
) -> Explainer:
    options: dict[str, Any] = {
        "distortion": method.distortion,
        "target_distortion": method.target_distortion,
        "start": method.start,
        "solver": method.solver,
        "seed": seed,
        "device": hardware.device,
        "batch_size": hardware.batch_size,
        "evaluation_samples": method.evaluation_samples,
    }
    names = ("lambda_k", "clamp", "wavelet", "levels", "padding")
    given = {name: getattr(method, name) for name in names}
    options |= {name: value for name, value in given.items() if value is not None}
    kind = CartoonX if method.method == "CartoonX" else PixelRDE
    return kind(classifier, **options)
