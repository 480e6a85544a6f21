"""Limits of the pages in book/: they stay short, and no number in their prose is typed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from books import ROOT, read_chapter
from nbformat import NotebookNode

from rcx.report.book.chapters import notebook_of
from rcx.report.book.tables import PREFIX

MOST_WORDS = 1500
MOST_TABLES = 6
LONGEST_LINE = 120
MOST_LINES = 12  # of a cell

BOOK = ROOT / "book"
CHAPTERS = sorted(BOOK.glob("*.py"))
MAIN = [path for path in CHAPTERS if not path.name.startswith("appendix_")]
PAGES = sorted(BOOK.glob("*.md"))

_FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(.*?)\s*$")
_PROSE_DIRECTIVE = re.compile(r"\{(?!code|math|literalinclude|eval-rst|glue)")
_TABLE_RULE = re.compile(r"^\s*(\|(\s*:?-+:?\s*\|)+|:?-+:?(\s*\|\s*:?-+:?)+)\s*$", re.MULTILINE)
_TABLE_DIRECTIVE = re.compile(r"^\s*[`~:]{3,}\{(list-table|csv-table)\}", re.MULTILINE)
_NOT_WORDS = [  # in which a decimal is no number of a result
    r"\$\$.*?\$\$",
    r"(?<!\\)\$[^$]+?(?<!\\)\$",
    r"\{[\w:]+\}`[^`]*`",  # roles, such as citations
    r"(`+)(?!`).+?(?<!`)\1(?!`)",
    r"\]\([^)]*\)",
    r"<?https?://[^\s>]+>?",
    r"\barXiv:\S+",
    r"\b(?:Section|Figure|Table|Equation|Chapter|Appendix)s? [\d.]+\d",
    r"\b(?i:python|(?:py)?torch(?:vision)?|numpy|timm|cuda|rcx|version|release) ?[\d.]+\d",
    r"\b(?:CC[ -]BY|Apache) ?[\d.]+\d",
]  # fmt: skip
_DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\.?\d)")


def markdown_of(chapter: NotebookNode) -> str:
    """All markdown cells of a chapter."""
    return "\n\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")


def without_code(text: str) -> str:
    """Drop blocks of code and of maths, and the fences and options of other blocks."""
    kept, blocks = [], list[tuple[str, bool]]()  # the fence of each open block; whether it is code
    for line in text.splitlines():
        hidden = any(code for _, code in blocks)
        fence = _FENCE.match(line)
        if fence and blocks and not fence[2] and fence[1].startswith(blocks[-1][0]):
            blocks.pop()
        elif fence and not hidden:
            blocks.append((fence[1], not _PROSE_DIRECTIVE.match(fence[2])))
        elif not (hidden or (blocks and re.match(r"\s*:[\w-]+:", line))):
            kept.append(line)
    return re.sub(r"\$\$.*?\$\$", " ", "\n".join(kept), flags=re.DOTALL)


def words_of(chapter: NotebookNode) -> int:
    """Count the words of a chapter's prose, also those in tables."""
    return len(re.findall(r"\S*\w\S*", without_code(markdown_of(chapter))))


def tables_of(chapter: NotebookNode) -> int:
    """Count the tables that cells show with a caption, and those that are written in prose."""
    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in chapter.cells]
    text = markdown_of(chapter)
    written = len(_TABLE_RULE.findall(without_code(text))) + len(_TABLE_DIRECTIVE.findall(text))
    captioned = [figure for figure in figures if figure.get("name", "").startswith(PREFIX)]
    return written + len(captioned)


def typed_decimals(chapter: NotebookNode) -> list[str]:
    """Find the decimals that stand in prose, where a cell should write them."""
    text = without_code(markdown_of(chapter))
    for pattern in _NOT_WORDS:
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return _DECIMAL.findall(text)


def long_lines(text: str) -> list[str]:
    """Find the lines that do not fit beside other text; rows of tables cannot be broken."""
    lines = [line for line in text.splitlines() if not line.startswith("|")]
    return [line for line in lines if len(line) > LONGEST_LINE]


def long_cells(chapter: NotebookNode) -> list[str]:
    """Find the cells of code that do more than one thing."""
    return [
        cell.source
        for cell in chapter.cells
        if cell.cell_type == "code"
        and sum(bool(line.strip()) for line in cell.source.splitlines()) > MOST_LINES
        and "parameters" not in cell.metadata.get("tags", [])
        and not _imports_only(cell.source)
    ]


def _imports_only(source: str) -> bool:
    return all(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(source).body)


