"""Keys: everything that determines a result, as a document whose hash names the result's file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from rcx.classifiers.answers import answer_name, answer_source
from rcx.classifiers.classifier import Classifier
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import CurveProtocol, Direction
from rcx.explain.explainer import Explainer
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.starts.initial import start_name

RESULTS = 4
"""Format of the results. Raise it when the same settings give other results than before: what is
stored then counts as of an earlier format, and is neither read nor overwritten."""

Document = dict[str, Any]
"""Plain JSON values."""


@dataclass(frozen=True)
class Key:
    """Everything that determines a result.

    Device, batch size and versions are not part of it. They are kept in the result's file.

    Attributes
    ----------
    document : dict
        Plain JSON values. ``"kind"`` says what the result is, ``"results"`` its format.
    """

    document: Document

    @property
    def kind(self) -> str:
        """Kind of the result, one of `rcx.study.kinds.KINDS`."""
        return str(self.document["kind"])

    @cached_property
    def text(self) -> str:
        """The document as JSON. The same document always gives the same text."""
        return json.dumps(
            self.document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        )

    @cached_property
    def name(self) -> str:
        """SHA-256 of the text, in hexadecimal: the name of the result's file."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def classifier_document(classifier: Classifier) -> Document:
    """Describe a classifier for keys: its name, its weights, and its answer.

    The document also says how colours are normalised.
    """
    colours = {
        name: None if buffer is None else [float(value) for value in buffer.flatten()]
        for name, buffer in (("mean", classifier.mean), ("std", classifier.std))
    }
    answer: Document = {}
    if classifier.answer != "softmax":  # so that keys are those of versions without other answers
        answer = {
            "answer": answer_name(classifier.answer),
            "answer_source": answer_source(classifier.answer),
            "scale": classifier.meaning.scale,
        }
    return {
        "name": classifier.name,
        "weights": classifier.weights_hash,
        "normalize": classifier.normalize,
        **colours,
        **answer,
    }


def explainer_document(explainer: Explainer, size: tuple[int, int]) -> Document:
    """Describe an explainer for keys, without its classifier.

    Raises
    ------
    TypeError
        If the explainer starts from a mask, which no document can name.
    """
    if isinstance(explainer.start, Tensor):
        raise TypeError("a study cannot keep results of an explainer that starts from a mask")
    wavelets = {
        name: getattr(explainer, name)
        for name in ("wavelet", "levels", "padding")
        if hasattr(explainer, name)
    }
    replaced: Document = {}
    if (explainer.noise, explainer.spatial_penalty) != ("gaussian", 0):  # keys of earlier versions
        replaced = {"noise": explainer.noise, "spatial_penalty": explainer.spatial_penalty}
    return {
        "method": explainer.method,
        "representation": repr(explainer.representation(size)),
        **wavelets,
        **replaced,
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


def pixels_document(images: Tensor) -> Document:
    """Describe images that are no files for keys: by a hash of their pixels."""
    return {"sha256": tensor_hash(images), "size": int(images.shape[-1]), "fit": None}


def tensor_hash(tensor: Tensor) -> str:
    """SHA-256 of a tensor's values, in hexadecimal."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def explanation_key(image: Document, classifier: Document, explainer: Document) -> Key:
    """Key of an explanation by an explainer's ``explain``."""
    return _key("explanation", image=image, classifier=classifier, explainer=explainer)


def path_keys(
    image: Document, classifier: Document, explainer: Document, lambda_ks: Sequence[float]
) -> list[Key]:
    """Keys of explanations by `rcx.CartoonX.explain_path`, one for each lambda in the given order.

    Each key names all lambdas, as a mask depends on the lambdas that were solved before it.
    """
    shared = {**explainer, "target_distortion": None, "path": sorted(lambda_ks)}
    return [
        _key(
            "explanation",
            image=image,
            classifier=classifier,
            explainer={**shared, "lambda_k": lambda_k},
        )
        for lambda_k in lambda_ks
    ]


def evaluation_key(explanation: Key, draws: int) -> Key:
    """Key of an `rcx.study.kinds.Evaluation`, of an explanation by so many draws of noise."""
    return _key("evaluation", explanation=explanation.document, measure="l2", draws=draws)


def rollout_key(image: Document, classifier: Document) -> Key:
    """Key of an attention rollout by `rcx.evaluate.rollout`, with its default settings."""
    return _key("rollout", image=image, classifier=classifier, fuse="mean", discard_ratio=0.9)


def attribution_key(image: Document, classifier: Document, baseline: Baseline, seed: int) -> Key:
    """Key of a map by `rcx.evaluate.attribution`, for the predicted class."""
    return _key("attribution", image=image, classifier=classifier, baseline=baseline, seed=seed)


def scores_key(image: Document, classifier: Document, order: Document, seed: int) -> Key:
    """Key of an `rcx.study.kinds.Scores`, of what gave an order of pixels or coefficients."""
    return _key("scores", image=image, classifier=classifier, order=order, seed=seed)


def random_order(representation: Representation, padding: str | None) -> Document:
    """Describe a random order of coefficients for keys, without its seed."""
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
    """Key of a curve by `rcx.evaluate.rate_distortion_curve`, for an order of coefficients."""
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
    """Derive an image's own seed, which does not depend on the other images of the study."""
    text = f"{seed} {image['sha256']}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def _key(kind: str, **document: Any) -> Key:
    return Key({"kind": kind, "results": RESULTS, **document})
