"""The work on a task: results that the store lacks are computed and put there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rcx.images.checks import ImageError
from rcx.study.estimate import estimated_seconds, passes_by_series
from rcx.study.keys import image_seed
from rcx.study.kinds import Result
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.plan import Advance, Task
from rcx.study.requests import Request, image_requests, request_name
from rcx.study.result_maker import ResultMaker, Results, Row, StudyImage
from rcx.study.settings import CurveSettings
from rcx.study.sources import Source
from rcx.study.store import Store, StoreError
from rcx.study.variants import LoadedVariant
from rcx.system.files import DamagedError
from rcx.system.isolation import isolated, own_threads
from rcx.system.text import reason

# an image, with those of its requests that are computed together
_Share = tuple[StudyImage, list[Request]]


class Computation:
    """Computes everything that a study asks for of a few images.

    Parameters
    ----------
    loaded : LoadedVariant
        Classifier and explainers.
    store : Store
        Where results are kept.
    advance : callable, optional
        Is told how much work was done since it was last told, in seconds as they were estimated.
    """

    def __init__(self, loaded: LoadedVariant, store: Store, advance: Advance | None = None) -> None:
        self.loaded, self.store, self.advance = loaded, store, advance
        self.outcome = TaskOutcome()
        self._maker = ResultMaker(loaded)

    def __call__(self, task: Task) -> TaskOutcome:
        """Work on a task.

        Raises
        ------
        StoreError
            If the store cannot be written. Any other failure is part of the outcome.
        """
        # isolated from whatever else the worker's process does
        with own_threads(self.loaded.hardware.threads), isolated():
            images = list(self._read(task.images))
            for group in _groups(images):
                self._complete(group)
        return self.outcome

    def _read(self, images: Sequence[tuple[int, Source]]) -> Iterator[StudyImage]:
        for position, source in images:
            try:
                pixels, document = source.read(self.loaded.size[0], self.loaded.classifier.channels)
            except (ImageError, MemoryError) as error:
                self._add_failure(source, "image", error)
                continue
            seed = image_seed(self.loaded.variant.curve_seed, document)
            requests = image_requests(self.loaded, document, position)
            yield StudyImage(source, pixels, seed, requests)

    def _complete(self, group: Sequence[_Share]) -> None:
        """Compute what is missing of a group: together or, where that fails, image by image."""
        missing = [
            (image, requests)
            for image, requests in group
            if not all(self.store.has(request.key) for request in requests)
        ]
        if not missing:
            return
        begin = time.perf_counter()
        try:
            results = [
                (request.key, result)
                for request, result in self._results(missing)
                if not self.store.has(request.key)
            ]
        except StoreError:
            raise
        except Exception as error:  # NaN, too little memory, or an error of the model itself
            if len(missing) > 1:
                for share in missing:
                    self._complete([share])
            else:
                ((image, requests),) = missing
                self._add_failure(image.source, request_name(requests[0]), error)
                self._advance(missing)
            return
        for key, result in results:
            self.store.put(key, result, device=str(self.loaded.device))
        seconds = time.perf_counter() - begin
        self.outcome.seconds |= {key.name: seconds / len(results) for key, _ in results}
        self._advance(missing)

    def _results(self, group: Sequence[_Share]) -> Results:
        """Compute a group, but for images of which a basis has failed."""
        rows = []
        for image, requests in group:
            bases = [self._basis(image, request) for request in requests]
            failed = (
                basis is None and request.basis is not None
                for basis, request in zip(bases, requests, strict=True)
            )
            if not any(failed):
                rows.append(Row(image, requests, bases))
        return self._maker.results(rows) if rows else iter(())

    def _basis(self, image: StudyImage, request: Request) -> Result | None:
        """Return the result that a request is computed from; None if it failed or needs none."""
        if request.basis is None:
            return None
        try:
            return self.store.get(request.basis)
        except DamagedError:  # the file was damaged after the study began
            self.outcome.damaged.append(request.basis.name)
            self.store.discard([request.basis.name])
        lost = next(other for other in image.requests if other.key == request.basis)
        # explanations of a path are computed together
        together = [
            other
            for other in image.requests
            if (other.key.kind, other.series) == (lost.key.kind, lost.series)
            and (other.lambda_k is None) == (lost.lambda_k is None)
        ]
        self._complete([(image, together)])
        return self.store.get(request.basis)

    def _advance(self, group: Sequence[_Share]) -> None:
        if self.advance:
            loaded = self.loaded
            requests = [request for _, requests in group for request in requests]
            passes = passes_by_series(loaded, requests)
            self.advance(estimated_seconds(loaded.variant, loaded.hardware, passes))

    def _add_failure(self, source: Source, what: str, error: BaseException) -> None:
        variant = self.loaded.variant
        classifier = variant.run.classifier + ("" if variant.normalize else ", not normalised")
        failure = StudyFailure(source.full_name, classifier, what, reason(error))
        self.outcome.failures.append(failure)


_GroupName = tuple[str, str, bool, CurveSettings | None, str, str]


def _groups(images: Sequence[StudyImage]) -> list[list[_Share]]:
    """Group the requests that are computed together, across all images."""
    groups: dict[_GroupName, list[_Share]] = {}
    for image in images:
        for request in image.requests:
            on_path = request.lambda_k is not None
            kind = (request.key.kind, request.series, on_path)
            name = (*kind, request.curve, request.direction, request.measure)
            shares = groups.setdefault(name, [])
            if not shares or shares[-1][0] is not image:
                shares.append((image, []))
            shares[-1][1].append(request)
    return list(groups.values())
