"""Work side by side. On a CPU, two things at a time are faster than one after the other."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import torch
from torch import nn

Item = TypeVar("Item")
Result = TypeVar("Result")

# The layers of a small network do not fill all cores, so each lane gets an equal part of them.
_LANES_ON_A_CPU = 2


def lane_count(device: torch.device) -> int:
    """Number of lanes by default: 2 on a CPU of several cores, and 1 elsewhere."""
    return min(_LANES_ON_A_CPU, torch.get_num_threads()) if device.type == "cpu" else 1


class Lanes:
    """Copies of a classifier that work at the same time, each on its part of a CPU's cores.

    The copies share all weights. The lanes are a context manager. Within the context, the threads
    of torch are divided among the lanes.

    Parameters
    ----------
    classifier : nn.Module
        The classifier of the first lane. It must not change any more.
    count : int, optional
        Number of lanes, by default that of `lane_count`.

    Attributes
    ----------
    parts : int
        Number of passes into which `rcx.solver.Objective` splits the work of a step. By default
        it is 2 on a CPU, even if there is only one lane, because the split changes the last bits.
    """

    def __init__(self, classifier: nn.Module, count: int | None = None) -> None:
        weights = list(itertools.chain(classifier.parameters(), classifier.buffers()))
        self._threads = torch.get_num_threads()
        self.parts = count or 1
        if count is None:
            device = weights[0].device if weights else torch.device("cpu")
            self.parts = _LANES_ON_A_CPU if device.type == "cpu" else 1
            count = lane_count(device)
        shared = {id(tensor): tensor for tensor in weights}
        # A module may store what it computes, so that two lanes must not use the same one.
        others = [copy.deepcopy(classifier, dict(shared)) for _ in range(count - 1)]
        self.classifiers = [classifier, *others]
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()

    def __len__(self) -> int:
        return len(self.classifiers)

    def __enter__(self) -> Self:
        if len(self) > 1:
            threads = max(1, self._threads // len(self))
            self._pool = ThreadPoolExecutor(len(self), "lane", torch.set_num_threads, (threads,))
            # A thread that waits for work keeps a core busy that a lane could use.
            torch.set_num_threads(threads)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._closed.set()  # so that long work ends, which an error or Ctrl-C left behind
            self._pool.shutdown()
            self._pool, self._closed = None, threading.Event()
            # In some libraries, the number of threads that a lane sets holds for all threads.
            torch.set_num_threads(self._threads)

    def map(self, work: Callable[[nn.Module, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Call ``work`` for each item with a lane's classifier, and list the results in order."""
        if self._closed.is_set():
            raise CancelledError
        if self._pool is None or len(items) < 2:
            return [work(self.classifiers[0], item) for item in items]

        def lane_results(number: int) -> list[Result]:
            return [work(self.classifiers[number], item) for item in items[number :: len(self)]]

        results: list[Result | None] = [None] * len(items)
        for number, part in enumerate(self._pool.map(lane_results, range(len(self)))):
            results[number :: len(self)] = part
        return results  # type: ignore[return-value]

    def map_long(
        self, work: Callable[[Lanes, Item], Result], items: Sequence[Item]
    ) -> list[Result]:
        """Call ``work`` for each item with lanes that the work may use, and list the results.

        As many items as there are lanes are worked on at a time, each on one lane. Each of the
        items that are left over has all lanes. Results do not depend on this.
        """
        results: list[Result] = []
        while len(items) >= len(self) > 1 and self._pool is not None:
            together, items = items[: len(self)], items[len(self) :]
            results += self._pool.map(
                work, [self._only(number) for number in range(len(self))], together
            )
        return results + [work(self, item) for item in items]

    def _only(self, number: int) -> Lanes:
        """Return one of the lanes alone. It splits work as all lanes do."""
        lane = copy.copy(self)
        lane.classifiers, lane._pool = [self.classifiers[number]], None
        return lane
