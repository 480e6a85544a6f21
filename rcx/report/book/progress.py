"""What is said of a chapter before it is run: which one it is, and about how long it will take."""

from collections.abc import Iterable, Mapping, Sequence

from rcx.report.results import ChapterRun


class Progress:
    """The chapters of a book in the order in which they are read, and those that are still to run.

    Parameters
    ----------
    chapters : sequence of str
        All chapters, in the order in which they are read.
    expected : mapping of str to float or None
        Seconds that each chapter to be run will take, or None where nobody knows. A chapter that is
        taken from the store is left out.
    """

    def __init__(
        self, chapters: Sequence[str] = (), expected: Mapping[str, float | None] | None = None
    ) -> None:
        self._chapters = list(chapters)
        self._left = dict(expected or {})

    def begin(self, chapter: str) -> str:
        """Take a chapter from those that are left, and say which it is and how long all will take.

        Parameters
        ----------
        chapter : str
            The chapter that is run next.

        Returns
        -------
        str
            Such as ``running, 3 of 9, about 40 s; about 4 min for the rest``. What nobody knows is
            left out, and a rest of which only a part is known takes "at least" that part.
        """
        seconds = self._left.pop(chapter, None)
        text = f"running, {self._chapters.index(chapter) + 1} of {len(self._chapters)}"
        if seconds is not None:
            text += f", about {rough_time(seconds)}"
        known = [left for left in self._left.values() if left is not None]
        if known:
            bound = "about" if len(known) == len(self._left) else "at least"
            text += f"; {bound} {rough_time(sum(known))} for the rest"
        return text

    def skip(self, chapter: str) -> None:
        """Take a chapter from those that are left, as it need not be run."""
        self._left.pop(chapter, None)


def expected_seconds(
    profile: object, runs: Iterable[ChapterRun], measured: float | None
) -> float | None:
    """Estimate how long a chapter will take.

    Parameters
    ----------
    profile : object
        Value of the parameter ``profile``, on which the time depends most.
    runs : iterable of ChapterRun
        Earlier runs of the chapter, the latest first.
    measured : float or None
        Seconds that the configuration names for the profile, if it names any.

    Returns
    -------
    float or None
        Seconds of the latest whole run with the same profile, or else `measured`.
    """
    alike = (run for run in runs if not run.failed and run.parameters.get("profile") == profile)
    last = next(alike, None)
    return measured if last is None else last.seconds


def reading_order(names: Iterable[str], summaries: Sequence[str]) -> list[str]:
    """Put summaries behind all other pages, in the order in which the configuration lists them.

    Parameters
    ----------
    names : iterable of str
        Pages of the book, in any order.
    summaries : sequence of str
        Pages that read what the other chapters recorded.

    Returns
    -------
    list of str
        The same pages. Those that are no summaries stay in alphabetical order.
    """
    pages = set(names)
    return [*sorted(pages.difference(summaries)), *(one for one in summaries if one in pages)]


def rough_time(seconds: float) -> str:
    """Write a duration as one would say it: ``40 s``, ``4 min`` or ``1.5 h``."""
    if seconds < 10:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90:
        return f"{round(seconds / 10) * 10} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
