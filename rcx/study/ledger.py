"""The ledger: how long each result of a study took. Times are not part of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_LENGTH_OF_A_NAME = 64  # a SHA-256 in hexadecimal


class Ledger:
    """Seconds of results, in a CSV file that only grows.

    Parameters
    ----------
    path : Path
        The file. It is made when the first line is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add the seconds of results, given by the names of their keys."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{name},{duration:.3f}\n" for name, duration in seconds.items())

    def read(self) -> dict[str, float]:
        """Read the known seconds by name. Of a result that was made again, the last time counts."""
        if not self.path.exists():
            return {}
        seconds = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, duration = line.partition(",")
            # a process that is killed while it writes leaves an incomplete line
            if len(name) == _LENGTH_OF_A_NAME and duration.replace(".", "", 1).isdigit():
                seconds[name] = float(duration)
        return seconds
