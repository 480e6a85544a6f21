"""Freed memory is used again unless the environment says otherwise."""

import os
import platform
import subprocess
import sys

import pytest

# The program counts the memory pages that the system clears while 160 MB are taken in parts and
# given back, as during a pass through a network.
FAULTS = """
import resource
import torch
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    return [torch.ones(2**20) for _ in range(40)][0]
work(), work()
before = faults()
for _ in range(5):
    work()
print(faults() - before)
"""

KEEP = "from rcx.system.machine import reuse_freed_memory; reuse_freed_memory()"


def page_faults(first: str, **environment: str) -> int:
    others = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    run = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)],
        env={**others, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_memory_is_used_again_unless_the_environment_says_otherwise() -> None:
    pages = 5 * 40 * 2**22 // 4096
    assert page_faults(KEEP) < pages / 10
    assert page_faults(KEEP, MALLOC_TRIM_THRESHOLD_="1048576") > pages / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_dask_worker_keeps_memory_too() -> None:
    threshold = dask_environment()["MALLOC_TRIM_THRESHOLD_"]
    assert page_faults(KEEP, MALLOC_TRIM_THRESHOLD_=str(threshold)) < 40 * 2**22 // 4096 / 2


def dask_environment() -> dict[str, object]:
    """The environment variables that Dask sets for its workers."""
    pytest.importorskip("distributed")
    import dask

    environment: dict[str, object] = dask.config.get("distributed.nanny.pre-spawn-environ")
    return environment
