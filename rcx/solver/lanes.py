"""Network passes side by side: on a CPU, two at a time are quicker than one after the other."""

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

# each lane has an equal part of the cores; the layers of small networks do not fill more
_ON_A_CPU = 2


class Lanes:
    """Copies of a classifier that work at the same time, each on its part of a CPU's cores.

    The copies share all weights. Used as a context: within it, torch's number of threads is
    divided among the lanes.

    Parameters
    ----------
    classifier : nn.Module
        The first lane's; it must not change any more.
    count : int, optional
        How many lanes; 2 on a CPU of several cores, else 1.
    """

    def __init__(self, classifier: nn.Module, count: int | None = None) -> None:
        weights = list(itertools.chain(classifier.parameters(), classifier.buffers()))
        self._threads = torch.get_num_threads()
        if count is None:
            elsewhere = any(tensor.device.type != "cpu" for tensor in weights)
            count = 1 if elsewhere else min(_ON_A_CPU, self._threads)
        shared = {id(tensor): tensor for tensor in weights}
        # a module may keep what it computes, so that lanes must not meet in one
        others = [copy.deepcopy(classifier, dict(shared)) for _ in range(count - 1)]
        self.classifiers = [classifier, *others]
        self._pool: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self.classifiers)

    def __enter__(self) -> Self:
        if len(self) > 1:
            threads = max(1, self._threads // len(self))
            self._pool = ThreadPoolExecutor(len(self), "lane", torch.set_num_threads, (threads,))
            # threads that wait for work keep a core busy, which a lane could use
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
            # what a lane sets holds for the whole process in some libraries
            torch.set_num_threads(self._threads)

    def map(self, work: Callable[[nn.Module, Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do a piece of work for each item, with the classifier of its lane; results in order."""
        if self._pool is None or len(items) < 2:
            return [work(self.classifiers[0], item) for item in items]

        def lane(number: int) -> list[Result]:
            return [work(self.classifiers[number], item) for item in items[number :: len(self)]]

        results: list[Result | None] = [None] * len(items)
        for number, found in enumerate(self._pool.map(lane, range(len(self)))):
            results[number :: len(self)] = found
        return results  # type: ignore[return-value]
