"""The store: one file for each result, named by what determines it; a file is whole or not there.

It is laid out as follows. Files below ``results`` are all that counts; the rest can be deleted.

::

    results/3f/3fa8....safetensors    a result: tensors, settings, its key, versions, a checksum
    index.sqlite                      a list of them
    unfinished/                       what running processes are writing
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rcx.study.index import Index, Row, described
from rcx.study.keys import Key
from rcx.study.kinds import KINDS, Result
from rcx.study.scratch import Scratch, sweep
from rcx.system.files import LONGEST_HEADER, DamagedError, packed, unpacked, verified
from rcx.system.machine import versions
from rcx.system.text import printable, reason

_SUFFIX = ".safetensors"
_SECONDS_BETWEEN_WRITES = 1.0
State = Literal["stored", "missing", "damaged"]


class StoreError(RuntimeError):
    """The store cannot be read or written: a full disk, a missing permission."""


class Store:
    """Results in a folder.

    Several processes may use a store at once. A process that only writes, such as a worker on
    another machine, needs no index.

    Parameters
    ----------
    folder : str or Path
        Made if need be.
    indexed : bool
        False leaves the index alone.

    Raises
    ------
    StoreError
        If the folder cannot be used.
    """

    def __init__(self, folder: str | Path, *, indexed: bool = True) -> None:
        self.folder = Path(folder)
        self.results = self.folder / "results"
        self._scratch: Scratch | None = None
        self._index: Index | None = None
        self._known: dict[str, Row] = {}
        self._waiting: list[Row] = []
        self._written = time.monotonic()
        with self._told("use"):
            self.results.mkdir(parents=True, exist_ok=True)
            if indexed:
                sweep(self.folder / "unfinished")
                self._index = Index(self.folder / "index.sqlite")
                self._known = {row.name: row for row in self._index.rows()}

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove what is unfinished, and close the index."""
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None
        if self._index is not None:
            with suppress(sqlite3.Error):  # a full disk: the files are what counts
                self._write_rows()
            self._index.close()
            self._index = None
            with suppress(OSError):  # what workers have left, who are gone by now
                sweep(self.folder / "unfinished")

    def path(self, key: Key) -> Path:
        """Where the result of a key is, or would be."""
        return self._file(key.name)

    def _file(self, name: str) -> Path:
        return self.results / name[:2] / f"{name}{_SUFFIX}"

    def put(self, key: Key, result: Result, **made: str) -> Path:
        """Keep a result; when this returns it is on the disk.

        Parameters
        ----------
        key : Key
            What determines it.
        result : Result
            Of the key's kind.
        **made : str
            How it was made, as far as this does not determine it, such as the device; kept in the
            file beside all versions.
        """
        tensors, notes = KINDS[key.kind].parts(result)
        how = json.dumps({"versions": _versions(), **made}, sort_keys=True)
        content = packed(tensors, {**notes, "key": key.text, "made": how})
        path = self.path(key)
        with self._told("write to"):
            if self._scratch is None:
                self._scratch = Scratch(self.folder / "unfinished")
            part = self._scratch.folder / key.name
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
        self.note(key)
        return path

    def get(self, key: Key) -> Any:
        """Return the result of a key, None where there is none.

        Raises
        ------
        DamagedError
            If its file is damaged; the message says how, without the file's name.
        """
        content = self._content(key.name)
        if content is None:
            return None
        tensors, notes = unpacked(content, checked=True)
        if notes.get("key") != key.text:
            raise DamagedError("it holds another result than its name says")
        try:
            result = KINDS[key.kind].whole(tensors, notes)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(f"it {reason(error)}") from error
        # a worker may have put it there
        if key.name not in self._known or not self._unchanged(self._known[key.name]):
            self.note(key)
        return result

    def has(self, key: Key) -> bool:
        """Whether there is a file for a key, whole or not."""
        return self.path(key).exists()

    def state(self, key: Key) -> State:
        """Whether a result is there and whole.

        A file that has the size and the time it had when it was last seen whole is not read again.
        """
        if key.name in self._known and self._unchanged(self._known[key.name]):
            return "stored"
        try:
            if self.get(key) is None:
                return "missing"
        except DamagedError:
            return "damaged"
        return "stored"

    def note(self, key: Key) -> None:
        """Put a file that is known to be whole into the index."""
        if self._index is None:
            return
        with self._told("read"):
            info = self.path(key).stat()
            row = described(key.name, key.document, info.st_size, info.st_mtime_ns, checked=True)
            self._known[key.name] = row
            self._waiting.append(row)
            # a transaction takes as long as reading a few files; what is lost is looked up anew
            if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
                self._write_rows()

    def _write_rows(self) -> None:
        if self._index is not None:
            self._index.add(self._waiting)
        self._waiting, self._written = [], time.monotonic()

    def discard(self, names: list[str]) -> None:
        """Remove files by name."""
        with self._told("write to"):
            for name in names:
                self._file(name).unlink(missing_ok=True)
                self._known.pop(name, None)
            self._write_rows()
            if self._index is not None:
                self._index.remove(names)

    def rows(self) -> list[Row]:
        """One row for each file, after a look at what has come and gone."""
        with self._told("read"):
            self._refresh()
            return sorted(self._known.values())

    def verify(self, advance: Callable[[], None] = lambda: None) -> Iterator[tuple[Path, str]]:
        """Read every file, and yield those that are damaged, with the reason."""
        names = sorted(self._listed())
        for name in names:
            path = self._file(name)
            try:
                content = self._content(name)
                if content is not None:
                    self._check(name, content)
            except DamagedError as error:
                yield path, str(error)
            advance()

    def _check(self, name: str, content: bytes) -> None:
        text = verified(content).get("key", "")
        try:
            key = Key(json.loads(text))
            if key.name != name or key.kind not in KINDS:
                raise DamagedError("it holds another result than its name says")
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedError(reason(error)) from error
        self.note(key)

    def _content(self, name: str) -> bytes | None:
        with self._told("read"):
            try:
                return self._file(name).read_bytes()
            except FileNotFoundError:
                return None
            except IsADirectoryError as error:
                raise DamagedError("it is a folder") from error

    def _unchanged(self, row: Row) -> bool:
        try:
            info = self._file(row.name).stat()
        except OSError:
            return False
        return row.checked and (row.size, row.changed) == (info.st_size, info.st_mtime_ns)

    def _listed(self) -> dict[str, os.stat_result]:
        """Every file, by name."""
        listed = {}
        with os.scandir(self.results) as shards:
            folders = [shard.path for shard in shards if shard.is_dir(follow_symlinks=False)]
        for folder in folders:
            with os.scandir(folder) as files:
                for file in files:
                    if file.name.endswith(_SUFFIX):
                        listed[file.name.removesuffix(_SUFFIX)] = file.stat(follow_symlinks=False)
        return listed

    def _refresh(self) -> None:
        """Bring the index to what is in the folder; of new files only the headers are read."""
        if self._index is None:
            raise ValueError("this store was opened without its index")
        self._write_rows()
        listed = self._listed()
        gone = self._known.keys() - listed.keys()
        new = []
        for name, info in listed.items():
            row = self._known.get(name)
            if row is None or (row.size, row.changed) != (info.st_size, info.st_mtime_ns):
                about = (_document(self._file(name)), info.st_size, info.st_mtime_ns)
                new.append(described(name, *about, checked=False))
        self._index.remove(gone)
        self._index.add(new)
        self._known = {row.name: row for row in self._index.rows()}

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot {what} the store {printable(self.folder)}: {reason(error)}"
            ) from error


def _document(path: Path) -> dict[str, Any]:
    """Key's document of a file, by its header alone."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LONGEST_HEADER:
                raise ValueError
            document = json.loads(json.loads(file.read(length))["__metadata__"]["key"])
        described("", document, 0, 0, checked=False)
        if document["kind"] in KINDS:
            return dict(document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        pass
    return {"kind": "damaged"}


def _sync(folder: Path) -> None:
    """Make sure that a new name is on the disk too, where the system can tell."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@cache
def _versions() -> dict[str, str]:
    return versions()
