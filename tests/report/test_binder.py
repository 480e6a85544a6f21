"""The book elsewhere: Binder, Colab and Jupyter Lab. Nothing is installed, and no cell is run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jupytext
import pytest
from books import ROOT, read_chapter
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from rcx.report.book.notebooks import BRANCH, FOLDER, launch_buttons

BINDER = ROOT / ".binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CHAPTERS = sorted((ROOT / "book").glob("*.py"))


def lines_of(name: str) -> list[str]:
    """Lines of a file for Binder, without comments."""
    lines = (line.partition("#")[0].strip() for line in (BINDER / name).read_text().splitlines())
    return [line for line in lines if line]


def required(extra: str) -> set[str]:
    """Names of all that an extra of the package brings, through other extras too."""
    names: set[str] = set()
    for line in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        names.add(requirement.name)
        if requirement.name == PROJECT["name"]:
            names |= set().union(*(required(inner) for inner in requirement.extras))
    return names


def test_binder_installs_the_package_with_an_extra_that_it_has() -> None:
    lines = lines_of("requirements.txt")
    options = dict(line.split(maxsplit=1) for line in lines if line.startswith("-"))
    assert options.pop("--extra-index-url") == "https://download.pytorch.org/whl/cpu"
    place, _, extra = options.pop("-e").removesuffix("]").partition("[")
    assert options == {}
    assert place == "."  # Binder installs in the repository's folder
    assert extra in PROJECT["optional-dependencies"]
    # what opens and runs a chapter there
    assert {"jupytext", "papermill", "ipykernel", "ipywidgets"} <= required(extra)
    others = {Requirement(line).name for line in lines if not line.startswith("-")}
    assert others == {"jupyterlab"}


def test_binder_has_a_python_that_the_package_runs_on() -> None:
    (line,) = lines_of("runtime.txt")
    version = line.removeprefix("python-")
    assert re.fullmatch(r"3\.\d+", version)
    assert version in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
def test_launch_buttons_open_what_make_notebooks_writes(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    sources = tmp_path / "book" / "_build" / "html" / "_sources"
    sources.mkdir(parents=True)
    for path in CHAPTERS:
        (sources / f"{path.stem}.ipynb").write_text("{}")
    (sources / "answers.md").write_text("# A page\n")
    command = ["make", "--assume-old=book", "notebooks"]  # the book is taken to be built
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("notebooks/*")}
    assert written == {f"{FOLDER}/{path.stem}.ipynb" for path in CHAPTERS}
    for path in CHAPTERS:
        (group,) = launch_buttons(path.stem, "https://github.com/some-one/a.project/")
        binder, colab = (urlsplit(button["url"]) for button in group["buttons"])
        assert (binder.scheme, binder.netloc) == ("https", "mybinder.org")
        assert binder.path == f"/v2/gh/some-one/a.project/{BRANCH}"
        (opened,) = parse_qs(binder.query, strict_parsing=True)["urlpath"]
        assert opened.removeprefix("lab/tree/") in written
        assert (colab.scheme, colab.netloc) == ("https", "colab.research.google.com")
        assert colab.path.removeprefix(f"/github/some-one/a.project/blob/{BRANCH}/") in written


@pytest.mark.skipif(
    find_spec("jupyter_server") is None, reason="jupyter_server, which Lab is made of, is missing"
)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_jupyter_lab_opens_a_chapter_as_a_notebook(path: Path) -> None:
    manager = jupytext.TextFileContentsManager(root_dir=str(path.parent))
    model = manager.get(path.name)
    assert model["type"] == "notebook"
    cells = [(cell.cell_type, cell.source) for cell in model["content"].cells]
    assert cells == [(cell.cell_type, cell.source) for cell in read_chapter(path).cells]
    assert all(not cell.get("outputs") for cell in model["content"].cells)
