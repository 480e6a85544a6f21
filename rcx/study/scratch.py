"""Folders for unfinished files that are known to be left over when their process has died."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_LOCK = "lock"


class Scratch:
    """A process's own folder for files that are not yet whole.

    The system releases a lock with the process that holds it, however that ends: a folder whose
    lock is free is nobody's.

    Parameters
    ----------
    parent : Path
        Where the processes have their folders; made if need be.
    """

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        parent.mkdir(parents=True, exist_ok=True)
        with FileLock(parent / _LOCK):  # a folder is not swept before it is locked
            self.folder = Path(tempfile.mkdtemp(dir=parent))
            self._lock = FileLock(self.folder / _LOCK)
            self._lock.acquire()

    def close(self) -> None:
        """Remove the folder."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep(parent: Path) -> int:
    """Remove the folders of processes that have died, and return how many there were."""
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
