"""The store: one file for each result, under a name that says what determines the result.

Only the files below ``results`` count. The rest of the folder can be deleted.

::

    results/3f/3fa8....safetensors    a result: tensors, settings, its key, versions, a checksum
    index.sqlite                      a list of them
    unfinished/                       what running processes are writing
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

from rcx.study.index import Index, Row, row_of
from rcx.study.keys import Key
from rcx.study.kinds import KINDS, Result
from rcx.study.result_files import ResultFiles, StoreError, store_errors
from rcx.study.scratch import sweep
from rcx.system.files import DamagedError, packed, unpacked, verified
from rcx.system.machine import versions
from rcx.system.text import reason

__all__ = ["State", "Store", "StoreError"]

_SECONDS_BETWEEN_WRITES = 1.0
_WRONG_NAME = "it holds another result than its name says"

State = Literal["stored", "missing", "damaged"]
"""What the store says of a key: a whole result, no file, or a damaged one."""


class Store:
    """Results in a folder.

    Several processes may use a store at once. A process that only writes, such as a worker on
    another machine, needs no index.

    Parameters
    ----------
    folder : str or Path
        The folder. It is made if it does not exist.
    indexed : bool
        Whether to keep the index; False leaves it alone.

    Raises
    ------
    StoreError
        If the folder cannot be used.
    """

    def __init__(self, folder: str | Path, *, indexed: bool = True) -> None:
        self.folder = Path(folder)
        self._files = ResultFiles(self.folder)
        self._index: Index | None = None
        self._rows: dict[str, Row] = {}
        self._waiting: list[Row] = []  # rows that are not in the index yet
        self._written = time.monotonic()
        with store_errors("use", self.folder, sqlite3.Error):
            self._files.results.mkdir(parents=True, exist_ok=True)
            if indexed:
                sweep(self._files.unfinished)
                self._index = Index(self.folder / "index.sqlite")
                self._rows = {row.name: row for row in self._index.rows()}

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what is unfinished, and close the index."""
        self._files.close()
        if self._index is not None:
            with suppress(sqlite3.Error):  # on a full disk, the files are what counts
                self._write_rows()
            self._index.close()
            self._index = None
            with suppress(OSError):  # workers that have ended may have left something
                sweep(self._files.unfinished)

    def path(self, key: Key) -> Path:
        """Path of a key's file, whether it exists or not."""
        return self._files.path(key.name)

    def put(self, key: Key, result: Result, *, device: str) -> Path:
        """Keep a result. When this returns, it is on the disk.

        Parameters
        ----------
        key : Key
            Everything that determines the result.
        result : Result
            A result of the key's kind.
        device : str
            The device that made it. It is kept in the file, beside all versions.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        tensors, notes = KINDS[key.kind].parts(result)
        made = json.dumps({"versions": _versions(), "device": device}, sort_keys=True)
        content = packed(tensors, {**notes, "key": key.text, "made": made})
        path = self._files.write(key.name, content)
        self._note(key)
        return path

    def get(self, key: Key) -> Result | None:
        """Return the result of a key, None where there is none.

        Raises
        ------
        rcx.system.DamagedError
            If its file is damaged. The message says how, without the file's name.
        StoreError
            If the file cannot be read.
        """
        content = self._files.read(key.name)
        if content is None:
            return None
        tensors, notes = unpacked(content, checked=True)
        if notes.get("key") != key.text:
            raise DamagedError(_WRONG_NAME)
        try:
            result = KINDS[key.kind].whole(tensors, notes)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(f"it {reason(error)}") from error
        # the file may be new in the index, where a worker has written it
        if key.name not in self._rows or not self._files.is_unchanged(self._rows[key.name]):
            self._note(key)
        return result

    def has(self, key: Key) -> bool:
        """Whether there is a file for a key, whole or not."""
        return self.path(key).exists()

    def state(self, key: Key) -> State:
        """Whether a result is there and whole.

        A file that was found whole before is not read again if its size and time are the same.
        """
        if key.name in self._rows and self._files.is_unchanged(self._rows[key.name]):
            return "stored"
        try:
            return "missing" if self.get(key) is None else "stored"
        except DamagedError:
            return "damaged"

    def _note(self, key: Key) -> None:
        """Put a file that is known to be whole into the index."""
        if self._index is None:
            return
        with store_errors("read", self.folder, sqlite3.Error):
            info = self.path(key).stat()
            row = row_of(key.name, key.document, info.st_size, info.st_mtime_ns, checked=True)
            self._rows[key.name] = row
            self._waiting.append(row)
            # A transaction takes as long as reading a few files. Rows that are lost meanwhile, as
            # when the process is killed, are made anew from the files.
            if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
                self._write_rows()

    def _write_rows(self) -> None:
        if self._index is not None:
            self._index.add(self._waiting)
        self._waiting, self._written = [], time.monotonic()

    def discard(self, names: list[str]) -> None:
        """Remove files by the names of their keys."""
        for name in names:
            self._files.remove(name)
            self._rows.pop(name, None)
        with store_errors("write to", self.folder, sqlite3.Error):
            self._write_rows()
            if self._index is not None:
                self._index.remove(names)

    def rows(self) -> list[Row]:
        """List all files, sorted by name, after a look at what has come and gone.

        Raises
        ------
        ValueError
            If the store was opened without its index.
        """
        if self._index is None:
            raise ValueError("this store was opened without its index")
        with store_errors("read", self.folder, sqlite3.Error):
            self._write_rows()
            listed = self._files.listed()
            rows = []
            for name, info in listed.items():
                row = self._rows.get(name)
                if row is None or (row.size, row.changed) != (info.st_size, info.st_mtime_ns):
                    rows.append(self._files.row(name, info))
            self._index.remove(self._rows.keys() - listed.keys())
            self._index.add(rows)
            self._rows = {row.name: row for row in self._index.rows()}
            return sorted(self._rows.values())

    def verify(self) -> Iterator[tuple[Path, str]]:
        """Read every file, and yield those that are damaged, each with the reason."""
        for name in sorted(self._files.listed()):
            try:
                content = self._files.read(name)
                if content is not None:
                    self._check(name, content)
            except DamagedError as error:
                yield self._files.path(name), str(error)

    def _check(self, name: str, content: bytes) -> None:
        text = verified(content).get("key", "")
        try:
            key = Key(json.loads(text))
            if key.name != name or key.kind not in KINDS:
                raise DamagedError(_WRONG_NAME)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(reason(error)) from error
        self._note(key)


@cache
def _versions() -> dict[str, str]:
    return versions()
