"""The files of results: each appears whole under its name, or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rcx.study.index import Row, damaged_row, row_of
from rcx.study.kinds import KINDS
from rcx.study.scratch import Scratch
from rcx.system.files import LONGEST_HEADER, DamagedError
from rcx.system.text import printable, reason

_SUFFIX = ".safetensors"


class StoreError(RuntimeError):
    """The store cannot be read or written, because of a full disk or a missing permission."""


@contextmanager
def store_errors(action: str, folder: Path, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors of the system, and of other kinds, into a `StoreError` that names the store.

    Parameters
    ----------
    action : str
        What could not be done, such as ``"write to"``.
    folder : Path
        The store.
    *kinds : type of Exception
        Other errors that are meant.
    """
    errors: tuple[type[Exception], ...] = (OSError, *kinds)
    try:
        yield
    except errors as error:
        raise StoreError(
            f"cannot {action} the store {printable(folder)}: {reason(error)}"
        ) from error


class ResultFiles:
    """The files of a store.

    Parameters
    ----------
    folder : Path
        The store's folder. Files lie in ``results`` below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.unfinished = folder / "unfinished"
        self._scratch: Scratch | None = None

    def close(self) -> None:
        """Remove what is unfinished."""
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    def path(self, name: str) -> Path:
        """Path of the file of a name, whether it exists or not."""
        return self.results / name[:2] / f"{name}{_SUFFIX}"

    def write(self, name: str, content: bytes) -> Path:
        """Write a file. When this returns, all of it is on the disk."""
        path = self.path(name)
        with store_errors("write to", self.folder):
            if self._scratch is None:
                self._scratch = Scratch(self.unfinished)
            part = self._scratch.folder / name
            try:
                with part.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                path.parent.mkdir(exist_ok=True)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            _sync(path.parent)
        return path

    def read(self, name: str) -> bytes | None:
        """Read a file; None where there is none.

        Raises
        ------
        rcx.system.DamagedError
            If there is something else than a file.
        """
        with store_errors("read", self.folder):
            try:
                return self.path(name).read_bytes()
            except FileNotFoundError:
                return None
            except IsADirectoryError as error:
                raise DamagedError("it is a folder") from error

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        with store_errors("write to", self.folder):
            self.path(name).unlink(missing_ok=True)

    def is_unchanged(self, row: Row) -> bool:
        """Whether a file was whole when it was last read, and has not changed since then."""
        try:
            info = self.path(row.name).stat()
        except OSError:
            return False
        return row.checked and (row.size, row.changed) == (info.st_size, info.st_mtime_ns)

    def listed(self) -> dict[str, os.stat_result]:
        """Size and time of every file, by name."""
        listed = {}
        with os.scandir(self.results) as shards:
            folders = [shard.path for shard in shards if shard.is_dir(follow_symlinks=False)]
        for folder in folders:
            with os.scandir(folder) as files:
                for file in files:
                    if file.name.endswith(_SUFFIX):
                        listed[file.name.removesuffix(_SUFFIX)] = file.stat(follow_symlinks=False)
        return listed

    def row(self, name: str, info: os.stat_result) -> Row:
        """Make the row of a file for the index. Only the file's header is read."""
        try:
            with self.path(name).open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length <= LONGEST_HEADER:
                    document = json.loads(json.loads(file.read(length))["__metadata__"]["key"])
                    row = row_of(name, document, info.st_size, info.st_mtime_ns, checked=False)
                    if document["kind"] in KINDS:
                        return row
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        return damaged_row(name, info.st_size, info.st_mtime_ns)


def _sync(folder: Path) -> None:
    """Make sure that a new name is on the disk, where the system can tell."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
