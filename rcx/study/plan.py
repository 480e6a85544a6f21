"""Plans: what a study consists of, and how much of it is stored already."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rcx.study.estimate import estimated_seconds
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.requests import Request
from rcx.study.sources import Source
from rcx.study.store import Store
from rcx.study.variants import Hardware, Variant

Advance = Callable[[float], None]
"""Is told how much work was done since it was last told, in seconds as they were estimated."""


@dataclass(frozen=True)
class Task:
    """Images that are worked on together, with one variant.

    Attributes
    ----------
    variant : Variant
        Classifier and methods.
    images : tuple of (int, Source)
        Each image after its position in the study.
    hardware : Hardware
        What works on them.
    passes : dict of str to float
        The work by series, see `rcx.study.estimate.passes_by_series`.
    """

    variant: Variant
    images: tuple[tuple[int, Source], ...]
    hardware: Hardware
    passes: dict[str, float]

    @property
    def seconds(self) -> float:
        """Estimate of the work. The first one that is asked for times some steps."""
        return estimated_seconds(self.variant, self.hardware, self.passes)


class Execute(Protocol):
    """Works on tasks, in this process or elsewhere.

    It yields each task with its outcome as soon as the task is done, in any order, and tells
    ``advance``, if there is one, meanwhile how much work was done.
    """

    def __call__(
        self, tasks: Sequence[Task], store: Store, advance: Advance | None = None
    ) -> Generator[tuple[Task, TaskOutcome], None, None]: ...


@dataclass(frozen=True)
class PlannedImage:
    """An image of a study under one variant.

    Attributes
    ----------
    variant : Variant
        Classifier and methods.
    position : int
        Position of the image in the study, from 0.
    source : Source
        The image.
    requests : list of Request
        All results that the study asks for, stored or not.
    """

    variant: Variant
    position: int
    source: Source
    requests: list[Request]


@dataclass
class Plan:
    """What a study consists of, and how much of it is stored.

    Attributes
    ----------
    images : list of PlannedImage
        All images under all variants, in the order of work.
    tasks : list of Task
        The work that is left.
    failures : list of StudyFailure
        Images that cannot be read.
    damaged : list of str
        Names of results whose files were damaged. The files have been removed.
    stored : dict of str to int
        Number of stored results by kind.
    missing : dict of str to int
        Number of missing results by kind.
    """

    images: list[PlannedImage] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    stored: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Estimate of the work that is left in one process. The first one times some steps."""
        return sum(task.seconds for task in self.tasks)
