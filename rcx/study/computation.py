"""The work on a few images: what is not in the store yet is computed and put there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier, checked_logits, inference_copy
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import rate_distortion_curve
from rcx.evaluate.rankings import Ranking
from rcx.evaluate.rollout import rollout
from rcx.evaluate.sweeps import answers_at_masks
from rcx.explain.explanation import Explanation
from rcx.images.reading import ImageError
from rcx.representations.pixels import Pixels
from rcx.study.keys import image_seed
from rcx.study.kinds import Attribution, Evaluation, Map, Result, Rollout
from rcx.study.sources import Source, StudyFailure
from rcx.study.store import Store, StoreError
from rcx.study.variants import EVALUATION_DRAWS, GRIDS, LoadedVariant, Request
from rcx.system.files import DamagedError
from rcx.system.text import reason

Advance = Callable[[float], None]

_SOURCES = ("explanation", "rollout", "attribution")  # what curves are of


@dataclass
class TaskOutcome:
    """How the work on a few images went.

    Attributes
    ----------
    seconds : dict of str to float
        What each new result took, by the name of its key; a share where several were made together.
    failures : list of StudyFailure
    damaged : list of str
        Names of results that were found damaged, and computed again.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Image:
    """An image that was read, with what is wanted of it."""

    source: Source
    pixels: Tensor
    seed: int
    wanted: list[Request]


# what the images of a batch have computed together
_Group = list[tuple[_Image, list[Request]]]


