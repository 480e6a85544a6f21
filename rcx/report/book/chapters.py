"""Reading a chapter: a percent script as a notebook, the parameters that it declares, its code."""

from __future__ import annotations

import ast
import copy
import json
from dataclasses import dataclass
from typing import Any

import jupytext
import papermill
from nbformat import NotebookNode

from rcx.report.book.parameters import Settings, parameters_for

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds
_TAGS_OF_RUNNING = {"parameters", "raises-exception", "skip-execution"}  # that change what is run
_FACTS_OF_RUNNING = ("language_info", "widgets", "rcx")  # metadata that a run adds to a notebook


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book, as it is written.

    Attributes
    ----------
    name : str
        Name of its file, without the ending.
    notebook : NotebookNode
        The chapter as a notebook that has not been run.
    defaults : dict of str to object
        The parameters that it declares. A default that is no literal stands as text.
    given : dict of str to object
        The parameters that the run is given.
    """

    name: str
    notebook: NotebookNode
    defaults: dict[str, Any]
    given: dict[str, Any]

    @classmethod
    def of(cls, name: str, text: str, settings: Settings) -> Chapter:
        """Read a chapter from its text, and select its parameters from those of the book."""
        notebook = notebook_of(text)
        declared = declared_parameters(notebook)
        defaults = {name: _literal(default) for name, default in declared.items()}
        return cls(name, notebook, defaults, parameters_for(name, declared, settings))

    @property
    def values(self) -> dict[str, Any]:
        """Values of all parameters in the run."""
        return self.defaults | self.given

    @property
    def default_profile(self) -> bool:
        """Whether the run is on the images and classifiers that the chapter declares."""
        return bool(self.values.get("profile") == self.defaults.get("profile"))


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
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the same text gives the same notebook
    starts = [number for number, line in enumerate(text.splitlines()) if line.startswith("# %%")]
    if len(starts) == len(notebook.cells):
        notebook.metadata["source_map"] = starts
    return notebook


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


def code_of(notebook: NotebookNode) -> str:
    """Write down what is run of a chapter, so that an edit of prose or captions changes nothing.

    Parameters
    ----------
    notebook : NotebookNode
        The chapter.

    Returns
    -------
    str
        The kernel and the code cells in their order, with the tags that change how they are run.
    """
    cells = [
        [cell.source, sorted(_TAGS_OF_RUNNING.intersection(cell.metadata.get("tags", [])))]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    return json.dumps([notebook.metadata["kernelspec"]["name"], cells])


def with_outputs(notebook: NotebookNode, run: NotebookNode) -> NotebookNode:
    """Put the outputs of a run into a chapter whose prose and captions may be newer.

    Parameters
    ----------
    notebook : NotebookNode
        The chapter as it is now written. It is not changed.
    run : NotebookNode
        A run of the same code, as from `code_of`.

    Returns
    -------
    NotebookNode
        The chapter with the run's outputs and with the cell of parameters that papermill added.
    """
    joined = copy.deepcopy(notebook)
    facts = [key for key in _FACTS_OF_RUNNING if key in run.metadata]
    joined.metadata.update(copy.deepcopy({key: run.metadata[key] for key in facts}))
    if "rcx" in facts:
        joined.metadata["rcx"]["title"] = title_of(notebook)
    ran = [cell for cell in copy.deepcopy(run.cells) if cell.cell_type == "code"]
    added = [cell for cell in ran if _has_tag(cell, _INJECTED)]
    results = [cell for cell in ran if not _has_tag(cell, _INJECTED)]
    written = [cell for cell in joined.cells if cell.cell_type == "code"]
    for cell, result in zip(written, results, strict=True):
        cell.outputs, cell.execution_count = result.outputs, result.execution_count
    behind = (n + 1 for n, cell in enumerate(joined.cells) if _has_tag(cell, "parameters"))
    place = next(behind, 0)  # where papermill adds its cell
    joined.cells[place:place] = added
    locate_injected(joined)
    return joined


def locate_injected(notebook: NotebookNode) -> None:
    """Give the cell of parameters that papermill added the line of the cell before it."""
    source_map = notebook.metadata.get("source_map")
    for number, cell in enumerate(notebook.cells):
        if source_map and _has_tag(cell, _INJECTED):
            source_map.insert(number, source_map[max(number - 1, 0)])


def _has_tag(cell: NotebookNode, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _literal(default: str) -> Any:
    try:
        return ast.literal_eval(default)
    except (ValueError, SyntaxError):  # The default is an expression, which is shown as it is.
        return default
