"""Executed chapters as notebooks: for download, and to be opened on Binder or Colab."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

BRANCH, FOLDER = "notebooks", "notebooks"
"""Where the launch buttons look for what ``make notebooks`` wrote."""


def describe_images(notebook: NotebookNode) -> None:
    """Give pictures in outputs the text that describes them, where a figure told it.

    A figure puts its description into the metadata of its output, and myst-nb reads that of a
    cell; what a cell says already is left.
    """
    for cell in notebook.cells:
        told = [
            text["alt"]
            for output in cell.get("outputs", [])
            for text in output.get("metadata", {}).values()
            if isinstance(text, dict) and "alt" in text
        ]
        if told:
            options = cell.metadata.setdefault("mystnb", {}).setdefault("image", {})
            options.setdefault("alt", "; ".join(dict.fromkeys(told)))


def publish(notebook: NotebookNode, path: Path, repository: str = "") -> None:
    """Write an executed chapter as a notebook that can be run elsewhere.

    Parameters
    ----------
    notebook : NotebookNode
        As it was run.
    path : Path
        Where to.
    repository : str
        Address of the project; with it, a first cell installs the package from there where it is
        missing, as on Colab.
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
    """Buttons for the head of a chapter's page, in the form that the theme takes.

    Parameters
    ----------
    chapter : str
        The chapter's name.
    repository : str
        ``https://github.com/OWNER/NAME``; empty for no buttons.

    Raises
    ------
    ValueError
        If it is another kind of address.
    """
    if not repository:
        return []
    host, _, place = repository.removesuffix("/").partition("https://github.com/")
    if host or place.count("/") != 1:
        raise ValueError(f"rcx_repository must be https://github.com/OWNER/NAME, not {repository}")
    file = f"{FOLDER}/{chapter}.ipynb"
    addresses = {
        "Binder": f"https://mybinder.org/v2/gh/{place}/{BRANCH}?urlpath=lab/tree/{file}",
        "Colab": f"https://colab.research.google.com/github/{place}/blob/{BRANCH}/{file}",
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
