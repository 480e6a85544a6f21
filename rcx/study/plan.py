"""A study from its settings to its tables: what is stored is not computed again."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Protocol

import torch

from rcx.classifiers.classifier import inference_copy
from rcx.classifiers.devices import chosen_device
from rcx.images.reading import ImageError
from rcx.study.computation import Advance, Computation, TaskOutcome
from rcx.study.keys import Key
from rcx.study.settings import StudySettings
from rcx.study.sources import Source, StudyFailure, find_sources, sources_of_run
from rcx.study.store import Store
from rcx.study.variants import Hardware, LoadedVariant, Request, Variant, variants

_ON_CPU, _ON_GPU = 1, 32
_TIMED = 8  # images in a pass


@dataclass(frozen=True)
class Task:
    """Images that are worked on together, with one variant.

    Attributes
    ----------
    variant : Variant
        What is computed.
    places : tuple of (int, Source)
        The images with their places in the study.
    cost : float
        About how much there is to do, in `Setup.cost`.
    """

    variant: Variant
    places: tuple[tuple[int, Source], ...]
    cost: float


class Execute(Protocol):
    """Work on tasks, somewhere; yields each one's outcome as soon as it is there."""

    def __call__(
        self, tasks: Sequence[Task], store: Store, advance: Advance
    ) -> Iterator[tuple[Task, TaskOutcome]]: ...


@dataclass(frozen=True)
class PlannedImage:
    """An image of a study under one variant, with its results' keys."""

    variant: Variant
    place: int
    source: Source
    wanted: list[Request]


@dataclass
class Plan:
    """What a study consists of, and how much of it is stored.

    Attributes
    ----------
    entries : list of PlannedImage
        In the order of work.
    tasks : list of Task
        What is to be done.
    failures : list of StudyFailure
        Images that cannot be read.
    damaged : list of str
        Names of results that were found damaged; their files are removed.
    stored, missing : dict of str to int
        Numbers of results by kind.
    """

    entries: list[PlannedImage] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    stored: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    @property
    def cost(self) -> float:
        """About how much is to be done, in `Setup.cost`."""
        return sum(task.cost for task in self.tasks)


class Study:
    """Settings, bound to a store and a device.

    Parameters
    ----------
    settings : StudySettings
        What to compute.
    store : Store
        Where results are kept.
    hardware : Hardware
        What to work with.

    Raises
    ------
    ValueError, RuntimeError
        For settings that do not fit classifiers or images, before the work begins.
    """

    def __init__(
        self,
        settings: StudySettings,
        store: Store,
        hardware: Hardware | None = None,
    ) -> None:
        self.settings, self.store = settings, store
        self.hardware = hardware or Hardware()
        self.sources, self.unfound = find_sources(settings)
        self.variants = variants(settings)
        for variant in self.variants:
            loaded(variant, self.hardware)

    def plan(self, advance: Callable[[int, int], None] = lambda done, of: None) -> Plan:
        """Look up what is stored; damaged files are removed, so that they are computed again."""
        plan = Plan(failures=list(self.unfound))
        runs = [list(found) for _, found in groupby(self.variants, lambda one: one.number)]
        counts = [len(sources_of_run(self.sources, run[0].run.n_images)) for run in runs]
        done = 0
        for run, count in zip(runs, counts, strict=True):
            at_once = self.hardware.batch_size or (_ON_CPU if self._on_cpu else _ON_GPU)
            for first in range(0, count, at_once):
                batch = range(first, min(first + at_once, count))
                for variant in run:
                    self._plan(plan, variant, batch)
                done += len(batch)
                advance(done, sum(counts))
        return plan

    @property
    def _on_cpu(self) -> bool:
        return chosen_device(self.hardware.device).type == "cpu"

    def _plan(self, plan: Plan, variant: Variant, batch: range) -> None:
        setup = loaded(variant, self.hardware)
        places, cost = [], 0.0
        for place in batch:
            source = self.sources[place]
            try:
                document = source.document(variant.size)
            except ImageError as error:
                name = source.name if source.path is None else str(source.path)
                failure = StudyFailure(name, "", "image", str(error))
                if failure not in plan.failures:
                    plan.failures.append(failure)
                continue
            wanted = setup.wanted(document, place)
            plan.entries.append(PlannedImage(variant, place, source, wanted))
            missing = [one for one in wanted if not self._whole(plan, one.key)]
            if missing:
                places.append((place, source))
                cost += sum(setup.cost(one) for one in missing)
        if places:
            plan.tasks.append(Task(variant, tuple(places), cost))

    def _whole(self, plan: Plan, key: Key) -> bool:
        state = self.store.state(key)
        if state == "damaged":
            self.store.discard([key.name])
            plan.damaged.append(key.name)
        counts = plan.stored if state == "stored" else plan.missing
        counts[key.kind] = counts.get(key.kind, 0) + 1
        return state == "stored"

    def here(
        self, tasks: Sequence[Task], store: Store, advance: Advance
    ) -> Iterator[tuple[Task, TaskOutcome]]:
        """Work on tasks in this process."""
        for task in tasks:
            setup = loaded(task.variant, self.hardware)
            yield task, Computation(setup, store, advance)(task.places)


@lru_cache(maxsize=16)
def loaded(variant: Variant, hardware: Hardware) -> LoadedVariant:
    """Setup of a variant, made once in a process."""
    return LoadedVariant(variant, hardware)


@torch.no_grad()
def seconds_of(study: Study, plan: Plan) -> float:
    """About how long a plan takes in one process, at most: by timing each classifier's passes."""
    rates: dict[Variant, float] = {}
    total = 0.0
    for task in plan.tasks:
        if task.variant not in rates:
            setup = loaded(task.variant, study.hardware)
            images = torch.full((_TIMED, 3, *setup.size), 0.5, device=setup.device)
            model = inference_copy(setup.classifier, setup.device, images)
            for _ in range(2):  # the first pass is slow
                begin = time.perf_counter()
                model(images).sum().item()
                rates[task.variant] = (time.perf_counter() - begin) / _TIMED
        total += task.cost * rates[task.variant]
    return total


class Ledger:
    """What each result took, kept beside the tables: times are no part of a result.

    Parameters
    ----------
    path : Path
        A CSV file to which lines are added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, seconds: dict[str, float]) -> None:
        """Add results by their names."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name},{took:.3f}\n" for name, took in seconds.items())

    def read(self) -> dict[str, float]:
        """Seconds by name, as far as they are known; of a result made again, the last."""
        if not self.path.exists():
            return {}
        found = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, took = line.partition(",")
            # the line at which a killed process was is cut short
            if len(name) == 64 and took.replace(".", "", 1).isdigit():
                found[name] = float(took)
        return found


def failures_csv(failures: Sequence[StudyFailure]) -> bytes:
    """Failures as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "classifier", "what", "reason"])
    writer.writerows([one.image, one.classifier, one.what, one.reason] for one in failures)
    return text.getvalue().encode("utf-8", errors="backslashreplace")
