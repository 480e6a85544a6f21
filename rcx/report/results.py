"""Results of chapters in a form that other pages can read.

A chapter shows a `Result`, and its machine-readable form lies beside the text in the notebook.
When the book is built, what each chapter recorded is written to a folder as one JSON file per
chapter, also where the chapter came from the store; the verdict and status pages read that folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode

from rcx.system.files import write_whole

ClaimOutcome = Literal["supported", "not supported", "mixed", "open"]

_KEY = "rcx_result"  # in an output's metadata
FOLDER_VARIABLE = "RCX_RESULTS"
"""Environment variable that names the folder of results while a book is built."""


@dataclass(frozen=True)
class Result:
    """What a chapter found, about a claim or beside all claims.

    Attributes
    ----------
    name : str
        By which other pages find it.
    measured : str
        What was measured, with its interval, in one or two sentences.
    outcome : {"supported", "not supported", "mixed", "open"} or None
        How the measurement bears on the claim; None where nothing was claimed.
    claimed, reported : str
        What was claimed, and what the reproducibility report found.
    """

    name: str
    measured: str
    outcome: ClaimOutcome | None = None
    claimed: str = ""
    reported: str = ""

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        judged = f"**{self.outcome}**. " if self.outcome else ""
        lines = [f"*Claimed*: {self.claimed}"] if self.claimed else []
        lines += [f"*Reported*: {self.reported}"] if self.reported else []
        lines += [f"*Measured here*: {judged}{self.measured}"]
        text = "\n\n".join(lines)
        return {"text/markdown": text, "text/plain": text}, {_KEY: asdict(self)}


@dataclass(frozen=True)
class ChapterRun:
    """A chapter as it was run.

    Attributes
    ----------
    chapter, title : str
    key : str
        See `rcx.report.book.kept.chapter_key`.
    parameters : dict of str to object
        All that it declares, as it was run.
    seconds : float
    finished : str
        Date and time in UTC.
    machine : dict of str to str
        Where it was run, with which versions.
    failed : bool
        Whether a cell raised; its results are those up to there.
    results : dict of str to Result
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
        """Read the run that an executed notebook tells of, see `rcx.report.book.kept`."""
        return cls(**notebook.metadata["rcx"], results=recorded(notebook))


def recorded(notebook: NotebookNode) -> dict[str, Result]:
    """Find the results in the outputs of an executed notebook.

    Raises
    ------
    ValueError
        If two have one name.
    """
    found: dict[str, Result] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if content := output.get("metadata", {}).get(_KEY):
                result = Result(**content)
                if result.name in found:
                    raise ValueError(f"two results have the name {result.name!r}")
                found[result.name] = result
    return found


def write_run(folder: Path, run: ChapterRun) -> None:
    """Write a chapter's run and results for other pages; the file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.chapter}.json"
    # sorted, as in a notebook file: the same bytes for a run and for what the store kept of it
    text = json.dumps(asdict(run), default=str, indent=1, sort_keys=True)
    write_whole(path, text.encode())


def read_runs(folder: Path | None = None) -> dict[str, ChapterRun]:
    """Read what the chapters recorded, in the order of the book.

    Parameters
    ----------
    folder : Path, optional
        By default that of the book that is being built, or ``.rcx/results`` of the working
        directory or the nearest folder above it.

    Returns
    -------
    dict of str to ChapterRun
        By chapter; a chapter that was never run is missing.
    """
    folder = _nearest(os.environ) if folder is None else folder
    runs = {}
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            content["results"] = {
                name: Result(**result) for name, result in content["results"].items()
            }
            runs[path.stem] = ChapterRun(**content)
        except (OSError, ValueError, TypeError, KeyError):
            continue  # of another version, or damaged: as good as not run
    return runs


def with_profile(runs: Mapping[str, ChapterRun], profile: str) -> dict[str, ChapterRun]:
    """Choose the runs of one profile: results of different images do not belong together."""
    return {
        name: run for name, run in runs.items() if run.parameters.get("profile", profile) == profile
    }


def _nearest(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(FOLDER_VARIABLE):
        return Path(named)
    here = Path.cwd()
    folders = (folder / ".rcx" / "results" for folder in (here, *here.parents))
    return next((folder for folder in folders if folder.is_dir()), None)
