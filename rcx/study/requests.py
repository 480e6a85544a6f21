"""Requests: the results that a study asks for of each image, each with the key of its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rcx.evaluate import sweeps
from rcx.evaluate.curves import COARSE, DRAWS, PERCENT, Direction
from rcx.representations.pixels import Pixels
from rcx.solver.distortion import DistortionMeasure
from rcx.study.keys import (
    Document,
    Key,
    attribution_key,
    curve_key,
    evaluation_key,
    explanation_key,
    image_seed,
    path_keys,
    rollout_key,
    scores_key,
)
from rcx.study.settings import CurveSettings, MethodSettings
from rcx.study.variants import LoadedVariant

GRIDS = {"percent": PERCENT, "coarse": COARSE}
"""Points of a curve, in percent of the coefficients, by the name of the grid."""

EVALUATION_DRAWS = sweeps.DRAWS
"""Draws of noise with which a mask is evaluated."""


@dataclass(frozen=True)
class Request:
    """One result that a study asks for of an image.

    Attributes
    ----------
    key : Key
        Everything that determines the result.
    series : str
        Name of its method or order in the tables.
    lambda_k : float or None
        Lambda of an explanation on the path over lambdas, or of its evaluation. None for the main
        explanation, and for all other kinds.
    basis : Key or None
        Key of the result that this one is computed from. None where it needs only the image.
    curve : CurveSettings or None
        Settings of a curve; None for all other kinds.
    direction : {"keep", "randomise"}
        Direction of a curve.
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        Distortion that a curve measures.
    """

    key: Key
    series: str
    lambda_k: float | None = None
    basis: Key | None = None
    curve: CurveSettings | None = None
    direction: Direction = "keep"
    measure: DistortionMeasure = "l2"


@dataclass(frozen=True)
class _Order:
    """An order of coefficients for curves: what determines it, and the result that it is from."""

    document: Document
    basis: Key | None = None


def image_requests(loaded: LoadedVariant, image: Document, position: int) -> list[Request]:
    """List all requests of one image, in the order in which they are computed.

    Parameters
    ----------
    loaded : LoadedVariant
        Classifier and methods.
    image : dict
        Document of the image, see `rcx.study.sources.Source.document`.
    position : int
        Position of the image in the study, from 0.
    """
    run = loaded.variant.run
    requests: list[Request] = []
    orders: dict[str, _Order] = {}
    for method in run.methods:
        explanations = list(_explanations(loaded, method, image, position))
        requests += explanations
        requests += [_evaluation(explanation) for explanation in explanations]
        key = explanations[0].key
        orders[method.series] = _Order({"explanation": key.document}, key)
    if run.rollout:
        key = rollout_key(image, loaded.classifier_document)
        requests.append(Request(key, "rollout"))
        orders["rollout"] = _Order({"rollout": key.document}, key)
    for name in run.baselines:
        seed = image_seed(loaded.variant.seed, image)
        key = attribution_key(image, loaded.classifier_document, name, seed)
        requests.append(Request(key, name))
        orders[name] = _Order({"attribution": key.document}, key)
    random_orders = {name: _Order(random.document) for name, random in loaded.random_orders.items()}
    for curve in run.curves:
        for series, order in (orders | random_orders if curve.random else orders).items():
            requests += _curves(loaded, image, curve, series, order)
    if run.scores:
        pixel_orders = {
            name: random_orders[name]
            for name, random in loaded.random_orders.items()
            if isinstance(random.representation, Pixels)
        }
        seed = image_seed(loaded.variant.curve_seed, image)
        for series, order in (orders | pixel_orders).items():
            key = scores_key(image, loaded.classifier_document, order.document, seed)
            requests.append(Request(key, series, None, order.basis))
    return requests


def _explanations(
    loaded: LoadedVariant, method: MethodSettings, image: Document, position: int
) -> Iterator[Request]:
    """The main explanation first, then those on the path over lambdas."""
    classifier, explainer = loaded.classifier_document, loaded.explainer_documents[method.series]
    yield Request(explanation_key(image, classifier, explainer), method.series)
    if method.lambda_ks and (method.path_images is None or position < method.path_images):
        keys = path_keys(image, classifier, explainer, method.lambda_ks)
        for key, lambda_k in zip(keys, method.lambda_ks, strict=True):
            yield Request(key, method.series, lambda_k)


def _evaluation(explanation: Request) -> Request:
    key = evaluation_key(explanation.key, EVALUATION_DRAWS)
    return Request(key, explanation.series, explanation.lambda_k, explanation.key)


def _curves(
    loaded: LoadedVariant, image: Document, curve: CurveSettings, series: str, order: _Order
) -> Iterator[Request]:
    for direction in curve.directions:
        for measure in curve.measures:
            key = curve_key(
                image,
                loaded.classifier_document,
                order.document,
                direction=direction,
                protocol=curve.protocol,
                percent=GRIDS[curve.grid],
                draws=curve.draws or DRAWS[curve.protocol],
                measure=measure,
                seed=image_seed(loaded.variant.curve_seed, image),
            )
            yield Request(key, series, None, order.basis, curve, direction, measure)


def request_name(request: Request) -> str:
    """Name a request in words, as failures are reported."""
    if request.curve is None:
        path = "" if request.lambda_k is None else " over lambdas"
        return f"{request.series} {request.key.kind}{path}"
    curve = f"{request.curve.protocol}, {request.direction}, {request.measure}"
    return f"{request.series} curve ({curve})"
