"""Tasks on a cluster of processes, through Dask. Results go into a folder that all of them see."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rcx.classifiers.devices import usable_device
from rcx.study.computation import Computation
from rcx.study.outcomes import StudyFailure, TaskOutcome
from rcx.study.plan import Advance, Execute, Task
from rcx.study.store import Store, StoreError
from rcx.study.variants import Hardware, load_variant
from rcx.system.machine import reuse_freed_memory
from rcx.system.text import printable, reason

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 30  # seconds within which a scheduler has to answer


@contextmanager
def cluster(hardware: Hardware, *, workers: int | None, scheduler: str | None) -> Iterator[Execute]:
    """Start processes on this machine, or use a running scheduler's workers.

    Parameters
    ----------
    hardware : Hardware
        What each process works with. Several processes take turns among several GPUs.
    workers : int, optional
        Number of processes to start on this machine.
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://host:8786"``, instead. Its workers must see
        the store's folder and the images under the same paths.

    Yields
    ------
    callable
        Works on tasks, see ``rcx.study.plan.Execute``.

    Raises
    ------
    RuntimeError
        If Dask is not installed.
    OSError
        If the scheduler does not answer.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise RuntimeError(
            "several processes need Dask, which is not installed: pip install 'rcx[cluster]'"
        ) from error
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise OSError(f"no scheduler answers at {printable(scheduler)}") from error
        with client:
            yield partial(_execute, client, hardware)
        return
    # A fork of a process in which torch has used several threads would hang.
    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,  # a task has the process to itself
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs="CRITICAL",
        )
        with local, Client(local, set_as_default=False) as client:
            yield partial(_execute, client, hardware)


def _execute(
    client: Client,
    hardware: Hardware,
    tasks: Sequence[Task],
    store: Store,
    advance: Advance | None = None,
) -> Generator[tuple[Task, TaskOutcome], None, None]:
    """Work on tasks with a cluster's workers."""
    from distributed import as_completed

    folder = store.folder.resolve()
    futures = {client.submit(_work, task, folder, hardware, pure=False): task for task in tasks}
    try:
        for future in as_completed(futures, loop=client.loop):
            task = futures[future]
            error = future.exception()
            if isinstance(error, StoreError):
                raise error
            outcome = future.result() if error is None else _failed(task, error)
            if advance:
                advance(task.seconds)
            yield task, outcome
    finally:
        client.cancel(list(futures))


def _work(task: Task, folder: Path, hardware: Hardware) -> TaskOutcome:
    """Work on a task inside a worker, as `Study.here` does, with a GPU of its own."""
    reuse_freed_memory()
    loaded = load_variant(task.variant, hardware._replace(device=_own_device(hardware.device)))
    return Computation(loaded, _store(folder))(task)


@lru_cache(maxsize=1)
def _store(folder: Path) -> Store:
    return Store(folder, indexed=False)


def _own_device(device: str) -> str:
    """Choose one of the GPUs that this worker sees. Its neighbours choose the next ones."""
    if device != "auto" or usable_device(device).type != "cuda":
        return device
    from distributed import get_worker

    name = str(get_worker().name)
    return f"cuda:{int(name) % torch.cuda.device_count()}" if name.isdecimal() else "cuda:0"


def _failed(task: Task, error: BaseException) -> TaskOutcome:
    """Outcome of a task that could not begin, or during which every worker died."""
    classifier = task.variant.run.classifier
    return TaskOutcome(
        failures=[
            StudyFailure(source.full_name, classifier, "", reason(error))
            for _, source in task.images
        ]
    )
