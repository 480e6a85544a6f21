"""The machine and the libraries: its processor, how it reuses memory, which versions run on it."""

from __future__ import annotations

import ctypes
import os
import platform
from importlib import metadata
from pathlib import Path

# The parameters of glibc's mallopt: how much free memory stays with the process, and from which
# size on a piece of memory is mapped, so that it goes back to the system when it is freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 2**25  # bytes, the most that glibc accepts
_FREE_MEMORY_KEPT = 2**30  # bytes

# Dask sets this in its workers, so that they return memory to the system at once.
_DASK_SETTING = ("MALLOC_TRIM_THRESHOLD_", "65536")


def reuse_freed_memory() -> None:
    """Let the process keep up to a gigabyte of freed memory for later, if its C library is glibc.

    By default, glibc returns large pieces of memory to the system. Each pass through a network then
    waits until the system has cleared the same pages again; a Dask worker spends most of its time
    in this way. The setting holds for the whole process, so only the command line and its workers
    call this function. It does nothing if the environment has settings of its own
    (``MALLOC_...`` or ``GLIBC_TUNABLES``), except for the one that Dask makes.
    """
    variables = set(os.environ.items()) - {_DASK_SETTING}
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name, _ in variables):
        return
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _FREE_MEMORY_KEPT)


def processor() -> str:
    """Name the processor's model, which Python alone does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def machine_facts() -> dict[str, str]:
    """Describe the machine by name: processor, cores, GPU (all of them, or "none") and system."""
    import torch  # which the command line's help does not wait for

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "GPU": ", ".join(gpus) or "none",
        "system": f"{platform.system()} {platform.machine()}",
    }


def machine_in_words() -> str:
    """Describe the machine in words: processor, cores, graphics cards, operating system."""
    facts = machine_facts()
    gpus = [] if facts["GPU"] == "none" else [facts["GPU"]]
    return ", ".join([facts["processor"], f"{facts['cores']} cores", *gpus, facts["system"]])


def versions() -> dict[str, str]:
    """List the versions of Python, of rcx and of the libraries that a result depends on."""
    names = ("rcx", "torch", "torchvision", "timm", "PyWavelets", "numpy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
