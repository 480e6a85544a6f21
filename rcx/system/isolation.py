"""Results that do not depend on what else the process does: the settings of torch put aside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import torch

_AUTOCAST_DEVICES = ("cpu", "cuda", "mps", "xpu")
_LOCK = threading.Lock()


class _Caller(threading.local):
    """What a thread had set before it was isolated."""

    threads: int | None = None


_caller = _Caller()


@contextmanager
def isolated() -> Iterator[None]:
    """Compute in the calling thread as a new process with one thread would.

    Several threads would split sums in other places, which changes their last bits. Put aside are
    also gradient and inference modes, autocast, the default device and the flushing of denormal
    numbers. All of this is torch's state of the calling thread, so that other threads notice
    nothing. Works as a decorator too.

    Not put aside is what holds for the whole process: the default type, for which all code of rcx
    names its types, and the flags in ``torch.backends``.
    """
    if _caller.threads is not None:
        yield  # the thread is isolated already
        return
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in _AUTOCAST_DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_denormal_numbers())
        stack.enter_context(_one_thread())
        yield


def threads_available() -> int:
    """Return the number of threads that torch has here, or had before `isolated` took one."""
    return _caller.threads or torch.get_num_threads()


def set_own_threads(count: int) -> None:
    """Set the number of threads that torch uses for the work of the calling thread alone.

    ``torch.set_num_threads`` also sets it for all threads that begin later.
    """
    torch.get_num_threads()  # torch takes the common number when a thread first asks, not later
    with _LOCK, ThreadPoolExecutor(1) as later_thread:
        for_later_threads = later_thread.submit(torch.get_num_threads).result()
        torch.set_num_threads(count)
        later_thread.submit(torch.set_num_threads, for_later_threads).result()


@contextmanager
def own_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads for the work of the calling thread, see `set_own_threads`."""
    threads = torch.get_num_threads()
    set_own_threads(count)
    try:
        yield
    finally:
        set_own_threads(threads)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch work in the calling thread only, and remember how many threads it had."""
    threads = torch.get_num_threads()
    with own_threads(1):
        _caller.threads = threads
        try:
            yield
        finally:
            _caller.threads = None


@contextmanager
def _denormal_numbers() -> Iterator[None]:
    """Compute with numbers near 0 as they are, which some programs have the processor flush."""
    flushed = not torch.tensor([1e-39], dtype=torch.float32).mul(1).item()
    if flushed:
        torch.set_flush_denormal(False)
    try:
        yield
    finally:
        if flushed:
            torch.set_flush_denormal(True)
