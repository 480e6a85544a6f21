"""Variants of a study's runs: one classifier, one size and one seed each, with the explainers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sizes import image_size
from rcx.classifiers.weights import WeightsError
from rcx.evaluate.baselines import check_applies
from rcx.evaluate.rollout import rollout
from rcx.explain.explainer import Explainer
from rcx.explain.methods import METHODS
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.starts.network import StartNetwork
from rcx.study.keys import Document, classifier_document, explainer_document, random_order
from rcx.study.settings import MethodSettings, RunSettings, StudySettings


@dataclass(frozen=True)
class Variant:
    """One classifier, with or without normalisation, one size and one seed of a run.

    Attributes
    ----------
    number : int
        Position of the run in the study, from 0.
    run : RunSettings
        Settings of the run. Methods that name no solver have the study's.
    weights : str
        Hash of the classifier's weights, which must be the same on every machine.
    normalize : bool
        Whether the classifier normalises colours.
    size : int
        Height and width of the images, in pixels.
    seed : int
        Seed of the explanations.
    curve_seed : int
        Seed of the curves.
    """

    number: int
    run: RunSettings
    weights: str
    normalize: bool
    size: int
    seed: int
    curve_seed: int


class Hardware(NamedTuple):
    """What a study works with.

    Attributes
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` and so on, as for `rcx.CartoonX`.
    batch_size : int or None
        Number of images that are worked on together; None takes 1, or 32 on a GPU.
    threads : int
        Threads of each process on a CPU. Results do not depend on their number.
    """

    device: str = "auto"
    batch_size: int | None = None
    threads: int = 1


class RandomOrder(NamedTuple):
    """A random order of coefficients, against which explanations are compared.

    Attributes
    ----------
    representation : Representation
        Representation whose coefficients are ordered.
    document : dict
        What determines the order, but for its seed.
    """

    representation: Representation
    document: Document


class LoadedVariant:
    """A variant whose classifier and explainers are in memory.

    Parameters
    ----------
    variant : Variant
        The variant to load.
    hardware : Hardware
        What to work with.

    Raises
    ------
    ValueError
        If classifier, size and methods do not fit each other.
    RuntimeError
        If a package that other methods need is not installed.
    WeightsError
        If the classifier has other weights here than where the study was started.
    """

    def __init__(self, variant: Variant, hardware: Hardware) -> None:
        self.variant, self.hardware = variant, hardware
        self.classifier = _classifier(
            variant.run.classifier, variant.normalize, variant.run.answer, variant.run.scale
        )
        if self.classifier.weights_hash != variant.weights:
            raise WeightsError(
                f"{self.classifier.name} has other weights on this machine than where the study "
                "was started"
            )
        self.size = (variant.size, variant.size)
        self.explainers: dict[str, Explainer] = {
            method.series: _explainer(self.classifier, method, variant.seed, hardware)
            for method in variant.run.methods
        }
        self.device = next(iter(self.explainers.values())).device
        self.classifier_document = classifier_document(self.classifier)
        self.explainer_documents = {
            series: explainer_document(explainer, self.size)
            for series, explainer in self.explainers.items()
        }
        self.random_orders = dict(self._random_orders())
        self._check()

    def _random_orders(self) -> Iterator[tuple[str, RandomOrder]]:
        """Random orders by the name of their series, one for each kind of representation."""
        documents: dict[str, Document] = {}
        for explainer in self.explainers.values():
            representation = explainer.representation(self.size)
            document = random_order(representation, getattr(explainer, "padding", None))
            short = representation.name.split()[0]
            # a second kind of wavelets gets a longer name
            is_first = documents.setdefault(short, document) == document
            name = f"random {short if is_first else representation.name}"
            yield name, RandomOrder(representation, document)
        if self.variant.run.rollout or self.variant.run.baselines:
            pixels = Pixels(self.size)
            yield "random pixels", RandomOrder(pixels, random_order(pixels, None))

    def _check(self) -> None:
        """Refuse starts and other methods that do not suit the classifier or the size."""
        for explainer in self.explainers.values():
            if isinstance(explainer.start, StartNetwork):
                explainer.start.check(explainer.representation(self.size))
        grey = torch.full((1, self.classifier.channels, *self.size), 0.5)
        if self.variant.run.rollout:
            rollout(self.classifier, grey)
        for name in self.variant.run.baselines:
            check_applies(name, self.classifier, grey)


@lru_cache(maxsize=16)
def load_variant(variant: Variant, hardware: Hardware) -> LoadedVariant:
    """Load a variant, once in a process."""
    return LoadedVariant(variant, hardware)


def variants_of(settings: StudySettings) -> list[Variant]:
    """List all variants of a study, run by run.

    Raises
    ------
    ValueError
        If a classifier is unknown, or cannot take images of the size.
    """
    variants = []
    for number, run in enumerate(settings.runs):
        methods = tuple(
            method.model_copy(update={"solver": method.solver or settings.solver})
            for method in run.methods
        )
        complete = run.model_copy(update={"methods": methods})
        for seed in run.seeds or (settings.seed,):
            for normalize in run.normalize:
                classifier = _classifier(run.classifier, normalize, run.answer, run.scale)
                size = image_size(classifier, run.size or settings.size)
                weights = classifier.weights_hash
                variants.append(
                    Variant(number, complete, weights, normalize, size, seed, settings.seed)
                )
    return variants


@lru_cache(maxsize=4)
def _classifier(name: str, normalize: bool, answer: str, scale: float | None) -> Classifier:
    return load_classifier(name, normalize=normalize, answer=answer, scale=scale)


def _explainer(
    classifier: Classifier, method: MethodSettings, seed: int, hardware: Hardware
) -> Explainer:
    return METHODS[method.method](
        classifier,
        seed=seed,
        device=hardware.device,
        batch_size=hardware.batch_size,
        **method.options,
    )
