"""The chapters as they lie in book/: text only, typed parameters, the agreed opening and end."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from books import read_chapter
from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.py"))

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> NotebookNode:
    return read_chapter(request.param)


def test_every_chapter_is_in_the_contents() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    chapters = [name for name in files if (ROOT / "book" / f"{name}.py").exists()]
    assert sorted(chapters) == [path.stem for path in CHAPTERS]
    report = [name for name in chapters if not name.startswith("appendix_")]
    assert chapters[: len(report)] == sorted(report)


@pytest.mark.parametrize("name", ["_config.yml", "_toc.yml"])
def test_the_book_reads_the_top_level_files(name: str) -> None:
    assert (ROOT / "book" / name).resolve() == ROOT / name


def test_parameters_are_typed_and_explained(chapter: NotebookNode) -> None:
    (cell,) = [c for c in chapter.cells if "parameters" in c.metadata.get("tags", [])]
    for statement, line in zip(ast.parse(cell.source).body, cell.source.splitlines(), strict=True):
        assert isinstance(statement, ast.AnnAssign), f"write 'name: type = default': {line}"
        assert statement.value is not None, f"no default: {line}"
        assert "  # " in line, f"no comment says what it is: {line}"


def test_opens_with_what_it_shows(chapter: NotebookNode) -> None:
    prose = [cell.source for cell in chapter.cells if cell.cell_type == "markdown"]
    assert prose[0].startswith("# ")
    assert re.search(r"\*\*What this (chapter|appendix) shows\*\*", prose[0])


def test_cells_are_free_of_logic(chapter: NotebookNode) -> None:
    forbidden = (ast.FunctionDef, ast.ClassDef, ast.While, ast.Try)
    for cell in (c for c in chapter.cells if c.cell_type == "code"):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, forbidden), f"move this into the package:\n{cell.source}"


def test_every_source_that_is_cited_is_listed() -> None:
    pages = [*(ROOT / "book").glob("*.md"), *CHAPTERS]
    bibliography = (ROOT / "book" / "references.bib").read_text()
    for page in pages:
        for citation in page.read_text().split("{cite:")[1:]:
            for key in citation.split("`")[1].split(","):
                assert f"{{{key.strip()}," in bibliography, f"{page.name} cites {key}"
