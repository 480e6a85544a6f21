"""The store's index: a list of its files, which can always be made anew from them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rcx.study.keys import RESULTS, Document

DAMAGED, EARLIER = "damaged", "earlier"
"""Kinds of files that hold no result, or one of an earlier format."""

_LAYOUT = 2
_PATIENCE = 60.0  # seconds to wait for another study that writes to the same index


class Row(NamedTuple):
    """What the index knows of a file.

    Attributes
    ----------
    name : str
        The file's name without its suffix: the name of the key.
    kind : str
        Kind of the result, one of `rcx.study.kinds.KINDS`; ``"damaged"`` where the file holds no
        result, ``"earlier"`` where it holds one of an earlier format, which no study reads.
    method : str
        Method of the explanation or map, or ``"random"``.
    classifier : str
        Name of the classifier.
    image : str
        First 12 digits of the hash of the image.
    normalize : bool
        Whether the classifier normalises colours.
    lambda_k : float or None
        Lambda of the explanation; None where there is none.
    seed : int or None
        Seed of the result; None where there is none.
    size : int
        Size of the file, in bytes.
    changed : int
        Time of the file's last change, in nanoseconds.
    checked : bool
        Whether the file was read and found whole when it had this size and time.
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


def row_of(name: str, document: Document, size: int, changed: int, *, checked: bool) -> Row:
    """Make the row of a file from the document of its key, see `Row`.

    Raises
    ------
    AttributeError, TypeError
        If the document is not that of a key.
    """
    about = document.get("explanation") or document  # an evaluation is described as what it is of
    order = about.get("order", {})
    explained = order.get("explanation", about)
    explainer = explained.get("explainer", {})
    other = order.get("attribution", about).get("baseline", "rollout")
    method = explainer.get("method") or ("random" if "random" in order else other)
    classifier = about.get("classifier", {})
    lambda_k = explainer.get("lambda_k")
    seed = document.get("seed", explainer.get("seed"))
    return Row(
        name,
        str(document.get("kind")) if document.get("results") == RESULTS else EARLIER,
        str(method),
        str(classifier.get("name")),
        str(about.get("image", {}).get("sha256"))[:12],
        bool(classifier.get("normalize")),
        lambda_k if isinstance(lambda_k, int | float) else None,
        seed if isinstance(seed, int) else None,
        size,
        changed,
        checked,
    )


def damaged_row(name: str, size: int, changed: int) -> Row:
    """Make the row of a file that holds no result."""
    return Row(name, DAMAGED, "", "", "", False, None, None, size, changed, False)


class Index:
    """Rows in an SQLite file. A damaged file, or one of an earlier layout, is made anew.

    Parameters
    ----------
    path : Path
        The file. It is made if it does not exist.

    Raises
    ------
    sqlite3.OperationalError
        If the file is locked or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = self._opened()
        except sqlite3.DatabaseError as error:
            # a lock, a missing permission or a full disk, but no damage
            if isinstance(error, sqlite3.OperationalError):
                raise
            path.unlink(missing_ok=True)
            self._database = self._opened()

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_PATIENCE)
        # do not wait for the disk: the index may be lost, as it can be made anew from the results
        database.execute("PRAGMA synchronous = OFF")
        (layout,) = database.execute("PRAGMA user_version").fetchone()
        columns = ", ".join(Row._fields).replace("name", "name PRIMARY KEY", 1)
        with database:
            if layout != _LAYOUT:
                database.execute("DROP TABLE IF EXISTS results")
            database.execute(f"CREATE TABLE IF NOT EXISTS results ({columns}) WITHOUT ROWID")
            database.execute(f"PRAGMA user_version = {_LAYOUT}")
        (problem,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        return database

    def rows(self) -> list[Row]:
        """Read all rows, sorted by name."""
        values = self._database.execute("SELECT * FROM results ORDER BY name")
        return [_row_of_values(row) for row in values]

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows. Rows of the same name are replaced."""
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


def _row_of_values(values: Iterable[Any]) -> Row:
    row = Row(*values)
    return row._replace(normalize=bool(row.normalize), checked=bool(row.checked))
