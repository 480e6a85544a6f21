"""Running a chapter through papermill."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from rcx.report.book.chapters import locate_injected

# Without this argument, every kernel prints that it runs "over TCP without encryption".
_QUIET_KERNEL = ["--IPKernelApp.log_level=50"]
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class ChapterFailure:
    """Reason why a chapter could not be run to its end.

    Attributes
    ----------
    summary : str
        The reason in one sentence.
    cell : int
        Number of the failing cell in the notebook, or 0 if it is not known.
    source : str
        Source of the failing cell.
    traceback : str
        Traceback of the error, without colours.
    """

    summary: str
    cell: int = 0
    source: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        """Join the reason, the cell and the traceback."""
        parts = [self.summary]
        if self.source:
            parts.append("The cell:\n" + _indented(self.source))
        if self.traceback:
            parts.append("What it raised:\n" + _indented(self.traceback))
        return "\n".join(parts)


@dataclass(frozen=True)
class Execution:
    """A run of a chapter.

    Attributes
    ----------
    notebook : NotebookNode
        The notebook with its outputs, up to the failing cell if there is one.
    failure : ChapterFailure or None
        Reason why the chapter was not run to its end. None if every cell ran.
    retried : str or None
        Reason why the chapter was run a second time. None if it was run once.
    """

    notebook: NotebookNode
    failure: ChapterFailure | None = None
    retried: str | None = None


def run_chapter(
    notebook: NotebookNode, parameters: dict[str, Any], *, folder: Path, cell_timeout: int
) -> Execution:
    """Run a chapter with parameters, in its own kernel.

    If the kernel dies or hangs, the chapter is run a second time. If a cell raises an error, it is
    not.

    Parameters
    ----------
    notebook : NotebookNode
        The chapter. It is not changed.
    parameters : dict of str to object
        Values that replace defaults of the cell tagged ``parameters``.
    folder : Path
        The kernel's working directory.
    cell_timeout : int
        Most seconds that one cell may take.

    Returns
    -------
    Execution
        The notebook with its outputs, and the failure if there was one.
    """
    retried = None
    for attempt in (1, 2):
        with tempfile.TemporaryDirectory() as scratch:
            before, after = Path(scratch, "before.ipynb"), Path(scratch, "after.ipynb")
            nbformat.write(notebook, before)
            failure = None
            try:
                papermill.execute_notebook(
                    before,
                    after,
                    parameters=parameters,
                    cwd=folder,
                    execution_timeout=cell_timeout,
                    progress_bar=False,
                    extra_arguments=_QUIET_KERNEL,
                )
            except PapermillExecutionError as error:
                failure = ChapterFailure(
                    summary=f"A cell raised {error.ename}: {error.evalue}",
                    cell=error.cell_index,
                    source=error.source,
                    traceback=_ANSI.sub("", "\n".join(error.traceback)),
                )
            except (CellTimeoutError, DeadKernelError) as error:
                reason = f"{type(error).__name__}: {error}".strip()
                if attempt == 1:
                    retried = reason
                    continue
                failure = ChapterFailure(f"The kernel hung or died, twice. {reason}")
            return Execution(_tidy(after if after.exists() else before), failure, retried)
    raise AssertionError("unreachable: the second attempt returns")


def _tidy(path: Path) -> NotebookNode:
    """Read an executed notebook, remove papermill's marks, and bring the source map up to date."""
    notebook: NotebookNode = remove_error_markers(nbformat.read(path, as_version=4))
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
    locate_injected(notebook)
    return notebook


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
