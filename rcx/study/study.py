"""The study itself: settings bound to a store and to the hardware that computes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import groupby

from rcx.classifiers.devices import usable_device
from rcx.images.checks import ImageError
from rcx.study.computation import Computation
from rcx.study.estimate import passes_by_series
from rcx.study.keys import Key
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.plan import Advance, Plan, PlannedImage, Task
from rcx.study.requests import image_requests
from rcx.study.settings import StudySettings
from rcx.study.sources import find_sources
from rcx.study.store import Store
from rcx.study.variants import Hardware, Variant, load_variant, variants_of

_BATCH_ON_CPU, _BATCH_ON_GPU = 1, 32


class Study:
    """Settings, bound to a store and to hardware.

    Parameters
    ----------
    settings : StudySettings
        What to compute.
    store : Store
        Where results are kept.
    hardware : Hardware, optional
        What to work with; by default a GPU where there is one, else one thread of the CPU.

    Raises
    ------
    ValueError, RuntimeError
        If the settings do not fit the classifiers or the images. No work has begun then.
    """

    def __init__(
        self, settings: StudySettings, store: Store, hardware: Hardware | None = None
    ) -> None:
        self.settings, self.store = settings, store
        self.hardware = hardware or Hardware()
        self.sources, self.unreadable = find_sources(settings)
        self.variants = variants_of(settings)
        for variant in self.variants:
            load_variant(variant, self.hardware)

    def plan(self) -> Plan:
        """Look up which results are stored. Damaged files are removed, to be computed again."""
        plan = Plan(failures=list(self.unreadable))
        for _, group in groupby(self.variants, lambda variant: variant.number):
            run = list(group)
            count = run[0].run.n_images or len(self.sources)
            for first in range(0, count, self._batch_size):
                batch = range(first, min(first + self._batch_size, count))
                for variant in run:
                    self._plan_batch(plan, variant, batch)
        return plan

    @property
    def _batch_size(self) -> int:
        if self.hardware.batch_size is not None:
            return self.hardware.batch_size
        on_cpu = usable_device(self.hardware.device).type == "cpu"
        return _BATCH_ON_CPU if on_cpu else _BATCH_ON_GPU

    def _plan_batch(self, plan: Plan, variant: Variant, batch: range) -> None:
        loaded = load_variant(variant, self.hardware)
        images, wanted = [], []
        for position in batch:
            source = self.sources[position]
            try:
                document = source.document(variant.size)
            except ImageError as error:
                failure = StudyFailure(source.full_name, "", "image", str(error))
                if failure not in plan.failures:
                    plan.failures.append(failure)
                continue
            requests = image_requests(loaded, document, position)
            plan.images.append(PlannedImage(variant, position, source, requests))
            missing = [request for request in requests if not self._is_stored(plan, request.key)]
            if missing:
                images.append((position, source))
                wanted += missing
        if images:
            passes = passes_by_series(loaded, wanted)
            plan.tasks.append(Task(variant, tuple(images), self.hardware, passes))

    def _is_stored(self, plan: Plan, key: Key) -> bool:
        state = self.store.state(key)
        if state == "damaged":
            self.store.discard([key.name])
            plan.damaged.append(key.name)
        counts = plan.stored if state == "stored" else plan.missing
        counts[key.kind] = counts.get(key.kind, 0) + 1
        return state == "stored"

    def here(
        self, tasks: Sequence[Task], store: Store, advance: Advance | None = None
    ) -> Generator[tuple[Task, TaskOutcome], None, None]:
        """Work on tasks in this process, see ``rcx.study.plan.Execute``."""
        for task in tasks:
            yield task, Computation(load_variant(task.variant, self.hardware), store, advance)(task)