class Computation:
    """Compute all that a setup wants of a few images.

    Parameters
    ----------
    setup : LoadedVariant
        Classifier and explainers.
    store : Store
        Where results are, and go.
    advance : callable
        Is told about how much has been done since it was last told, in `Setup.cost`.
    """

    def __init__(
        self, setup: LoadedVariant, store: Store, advance: Advance = lambda cost: None
    ) -> None:
        self.setup, self.store, self.advance = setup, store, advance
        self.outcome = TaskOutcome()

    def __call__(self, places: Iterable[tuple[int, Source]]) -> TaskOutcome:
        """Work on images, given with their places in the study.

        Raises
        ------
        StoreError
            If the store cannot be written; any other failure is part of the outcome.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(self.setup.threads)
        try:
            self._work(list(self._read(places)))
        finally:
            torch.set_num_threads(threads)
        return self.outcome

    def _work(self, images: Sequence[_Image]) -> None:
        groups: dict[tuple[Any, ...], _Group] = {}
        for image in images:
            for one in image.wanted:
                kind = (one.key.kind, one.series, one.lambda_k is None)
                rows = groups.setdefault((*kind, one.curve, one.direction, one.measure), [])
                if not rows or rows[-1][0] is not image:
                    rows.append((image, []))
                rows[-1][1].append(one)
        for group in groups.values():
            self._settle(group)

    def _read(self, places: Iterable[tuple[int, Source]]) -> Iterator[_Image]:
        for place, source in places:
            try:
                pixels, document = source.read(self.setup.size[0])
            except (ImageError, MemoryError) as error:
                self._failed(source, "image", error)
                continue
            seed = image_seed(self.setup.variant.curve_seed, document)
            yield _Image(source, pixels, seed, self.setup.wanted(document, place))

    def _settle(self, group: _Group) -> None:
        """Compute what is missing of a group: together or, where that fails, image by image."""
        missing = [row for row in group if not all(self.store.has(one.key) for one in row[1])]
        if not missing:
            return
        begin = time.perf_counter()
        cost = sum(self.setup.cost(one) for _, wanted in missing for one in wanted)
        try:
            found = [
                (one.key, result)
                for one, result in self._computed(missing)
                if not self.store.has(one.key)
            ]
        except StoreError:
            raise
        except Exception as error:  # NaN from the model, memory, whatever the model itself raises
            if len(missing) > 1:
                for row in missing:
                    self._settle([row])
            else:
                ((image, wanted),) = missing
                self._failed(image.source, _described(wanted[0]), error)
                self.advance(cost)
            return
        for key, result in found:
            self.store.put(key, result, device=str(self.setup.device))
        took = time.perf_counter() - begin
        self.outcome.seconds |= {key.name: took / len(found) for key, _ in found}
        self.advance(cost)

    def _computed(self, group: _Group) -> Iterator[tuple[Request, Result]]:
        first = group[0][1][0]
        if first.key.kind == "explanation":
            return self._explained(group)
        if first.key.kind == "rollout":
            return self._rolled_out(group)
        if first.key.kind == "attribution":
            return self._attributed(group)
        known = [
            (image, wanted, sources)
            for image, wanted in group
            if None not in (sources := [self._stored(image, one) for one in wanted])
        ]
        evaluate = self._curves if first.key.kind == "curve" else self._evaluated
        return evaluate(known) if known else iter(())

    def _explained(self, group: _Group) -> Iterator[tuple[Request, Result]]:
        images = torch.stack([image.pixels for image, _ in group])
        first = group[0][1]
        explainer = self.setup.explainers[first[0].series]
        if first[0].lambda_k is None:
            found = [explainer.explain(images)]
        else:
            found = explainer.explain_path(images, [one.lambda_k or 0 for one in first])
        for row, (_, wanted) in enumerate(group):
            for one, explanation in zip(wanted, found, strict=True):
                if not bool(explanation[row].loss.isfinite()):
                    raise ValueError("no finite distortion was found")
                yield one, explanation[row]

    def _rolled_out(self, group: _Group) -> Iterator[tuple[Request, Result]]:
        images = torch.stack([image.pixels for image, _ in group]).to(self.setup.device)
        maps = rollout(self._model, images).cpu()
        for row, (_, (one,)) in enumerate(group):
            yield one, Rollout(maps[row : row + 1].clone())

    def _attributed(self, group: _Group) -> Iterator[tuple[Request, Result]]:
        from rcx.evaluate.baselines import attribution

        images = torch.stack([image.pixels for image, _ in group])
        wanted = [one for _, (one,) in group]
        name = cast("Baseline", wanted[0].series)
        seeds = [one.key.document["seed"] for one in wanted]
        maps = attribution(
            name, self.setup.classifier, images, seed=seeds, device=self.setup.device
        )
        for row, one in enumerate(wanted):
            yield one, Attribution(maps[row : row + 1].clone())

    def _evaluated(
        self, group: Sequence[tuple[_Image, list[Request], list[Any]]]
    ) -> Iterator[tuple[Request, Result]]:
        for image, wanted, explanations in group:
            pixels = image.pixels[None].to(self.setup.device)
            logits = checked_logits(self._model, pixels)
            explainer = self.setup.explainers[wanted[0].series]
            target = explanations[0].target.to(self.setup.device)
            objective = explainer.objective(
                self._model, pixels, logits, target, measure="l2", antithetic=False
            )
            for one, explanation in zip(wanted, explanations, strict=True):
                mask = explanation.mask.to(self.setup.device)
                many, single = answers_at_masks(objective, mask, EVALUATION_DRAWS, image.seed)
                parts = (single.distortion, many.distortion, many.spread)
                yield one, Evaluation(*(part.cpu() for part in parts))

    def _curves(
        self, group: Sequence[tuple[_Image, list[Request], list[Any]]]
    ) -> Iterator[tuple[Request, Result]]:
        one = group[0][1][0]
        if one.curve is None:
            raise TypeError("a curve is wanted without its settings")
        rankings = [self._ranking(image, one, sources[0]) for image, (one,), sources in group]
        curve = rate_distortion_curve(
            self._model,
            torch.stack([image.pixels for image, _, _ in group]),
            replace(rankings[0], relevance=torch.cat([r.relevance for r in rankings])),
            one.direction,
            percent=GRIDS[one.curve.grid],
            protocol=one.curve.protocol,
            measure=one.measure,
            draws=one.key.document["draws"],
            seed=[image.seed for image, _, _ in group],
            device=self.setup.device,
        )
        for row, (_, (one,), _) in enumerate(group):
            part = slice(row, row + 1)
            distortion, spread = curve.distortion[part].clone(), curve.spread[part].clone()
            yield one, replace(curve, distortion=distortion, spread=spread)

    def _ranking(self, image: _Image, one: Request, source: Any) -> Ranking:
        if isinstance(source, Explanation):
            return Ranking.of(self.setup.explainers[one.series], source)
        if isinstance(source, Map):
            return Ranking(Pixels(self.setup.size), source.relevance)
        representation, _ = self.setup.random[one.series]
        return Ranking.at_random(representation, 1, seed=[image.seed])

    @cached_property
    def _model(self) -> Classifier:
        device, size = self.setup.device, self.setup.size
        example = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        model = inference_copy(self.setup.classifier, device, example)
        return model.to(memory_format=torch.channels_last)

    def _stored(self, image: _Image, one: Request) -> Any:
        """What a result is computed from; None where that has failed, True where it is nothing."""
        if one.of is None:
            return True
        try:
            return self.store.get(one.of)
        except DamagedError:
            # since the study began
            self.outcome.damaged.append(one.of.name)
            self.store.discard([one.of.name])
        again = [other for other in image.wanted if other.key.kind in _SOURCES]
        (needed,) = (other for other in again if other.key.name == one.of.name)
        alike = [
            other
            for other in again
            if other.series == needed.series
            and (other.lambda_k is None) == (needed.lambda_k is None)
        ]
        self._settle([(image, alike)])
        return self.store.get(one.of)

    def _failed(self, source: Source, what: str, error: BaseException) -> None:
        name = source.name if source.path is None else str(source.path)
        variant = self.setup.variant
        classifier = variant.run.classifier + ("" if variant.normalize else ", not normalised")
        self.outcome.failures.append(StudyFailure(name, classifier, what, reason(error)))


def _described(one: Request) -> str:
    if one.curve is None:
        path = "" if one.lambda_k is None else " over lambdas"
        return f"{one.series} {one.key.kind}{path}"
    return f"{one.series} curve ({one.curve.protocol}, {one.direction}, {one.measure})"
