"""A study's tasks on a cluster of processes, through Dask; results go to a shared folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rcx.classifiers.devices import chosen_device
from rcx.study.computation import Advance, Computation, TaskOutcome
from rcx.study.plan import Execute, Study, Task, loaded
from rcx.study.sources import StudyFailure
from rcx.study.store import Store, StoreError
from rcx.study.variants import Hardware
from rcx.system.machine import reuse_freed_memory
from rcx.system.text import printable, reason

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE = 30  # seconds in which a scheduler has to answer


@contextmanager
def cluster(study: Study, *, workers: int | None, scheduler: str | None) -> Iterator[Execute]:
    """Processes of this machine, or of a running scheduler's workers, that work on tasks.

    Parameters
    ----------
    study : Study
        Whose tasks they are.
    workers : int, optional
        So many processes on this machine; with several GPUs, they take turns among them.
    scheduler : str, optional
        Or the address of a scheduler, ``"tcp://host:8786"``, whose workers see the store's folder
        and the images under the same paths.

    Raises
    ------
    RuntimeError
        If Dask is not installed; OSError where the scheduler does not answer.
    """
    try:
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
            yield partial(_on, client, study)
        return
    local = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,  # a task has the process to itself
        processes=True,
        dashboard_address=None,
        host="127.0.0.1",
        silence_logs="CRITICAL",
    )
    with local, Client(local, set_as_default=False) as client:
        yield partial(_on, client, study)


def _on(
    client: Client, study: Study, tasks: Sequence[Task], store: Store, advance: Advance
) -> Iterator[tuple[Task, TaskOutcome]]:
    """Work on tasks with a cluster's workers."""
    from distributed import as_completed

    folder = store.folder.resolve()
    futures: dict[Any, Task] = {
        client.submit(_work, task, folder, study.hardware, pure=False): task for task in tasks
    }
    try:
        for future in as_completed(futures, loop=client.loop):
            task = futures[future]
            error = future.exception()
            if isinstance(error, StoreError):
                raise error
            outcome = future.result() if error is None else _failed(task, error)
            advance(task.cost)
            yield task, outcome
    finally:
        client.cancel(list(futures))


def _work(task: Task, folder: Path, hardware: Hardware) -> TaskOutcome:
    """What a worker does: the same as `Study.here`, with a GPU of its own."""
    reuse_freed_memory()
    setup = loaded(task.variant, hardware._replace(device=_own_device(hardware.device)))
    return Computation(setup, _store(folder))(task.places)


@lru_cache(maxsize=1)
def _store(folder: Path) -> Store:
    return Store(folder, indexed=False)


def _own_device(device: str) -> str:
    """One of the GPUs that this worker sees, in turn with its neighbours."""
    if device != "auto" or chosen_device(device).type != "cuda":
        return device
    from distributed import get_worker

    name = str(get_worker().name)
    return f"cuda:{int(name) % torch.cuda.device_count()}" if name.isdecimal() else "cuda:0"


def _failed(task: Task, error: BaseException) -> TaskOutcome:
    """Outcome of a task that no worker has survived, or could begin."""
    failures = [
        StudyFailure(
            str(source.path or source.name), task.variant.run.classifier, "", reason(error)
        )
        for _, source in task.places
    ]
    return TaskOutcome(failures=failures)