def chapter_of(*cells: str) -> NotebookNode:
    """A chapter of prose, or of code where a cell begins with its marker."""
    return notebook_of("\n\n".join(
        cell if cell.startswith("# %%")
        else "# %% [markdown]\n" + "\n".join(f"# {line}" for line in cell.splitlines())
        for cell in cells
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# A title\n\nTwo words, and $x + y$.", 7),
        ("Before\n$$\na = b + c\n$$\nafter.", 2),
        ("Before\n```{math}\na = b\n```\nafter.", 2),
        ("Before\n```python\na = 1\n```\nafter.", 2),
        (":::{note}\n:class: tip\nA word\n```\ncode here\n```\nmore.\n:::\nEnd.", 4),
        ("| one | two |\n| --- | --- |\n| three | 4 |", 4),
        ("A dash – is no word.", 5),
    ],
)
def test_words_are_those_of_prose(text: str, words: int) -> None:
    assert words_of(chapter_of(text, "# %%\nx = 'not these words'")) == words


def test_tables_are_captioned_or_written() -> None:
    caption = '# %% mystnb={{"figure": {{"caption": "x", "name": "{}"}}}}\nx'
    cells = [caption.format("tab-one"), caption.format("fig-one"), "# %%\nx"]
    assert tables_of(chapter_of(*cells)) == 1
    pipes = "|a|b|\n|:-|-:|\n|1|2|\n\na | b\n--- | ---\n1 | 2\n\n| a |\n| --- |\n| 1 |"
    assert tables_of(chapter_of(pipes)) == 3
    assert tables_of(chapter_of("```{list-table}\n* - a\n```\n\nA line\n\n---\n\nafter")) == 1
    assert tables_of(chapter_of("```\n| --- | --- |\n```")) == 0
    assert tables_of(chapter_of("```{table} A title\n" + pipes.split("\n\n")[0] + "\n```")) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 0.177, or 12.5 % of 3.", ["0.177", "12.5"]),
        ("| 0.5 | lambda=1.25 |\n| --- | --- |", ["0.5", "1.25"]),
        ("## A heading with 0.5", ["0.5"]),
        ("```{note}\n:width: 0.5\nIt is 0.25.\n```", ["0.25"]),
        ("twice 1.5x, (2.5), -3.5", ["1.5", "2.5", "3.5"]),
        ("$x = 0.5$ and $$\ny = 0.5\n$$ and\n$z = \n0.5$, but 0.1", ["0.1"]),
        ("`x = 0.5` and ``y = ` 0.5``", []),
        ("```python\nx = 0.5\n```", []),
        ("[a link](page.md#0.5) and <https://x.org/0.5> and https://x.org/10.1", []),
        ("{cite:p}`key0.5`, arXiv:2110.03485, Section 4.2, Figures 1.2", []),
        ("Python 3.11, version 2.5, v1.2, torch 2.4 and 1.2.3, CC BY 4.0", []),
        ("It ends with 5. Then 6 and 1,000.", []),
    ],
)
def test_decimals_in_prose_are_found(text: str, found: list[str]) -> None:
    assert typed_decimals(chapter_of(text, "# %%\nx = 0.5")) == found


def test_long_lines_are_found() -> None:
    assert long_lines("a" * 120 + "\n" + "b" * 121) == ["b" * 121]


def test_long_cells_are_found() -> None:
    lines = "\n".join(f"x{number} = 1" for number in range(12))
    assert long_cells(chapter_of(f"# %%\n{lines}\n\n", "text\n" * 20)) == []
    assert long_cells(chapter_of(f"# %%\n{lines}\ny = 1")) == [f"{lines}\ny = 1"]
    assert long_cells(chapter_of(f'# %% tags=["parameters"]\n{lines}\ny = 1')) == []
    imports = "\n".join(f"import x{number}" for number in range(13))
    assert long_cells(chapter_of(f"# %%\n{imports}")) == []
    assert long_cells(chapter_of(f"# %%\n{imports}\nx = 1")) != []


def of_files(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


@of_files(MAIN)
def test_a_chapter_is_read_in_ten_minutes(path: Path) -> None:
    assert words_of(read_chapter(path)) <= MOST_WORDS


@of_files(MAIN)
def test_a_chapter_has_few_tables(path: Path) -> None:
    assert tables_of(read_chapter(path)) <= MOST_TABLES


@of_files(CHAPTERS)
def test_numbers_of_a_chapter_come_from_its_cells(path: Path) -> None:
    assert typed_decimals(read_chapter(path)) == []


@of_files(CHAPTERS)
def test_code_fits_on_the_page(path: Path) -> None:
    cells = [cell.source for cell in read_chapter(path).cells if cell.cell_type == "code"]
    assert long_lines("\n".join(cells)) == []


@of_files([*CHAPTERS, *PAGES])
def test_prose_is_broken_into_lines(path: Path) -> None:
    chapter = path.suffix == ".py"
    assert long_lines(markdown_of(read_chapter(path)) if chapter else path.read_text()) == []


@of_files(CHAPTERS)
def test_a_cell_does_one_thing(path: Path) -> None:
    assert long_cells(read_chapter(path)) == []
