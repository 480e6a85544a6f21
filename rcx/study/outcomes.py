"""What came of the work on a study: times, failures and damage."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StudyFailure:
    """A part of a study that could not be computed.

    Attributes
    ----------
    image : str
        Path of the file, or name of the scene.
    classifier : str
        Name of the classifier; empty where the image itself is the problem.
    what : str
        The result that is missing, in words.
    reason : str
        What went wrong, in one line.
    """

    image: str
    classifier: str
    what: str
    reason: str


@dataclass
class TaskOutcome:
    """How the work on one task went.

    Attributes
    ----------
    seconds : dict of str to float
        Time that each new result took, by the name of its key. Results that were computed together
        share their time equally.
    failures : list of StudyFailure
        Results that could not be computed.
    damaged : list of str
        Names of results whose files were damaged. They have been computed again.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass
class StudyReport:
    """How a study went.

    Attributes
    ----------
    computed : int
        Number of results that were computed this time.
    failures : list of StudyFailure
        Results that could not be computed.
    damaged : list of str
        Names of results whose files were damaged. They have been computed again.
    missing : int
        Number of explanations and curves that the tables lack.
    """

    computed: int = 0
    failures: list[StudyFailure] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    missing: int = 0


def failures_csv(failures: Sequence[StudyFailure]) -> bytes:
    """Write failures as a CSV file, a row for each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "classifier", "what", "reason"])
    writer.writerows(
        [failure.image, failure.classifier, failure.what, failure.reason] for failure in failures
    )
    return text.getvalue().encode("utf-8", errors="backslashreplace")
