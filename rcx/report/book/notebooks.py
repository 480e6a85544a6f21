"""Executed chapters as notebooks, to be downloaded or to be opened on Binder or Colab."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

BRANCH, FOLDER = "notebooks", "notebooks"
"""Branch and folder where the launch buttons look for the notebooks of ``make notebooks``."""


def describe_images(notebook: NotebookNode) -> None:
    """Copy the descriptions of pictures from the outputs of a cell to the cell.

    A figure describes itself in the metadata of its output, but myst-nb reads the metadata of the
    cell. A description that the cell already has is kept.
    """
    for cell in notebook.cells:
        descriptions = [
            metadata["alt"]
            for output in cell.get("outputs", [])
            for metadata in output.get("metadata", {}).values()
            if isinstance(metadata, dict) and "alt" in metadata
        ]
        if descriptions:
            options = cell.metadata.setdefault("mystnb", {}).setdefault("image", {})
            options.setdefault("alt", "; ".join(dict.fromkeys(descriptions)))


def fold_code(notebook: NotebookNode) -> None:
    """Fold the code of every cell but those that teach, which are tagged ``show-input``."""
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if cell.cell_type == "code" and "show-input" not in tags:
            tags.append("hide-input")


def publish(notebook: NotebookNode, path: Path, repository: str = "") -> None:
    """Write an executed chapter as a notebook that can be run elsewhere.

    Parameters
    ----------
    notebook : NotebookNode
        The executed chapter. It is not changed.
    path : Path
        File to write.
    repository : str
        Address of the project. With it, a first cell installs the package from there, for places
        such as Colab that do not have it. Without it, a first cell says how to install the package.
    """
    published = copy.deepcopy(notebook)
    published.metadata.pop("source_map", None)
    if repository:
        source = (
            "# Only where rcx is not installed, as on Colab\n"
            f"%pip install --quiet 'rcx[book] @ git+{repository}'"
        )
        published.cells[1:1] = [new_code_cell(source, id="install")]
    else:
        text = "To run this notebook, install the package `rcx` first: `pip install -e '.[book]'`."
        published.cells[1:1] = [new_markdown_cell(text, id="install")]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(published, path)


def launch_buttons(chapter: str, repository: str) -> list[dict[str, Any]]:
    """Make the buttons for the head of a chapter's page, in the form that the theme takes.

    Parameters
    ----------
    chapter : str
        Name of the chapter.
    repository : str
        ``https://github.com/OWNER/NAME``, or an empty text for no buttons.

    Returns
    -------
    list of dict
        A group of buttons, or nothing.

    Raises
    ------
    ValueError
        If the repository has another kind of address.
    """
    if not repository:
        return []
    host, _, project = repository.removesuffix("/").partition("https://github.com/")
    if host or project.count("/") != 1:
        raise ValueError(f"rcx_repository must be https://github.com/OWNER/NAME, not {repository}")
    file = f"{FOLDER}/{chapter}.ipynb"
    addresses = {
        "Binder": f"https://mybinder.org/v2/gh/{project}/{BRANCH}?urlpath=lab/tree/{file}",
        "Colab": f"https://colab.research.google.com/github/{project}/blob/{BRANCH}/{file}",
    }
    buttons = [
        {"type": "link", "url": url, "text": name, "icon": "fas fa-play",
         "tooltip": f"Run this chapter on {name}", "label": f"launch-{name.lower()}"}
        for name, url in addresses.items()
    ]  # fmt: skip
    return [
        {"type": "group", "tooltip": "Run this chapter elsewhere", "icon": "fas fa-rocket",
         "buttons": buttons, "label": "launch-buttons"}
    ]  # fmt: skip
