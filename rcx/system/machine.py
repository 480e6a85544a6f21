"""The system underneath: files that appear whole, memory that is used again, the processor."""

from __future__ import annotations

import ctypes
import os
import platform
from importlib import metadata
from pathlib import Path

# mallopt's numbers for what is given back to the system, and from which size on memory is mapped
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 2**25
_KEPT = 2**30


# what Dask sets for its workers: so that they give back what tables took, at once
_DASKS_OWN = ("MALLOC_TRIM_THRESHOLD_", "65536")


def reuse_freed_memory() -> None:
    """Keep freed memory, a gigabyte and more, for what comes next, where the C library is glibc.

    By default it gives large pieces back, and a network's pass waits for the system to clear their
    pages again; in a Dask worker, for most of the time. As it holds for all of a process, it is for
    those of the command line and of its workers. What the environment says (``MALLOC_...``) stays.
    """
    told = set(os.environ.items()) - {_DASKS_OWN}
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name, _ in told):
        return
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def processor() -> str:
    """Model of the processor, which Python by itself does not tell on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of Python, of rcx and of the libraries that a result depends on."""
    names = ("rcx", "torch", "torchvision", "timm", "PyWavelets", "numpy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
