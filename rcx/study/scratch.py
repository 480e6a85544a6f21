"""Folders for unfinished files. When a process has died, others see that its folder is left."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = "lock"


class Scratch:
    """A folder for files that one process is writing.

    The process holds a lock on the folder. However the process ends, the system releases the lock,
    so a folder whose lock is free belongs to nobody.

    Parameters
    ----------
    parent : Path
        Folder in which every process has its own. It is made if it does not exist.
    """

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / _LOCK):  # so that nobody sweeps the folder before it is locked
            self.folder = Path(tempfile.mkdtemp(dir=parent))
            self._lock = FileLock(self.folder / _LOCK)
            self._lock.acquire()

    def close(self) -> None:
        """Remove the folder."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep(parent: Path) -> int:
    """Remove the folders of processes that have died, and return their number."""
    if not parent.is_dir():
        return 0
    removed = 0
    with FileLock(parent / _LOCK):
        for folder in parent.iterdir():
            if not folder.is_dir() or folder.is_symlink():
                continue
            try:
                with FileLock(folder / _LOCK, timeout=0):
                    pass
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed
