"""Reading a chapter: a percent script as a notebook, and the parameters that it declares."""

from pathlib import Path

import jupytext
import papermill
from nbformat import NotebookNode

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook_of(text: str) -> NotebookNode:
    """Turn the text of a percent script into a notebook that has not been run.

    Parameters
    ----------
    text : str
        A jupytext percent script.

    Returns
    -------
    NotebookNode
        The notebook. ``metadata["source_map"]`` holds the line at which each cell starts,
        so that a warning of the book's build names the right line of the script.
    """
    notebook: NotebookNode = jupytext.reads(text, fmt="py:percent")
    notebook.metadata.setdefault("kernelspec", dict(_KERNEL))
    starts = [number for number, line in enumerate(text.splitlines()) if line.startswith("# %%")]
    if len(starts) == len(notebook.cells):
        notebook.metadata["source_map"] = starts
    return notebook


def read_chapter(path: Path) -> NotebookNode:
    """Read a chapter's file as a notebook that has not been run.

    Parameters
    ----------
    path : Path
        The percent script.

    Returns
    -------
    NotebookNode
        The notebook as from `notebook_of`.
    """
    return notebook_of(path.read_text(encoding="utf-8"))


def declared_parameters(notebook: NotebookNode) -> dict[str, str]:
    """List the parameters that a chapter declares in its cell tagged ``parameters``.

    Parameters
    ----------
    notebook : NotebookNode
        The chapter.

    Returns
    -------
    dict of str to str
        The default of each parameter by its name, as it is written.
    """
    inspected = papermill.inspect_notebook(notebook)
    return {name: parameter["default"] for name, parameter in inspected.items()}


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading of a chapter, or an empty text if there is none."""
    lines = (line for cell in notebook.cells for line in cell.source.splitlines())
    return next((line[2:].strip() for line in lines if line.startswith("# ")), "")
