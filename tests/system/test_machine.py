"""Memory that is used again."""

import os
import platform
import subprocess
import sys

import pytest

# pages that the system has to clear while 160 MB are taken in parts and given back, as in a network
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
    told = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(first=first)],
        env={**told, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_freed_memory_is_used_again_unless_the_environment_says_otherwise() -> None:
    each_time = 5 * 40 * 2**22 // 4096
    assert page_faults(KEEP) < each_time / 10
    assert page_faults(KEEP, MALLOC_TRIM_THRESHOLD_="1048576") > each_time / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_dask_worker_keeps_memory_too() -> None:
    dasks = distributed_config()["MALLOC_TRIM_THRESHOLD_"]
    assert page_faults(KEEP, MALLOC_TRIM_THRESHOLD_=str(dasks)) < 40 * 2**22 // 4096 / 2


def distributed_config() -> dict[str, object]:
    """What Dask sets in the environment of its workers."""
    pytest.importorskip("distributed")
    import dask

    found: dict[str, object] = dask.config.get("distributed.nanny.pre-spawn-environ")
    return found
