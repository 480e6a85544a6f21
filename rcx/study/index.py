"""The store's index: a list of its files that can always be made anew from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rcx.study.keys import Document

_LAYOUT = 1
_WAIT = 60.0  # seconds for another study that writes to the same index


class Row(NamedTuple):
    """What is known of a stored result without reading it.

    Attributes
    ----------
    name : str
        The file's name without its suffix.
    kind, method, classifier, image : str
        From the key; ``image`` is the beginning of the image's hash. A file that is no whole result
        has the kind ``"damaged"``.
    normalize : bool
    lambda_k, seed
        None where the kind has none.
    size : int
        Of the file, in bytes.
    changed : int
        When the file was last changed, in nanoseconds.
    checked : bool
        Whether the file was whole when it was as large and as old as this.
    """

    name: str
    kind: str
    method: str
    classifier: str
    image: str
    normalize: bool
    lambda_k: float | None
    seed: int | None
    size: int
    changed: int
    checked: bool


def described(name: str, document: Document, size: int, changed: int, *, checked: bool) -> Row:
    """Row of a key's document."""
    about = document.get("explanation") or document  # what an evaluation is of
    order = about.get("order", {})
    explained = order.get("explanation", about)
    explainer = explained.get("explainer", {})
    other = order.get("attribution", about).get("baseline", "rollout")
    method = explainer.get("method") or ("random" if "random" in order else other)
    classifier = about.get("classifier", {})
    return Row(
        name,
        str(document.get("kind")),
        str(method),
        str(classifier.get("name")),
        str(about.get("image", {}).get("sha256"))[:12],
        bool(classifier.get("normalize")),
        _number(explainer.get("lambda_k")),
        _number(document.get("seed", explainer.get("seed"))),
        size,
        changed,
        checked,
    )


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


class Index:
    """Rows in an SQLite file; a damaged file is made anew.

    Parameters
    ----------
    path : Path
        Made if need be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, read-only, the disk is full
                raise
            path.unlink(missing_ok=True)
            self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_WAIT)
        # the index can be lost, the results cannot: no waiting for the disk
        database.execute("PRAGMA synchronous = OFF")
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        columns = ", ".join(Row._fields).replace("name", "name PRIMARY KEY", 1)
        with database:
            if layout != _LAYOUT:
                database.execute("DROP TABLE IF EXISTS results")
            database.execute(f"CREATE TABLE IF NOT EXISTS results ({columns}) WITHOUT ROWID")
            database.execute(f"PRAGMA user_version = {_LAYOUT}")
        (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(said)
        return database

    def rows(self) -> list[Row]:
        """All rows, by name."""
        found = self._database.execute("SELECT * FROM results ORDER BY name")
        return [_typed(row) for row in found]

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows, or replace those of the same name."""
        marks = ", ".join("?" * len(Row._fields))
        with self._database:
            self._database.executemany(f"INSERT OR REPLACE INTO results VALUES ({marks})", rows)

    def remove(self, names: Iterable[str]) -> None:
        """Remove rows by name."""
        with self._database:
            self._database.executemany(
                "DELETE FROM results WHERE name = ?", ((name,) for name in names)
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _typed(row: tuple[Any, ...]) -> Row:
    one = Row(*row)
    return one._replace(normalize=bool(one.normalize), checked=bool(one.checked))
