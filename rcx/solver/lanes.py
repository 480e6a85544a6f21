"""Work side by side, each piece in one thread, so that its bits do not depend on their number."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeVar

import torch
from torch import nn

from rcx.system.isolation import isolated, set_own_threads, threads_available

Item = TypeVar("Item")
Result = TypeVar("Result")

# The memory for passes through the network grows with the number of lanes.
_MOST_LANES = 8

_PARTS_ON_A_CPU = 2


def lane_count(device: torch.device) -> int:
    """Number of lanes by default: on a CPU one for each of torch's threads, but at most 8."""
    return min(_MOST_LANES, threads_available()) if device.type == "cpu" else 1


class Lanes:
    """Copies of a classifier that work at the same time, each in a thread of its own.

    The copies share all weights. The lanes are a context manager. Within the context, torch has one
    thread for the work of each lane, and one for that of the caller. Several threads would divide
    sums in other ways, which changes their last bits.

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
        self.parts = count or 1
        if count is None:
            device = weights[0].device if weights else torch.device("cpu")
            self.parts = _PARTS_ON_A_CPU if device.type == "cpu" else 1
            count = lane_count(device)
        shared = {id(tensor): tensor for tensor in weights}
        # A module may store what it computes, so that two lanes must not use the same one.
        others = [copy.deepcopy(classifier, dict(shared)) for _ in range(count - 1)]
        self.classifiers = [classifier, *others]
        self._pool: ThreadPoolExecutor | None = None
        self._closed, self._isolation = threading.Event(), ExitStack()

    def __len__(self) -> int:
        return len(self.classifiers)

    def __enter__(self) -> Self:
        self._isolation.enter_context(isolated())
        if len(self) > 1:
            self._pool = ThreadPoolExecutor(len(self), "lane", set_own_threads, (1,))
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
        self._isolation.close()

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

        As many items as there are lanes are worked on at a time, each on one lane. A single item
        that is left over has all lanes. Results do not depend on this.
        """
        results: list[Result] = []
        while len(items) > 1 and self._pool is not None:
            together, items = items[: len(self)], items[len(self) :]
            lanes = [self._only(number) for number in range(len(together))]
            results += self._pool.map(work, lanes, together)
        return results + [work(self, item) for item in items]

    def _only(self, number: int) -> Lanes:
        """Return one of the lanes alone. It splits work as all lanes do."""
        lane = copy.copy(self)
        lane.classifiers, lane._pool = [self.classifiers[number]], None
        return lane
