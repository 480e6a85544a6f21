"""Results of chapters in a form that other pages can read.

A chapter shows a `Result`, whose machine-readable form lies beside the text in the notebook. When
the book is built, the results of each chapter are written to a folder, as one JSON file per
chapter, even if the chapter was taken from the store. The verdict and status pages read the folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rcx.system.files import write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode

ClaimOutcome = Literal["supported", "not supported", "mixed", "open"]
"""How a measurement bears on a claim."""

_KEY = "rcx_result"  # key of a result in the metadata of a notebook's output
FOLDER_VARIABLE = "RCX_RESULTS"
"""Environment variable that names the folder of results while the book is built."""


@dataclass(frozen=True)
class ConditionResult:
    """What the first test of a claim found under one condition, and the verdict of all tests.

    Attributes
    ----------
    condition : str
        Name of the condition, such as ``"raw, fair"``.
    images : int
        Number of images.
    mean, low, high : float
        Mean difference with its interval, in percent of what the method is compared with, positive
        in favour of the claim.
    outcome : {"supported", "not supported", "mixed"}
        Verdict of all tests under this condition.
    """

    condition: str
    images: int
    mean: float
    low: float
    high: float
    outcome: ClaimOutcome


@dataclass(frozen=True)
class Result:
    """A chapter's finding, about a claim or about something that nobody claimed.

    Attributes
    ----------
    name : str
        Name by which other pages find the result; for a claim, its name in
        `rcx.reference.claims`.
    measured : str
        One or two sentences that say what was measured, with its interval.
    outcome : {"supported", "not supported", "mixed", "open"} or None
        How the measurement bears on the claim. None if nothing was claimed.
    reported : str
        What the reproducibility report says, where nothing was claimed.
    conditions : tuple of ConditionResult
        What was found under each condition.
    """

    name: str
    measured: str
    outcome: ClaimOutcome | None = None
    reported: str = ""
    conditions: tuple[ConditionResult, ...] = ()

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        outcome = f"**{self.outcome}**. " if self.outcome else ""
        lines = [f"*The report says*: {self.reported}"] if self.reported else []
        lines += [f"*Measured here*: {outcome}{self.measured}"]
        text = "\n\n".join(lines)
        return {"text/markdown": text, "text/plain": text}, {_KEY: asdict(self)}

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Result:
        """Read a result from the JSON content of a notebook or of a file."""
        conditions = tuple(ConditionResult(**row) for row in content.get("conditions", ()))
        return cls(**{**content, "conditions": conditions})


@dataclass(frozen=True)
class ChapterRun:
    """A run of a chapter.

    Attributes
    ----------
    chapter, title : str
        Name and first heading of the chapter.
    key : str
        Key of the run, see `rcx.report.book.chapter_store.chapter_key`.
    parameters : dict of str to object
        Values of all parameters that the chapter declares.
    seconds : float
        Duration of the run.
    finished : str
        Date and time of its end, in UTC.
    machine : dict of str to str
        The machine, and the versions of the libraries.
    failed : bool
        Whether a cell raised an error. The results are then those of the cells before it.
    results : dict of str to Result
        Results by name.
    """

    chapter: str
    title: str
    key: str
    parameters: dict[str, Any]
    seconds: float
    finished: str
    machine: dict[str, str]
    failed: bool = False
    results: dict[str, Result] = field(default_factory=dict)

    @classmethod
    def of(cls, notebook: NotebookNode) -> ChapterRun:
        """Read the run from the metadata and the outputs of an executed notebook."""
        return cls(**notebook.metadata["rcx"], results=results_of(notebook))


def results_of(notebook: NotebookNode) -> dict[str, Result]:
    """Read the results from the outputs of an executed notebook, by name.

    Raises
    ------
    ValueError
        If two results have the same name.
    """
    results: dict[str, Result] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if content := output.get("metadata", {}).get(_KEY):
                result = Result.from_content(content)
                if result.name in results:
                    raise ValueError(f"two results have the name {result.name!r}")
                results[result.name] = result
    return results


def write_run(folder: Path, run: ChapterRun) -> None:
    """Write a chapter's run for other pages. The file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.chapter}.json"
    # Keys are sorted as in a notebook file, so that the file is the same for a run and for its copy
    # from the store.
    text = json.dumps(asdict(run), default=str, indent=1, sort_keys=True)
    write_whole(path, text.encode())


def read_runs(folder: Path | None = None) -> dict[str, ChapterRun]:
    """Read the runs of the chapters, in the order of the book.

    Parameters
    ----------
    folder : Path, optional
        Folder of the results. By default, it is the folder of the book that is being built, or else
        ``.rcx/results`` in the working directory or in the nearest folder above that has it.

    Returns
    -------
    dict of str to ChapterRun
        Runs by chapter, without the chapters that were never run.
    """
    folder = _results_folder() if folder is None else folder
    runs = {}
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content["results"] = {
                name: Result.from_content(result) for name, result in content["results"].items()
            }
            runs[path.stem] = ChapterRun(**content)
        except (OSError, ValueError, TypeError, KeyError):
            continue  # The file is damaged or of another version: the chapter counts as not run.
    return runs


def with_profile(runs: Mapping[str, ChapterRun], profile: str) -> dict[str, ChapterRun]:
    """Select the runs of one profile, as results of different images do not belong together."""
    return {
        name: run for name, run in runs.items() if run.parameters.get("profile", profile) == profile
    }


def _results_folder() -> Path | None:
    if folder_name := os.environ.get(FOLDER_VARIABLE):
        return Path(folder_name)
    directory = Path.cwd()
    folders = (parent / ".rcx" / "results" for parent in (directory, *directory.parents))
    return next((folder for folder in folders if folder.is_dir()), None)
