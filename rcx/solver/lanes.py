"""Network passes side by side. On a CPU, two at a time are faster than one after the other."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import torch
from torch import nn

Item = TypeVar("Item")
Result = TypeVar("Result")

# The layers of a small network do not fill all cores, so each lane gets an equal part of them.
_LANES_ON_A_CPU = 2


class Lanes:
    """Copies of a classifier that work at the same time, each on its part of a CPU's cores.

    The copies share all weights. The lanes are a context manager. Within the context, the threads
    of torch are divided among the lanes.

    Parameters
    ----------
    classifier : nn.Module
        The classifier of the first lane. It must not change any more.
    count : int, optional
        Number of lanes. By default there are 2 on a CPU of several cores, and 1 elsewhere.
    """

    def __init__(self, classifier: nn.Module, count: int | None = None) -> None:
        weights = list(itertools.chain(classifier.parameters(), classifier.buffers()))
        self._threads = torch.get_num_threads()
        if count is None:
            elsewhere = any(tensor.device.type != "cpu" for tensor in weights)
            count = 1 if elsewhere else min(_LANES_ON_A_CPU, self._threads)
        shared = {id(tensor): tensor for tensor in weights}
        # A module may store what it computes, so that two lanes must not use the same one.
        others = [copy.deepcopy(classifier, dict(shared)) for _ in range(count - 1)]
        self.classifiers = [classifier, *others]
        self._pool: ThreadPoolExecutor | None = None

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
            self._pool.shutdown()
            self._pool = None
            # In some libraries, the number of threads that a lane sets holds for all threads.
            torch.set_num_threads(self._threads)

    def map(self, work: Callable[[nn.Module, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Call ``work`` for each item with a lane's classifier, and list the results in order."""
        if self._pool is None or len(items) < 2:
            return [work(self.classifiers[0], item) for item in items]

        def lane_results(number: int) -> list[Result]:
            return [work(self.classifiers[number], item) for item in items[number :: len(self)]]

        results: list[Result | None] = [None] * len(items)
        for number, part in enumerate(self._pool.map(lane_results, range(len(self)))):
            results[number :: len(self)] = part
        return results  # type: ignore[return-value]
