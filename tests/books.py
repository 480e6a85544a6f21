"""Small books with the real configuration, built by the command that a user types."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from nbformat import NotebookNode

from rcx.report.book.chapters import notebook_of

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Route

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def read_chapter(path: Path) -> NotebookNode:
    """Read a chapter's file as a notebook that has not been run."""
    return notebook_of(path.read_text(encoding="utf-8"))


def build(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type ``jupyter-book build book/`` in a folder."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PROFILE", "RCX_PARAMETERS")}
    return subprocess.run(
        [str(BIN / "jupyter-book"), "build", *arguments, "book/"],
        cwd=root,
        env={**clean, "NO_COLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,  # also enough for a machine that has other work
        check=False,
    )


def write_book(root: Path, *, index: str = "# A small book\n", **chapters: str) -> Path:
    """Write a book with the real configuration but other chapters."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["logo"] = config["html"]["favicon"] = str(ROOT / "book" / "logo.svg")
    del config["bibtex_bibfiles"]
    sphinx = {k: v for k, v in config["sphinx"]["config"].items() if not k.startswith("bibtex")}
    config["sphinx"]["config"] = sphinx
    sphinx["html_static_path"] = [str(ROOT / "book" / p) for p in sphinx["html_static_path"]]
    folder = root / "book"
    folder.mkdir()
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    toc = {"format": "jb-book", "root": "index", "chapters": [{"file": name} for name in chapters]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    (folder / "index.md").write_text(index)
    for name, text in chapters.items():
        (folder / f"{name}.py").write_text(text)
    return root


def page(root: Path, name: str) -> str:
    """Return the text of a built page."""
    return (root / "book" / "_build" / "html" / f"{name}.html").read_text()


@contextmanager
def offline_tab(page: Path) -> Iterator[Page]:
    """Open a built page in a browser without a network, and fail if the page reports an error."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    faults: list[str] = []

    def local_only(route: Route) -> None:
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            faults.append(f"asked for {route.request.url}")
            route.abort()

    def note_error(line: ConsoleMessage) -> None:
        if line.type == "error":
            faults.append(line.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.route("**/*", local_only)
        tab.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        tab.on("console", note_error)
        tab.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
        tab.goto(page.as_uri())
        yield tab
        browser.close()
    assert faults == []
