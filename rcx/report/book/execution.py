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

# Otherwise every kernel prints that it runs "over TCP without encryption".
_QUIET_KERNEL = ["--IPKernelApp.log_level=50"]
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """Why a chapter could not be run to its end.

    Attributes
    ----------
    summary : str
        One sentence.
    cell : int
        The number of the failing cell in the notebook, or 0 where it is not known.
    source : str
        The source of the failing cell.
    traceback : str
        Its traceback, without colours.
    """

    summary: str
    cell: int = 0
    source: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        """Put together what there is to read."""
        parts = [self.summary]
        if self.source:
            parts.append("The cell:\n" + _indented(self.source))
        if self.traceback:
            parts.append("What it raised:\n" + _indented(self.traceback))
        return "\n".join(parts)


@dataclass(frozen=True)
class Execution:
    """A chapter that has been run.

    Attributes
    ----------
    notebook : NotebookNode
        The notebook with its outputs, up to the failing cell if there is one.
    failure : Failure or None
        None where every cell ran.
    retried : str or None
        Why the chapter was run a second time, None where it was not.
    """

    notebook: NotebookNode
    failure: Failure | None = None
    retried: str | None = None


def run_chapter(
    notebook: NotebookNode, parameters: dict[str, Any], *, folder: Path, cell_timeout: int
) -> Execution:
    """Run a chapter with parameters, in a kernel of its own.

    A kernel that dies or hangs is tried a second time; a cell that raises is not.

    Parameters
    ----------
    notebook : NotebookNode
        The chapter, not changed.
    parameters : dict of str to object
        What replaces the defaults of its cell tagged ``parameters``.
    folder : Path
        The kernel's working directory.
    cell_timeout : int
        Seconds that one cell may take.

    Returns
    -------
    Execution
        The notebook with its outputs, and what went wrong if something did.
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
                failure = Failure(
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
                failure = Failure(f"The kernel hung or died, twice. {reason}")
            return Execution(_tidied(after if after.exists() else before), failure, retried)
    raise AssertionError("unreachable: the second attempt returns")


def _tidied(path: Path) -> NotebookNode:
    """Read an executed notebook without papermill's marks; keep the source map in step."""
    notebook = remove_error_markers(nbformat.read(path, as_version=4))
    notebook.metadata.pop("papermill", None)
    source_map = notebook.metadata.get("source_map")
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        if source_map and "injected-parameters" in cell.metadata.get("tags", []):
            source_map.insert(number, source_map[max(number - 1, 0)])
    return notebook


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
