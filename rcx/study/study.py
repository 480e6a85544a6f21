"""The study itself: settings bound to a store and to the hardware that computes."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from copy import copy
from itertools import groupby

import torch

from rcx.classifiers.devices import usable_device
from rcx.images.checks import ImageError
from rcx.study.computation import Computation
from rcx.study.keys import Key
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.plan import Advance, Plan, PlannedImage, Task, no_advance
from rcx.study.requests import image_requests, request_cost, solver_passes
from rcx.study.settings import StudySettings
from rcx.study.sources import find_sources
from rcx.study.store import Store
from rcx.study.variants import Hardware, LoadedVariant, Variant, load_variant, variants_of
from rcx.system.isolation import own_threads

_BATCH_ON_CPU, _BATCH_ON_GPU = 1, 32
_TIMED_STEPS = 16


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
        images, cost = [], 0.0
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
                cost += sum(request_cost(loaded, request) for request in missing)
        if images:
            plan.tasks.append(Task(variant, tuple(images), cost))

    def _is_stored(self, plan: Plan, key: Key) -> bool:
        state = self.store.state(key)
        if state == "damaged":
            self.store.discard([key.name])
            plan.damaged.append(key.name)
        counts = plan.stored if state == "stored" else plan.missing
        counts[key.kind] = counts.get(key.kind, 0) + 1
        return state == "stored"

    def here(
        self, tasks: Sequence[Task], store: Store, advance: Advance = no_advance
    ) -> Generator[tuple[Task, TaskOutcome], None, None]:
        """Work on tasks in this process, see ``rcx.study.plan.Execute``."""
        for task in tasks:
            yield task, Computation(load_variant(task.variant, self.hardware), store, advance)(task)


def estimated_seconds(study: Study, plan: Plan) -> float:
    """Estimate how long a plan takes in one process, by timing some steps with each classifier."""
    seconds_per_pass: dict[Variant, float] = {}
    total = 0.0
    with own_threads(study.hardware.threads):
        for task in plan.tasks:
            if task.variant not in seconds_per_pass:
                loaded = load_variant(task.variant, study.hardware)
                seconds_per_pass[task.variant] = _seconds_per_pass(loaded)
            total += task.cost * seconds_per_pass[task.variant]
    return total


def _seconds_per_pass(loaded: LoadedVariant) -> float:
    """Time a few of the solver's steps: a unit of `request_cost`, with all that belongs to it."""
    explainer = copy(next(iter(loaded.explainers.values())))
    channels, generator = loaded.classifier.channels, torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, *loaded.size, generator=generator, dtype=torch.float32)
    seconds = []
    for steps in (1, 1, 1 + _TIMED_STEPS):  # without what is slow at first, and what is done once
        explainer.solver = explainer.solver.model_copy(update={"steps": steps})
        begin = time.perf_counter()
        explainer.explain(image, warn=False)
        seconds.append(time.perf_counter() - begin)
    return max(0.0, seconds[2] - seconds[1]) / solver_passes(explainer.solver, _TIMED_STEPS)
