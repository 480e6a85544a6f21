"""Keys: everything that determines a result, as one document whose hash names the result's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import CurveProtocol, Direction
from rcx.explain.explainer import Explainer
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.starts.initial import start_name

RESULTS = 2
"""To be raised when the same settings give other results: what is stored is then left alone."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """What determines a result. Not the device, the batch size or versions: the result has them.

    Attributes
    ----------
    document : dict
        Plain JSON values; ``"kind"`` says what the result is.
    """

    document: Document

    @property
    def kind(self) -> str:
        """What the result is, one of `rcx.study.kinds.KINDS`."""
        return str(self.document["kind"])

    @cached_property
    def text(self) -> str:
        """The document as JSON, the same for the same document."""
        return json.dumps(
            self.document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        )

    @cached_property
    def name(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def classifier_document(classifier: Classifier) -> Document:
    """What tells one classifier from another: its weights and what it does with colours."""
    scale = {
        name: None if buffer is None else [float(value) for value in buffer.flatten()]
        for name, buffer in (("mean", classifier.mean), ("std", classifier.std))
    }
    return {
        "name": classifier.name,
        "weights": classifier.weights_hash,
        "normalize": classifier.normalize,
        **scale,
    }


def explainer_document(explainer: Explainer, size: tuple[int, int]) -> Document:
    """What tells one explainer from another, but for its classifier."""
    if isinstance(explainer.start, Tensor):
        raise TypeError("results of a start that is a mask are not kept")
    wavelets = {
        name: getattr(explainer, name)
        for name in ("wavelet", "levels", "padding")
        if hasattr(explainer, name)
    }
    return {
        "method": explainer.method,
        "representation": repr(explainer.representation(size)),
        **wavelets,
        "lambda_k": explainer.lambda_k,
        "target_distortion": explainer.target_distortion,
        "distortion": explainer.distortion,
        "start": start_name(explainer.start),
        "clamp": explainer.clamp,
        "solver": explainer.solver.model_dump(mode="json"),
        "evaluation_samples": explainer.evaluation_samples,
        "seed": explainer.seed,
        "target": "predicted",
    }


def explanation_key(image: Document, classifier: Document, explainer: Document) -> Key:
    """Key of what `rcx.CartoonX.explain` finds."""
    return _key("explanation", image=image, classifier=classifier, explainer=explainer)


def path_keys(
    image: Document, classifier: Document, explainer: Document, lambda_ks: Sequence[float]
) -> list[Key]:
    """Keys of what `rcx.CartoonX.explain_path` finds: a mask may depend on all lambdas."""
    rising = sorted(lambda_ks)
    alike = {**explainer, "target_distortion": None}
    return [
        _key(
            "explanation",
            image=image,
            classifier=classifier,
            explainer={
                **alike,
                "lambda_k": value,
                "path_from_middle": rising,
            },
        )
        for value in lambda_ks
    ]


def evaluation_key(explanation: Key, draws: int) -> Key:
    """Key of `rcx.study.kinds.Evaluation`."""
    return _key("evaluation", explanation=explanation.document, measure="l2", draws=draws)


def rollout_key(image: Document, classifier: Document) -> Key:
    """Key of a map by `rcx.evaluate.rollout`, with its default settings."""
    return _key("rollout", image=image, classifier=classifier, fuse="mean", discard_ratio=0.9)


def attribution_key(image: Document, classifier: Document, baseline: Baseline, seed: int) -> Key:
    """Key of a map by `rcx.evaluate.attribution`, of the predicted class."""
    return _key("attribution", image=image, classifier=classifier, baseline=baseline, seed=seed)


def random_order(representation: Representation, padding: str | None) -> Document:
    """What tells one random order from another, but for its seed."""
    return {"random": {"representation": repr(representation), "padding": padding}}


def curve_key(
    image: Document,
    classifier: Document,
    order: Document,
    *,
    direction: Direction,
    protocol: CurveProtocol,
    percent: Sequence[float],
    draws: int,
    measure: DistortionMeasure,
    seed: int,
) -> Key:
    """Key of what `rcx.evaluate.rate_distortion_curve` measures for an order of coefficients."""
    return _key(
        "curve",
        image=image,
        classifier=classifier,
        order=order,
        direction=direction,
        protocol=protocol,
        percent=[float(point) for point in percent],
        draws=draws,
        measure=measure,
        seed=seed,
        target="predicted",
    )


def image_seed(seed: int, image: Document) -> int:
    """Seed for an image's curves: an image keeps it, whatever other images there are."""
    text = f"{seed} {image['sha256']}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def _key(kind: str, **document: Any) -> Key:
    return Key({"kind": kind, "results": RESULTS, **document})
