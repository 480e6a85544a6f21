"""What is run again after a change, in which order, and what is said of the time that it takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
import yaml
from books import ROOT, build, page, write_book
from nbformat import NotebookNode

from rcx.report.book.chapter_store import ChapterStore
from rcx.report.book.chapters import code_of, notebook_of, with_outputs
from rcx.report.book.execution import run_chapter
from rcx.report.book.progress import Progress, expected_seconds, reading_order, rough_time
from rcx.report.results import ChapterRun

CHAPTER = """# %% [markdown]
# # A chapter

# %% tags=["parameters"]
profile: str = "sample"  # which images
value: int = 1  # a number

# %% [markdown]
# The first words.

# %% mystnb={"figure": {"caption": "The first caption.", "name": "tab-finding"}}
import time
import pandas as pd
from rcx.report import Result
pd.DataFrame({"nanoseconds": [time.time_ns()]})

# %%
Result("finding", f"measured {value}")
"""
EDITED = (
    CHAPTER.replace("# # A chapter", "# # A title\n# A new line.")
    .replace("# The first words.", "# Other words.\n\n# %% [markdown]\n# A new cell.")
    .replace("The first caption.", "Another caption.")
)
HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Another
#     name: another
# ---

"""
SUMMARY = """# %% [markdown]
# # A summary

# %%
from rcx.report import read_runs
for name, run in read_runs().items():
    print(name, "is", run.title, *(result.measured for result in run.results.values()))
"""
SUMMARIES = ["01_status", "00_verdict"]  # in another order than that of the alphabet


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A book whose summaries come first in the alphabet, and what its first build said."""
    chapters = {name: CHAPTER.replace("finding", name) for name in ("one", "two")}
    summaries = dict.fromkeys(SUMMARIES, SUMMARY)
    root = write_book(tmp_path_factory.mktemp("order"), **summaries, **chapters)
    configure(root, rcx_summaries=SUMMARIES, rcx_seconds={"one": 100, "two": 40})
    result = build(root, "-W", "-n", "--keep-going")
    assert result.returncode == 0, result.stdout
    return root, result.stdout


def configure(root: Path, **values: object) -> None:
    path = root / "book" / "_config.yml"
    config = yaml.safe_load(path.read_text())
    config["sphinx"]["config"].update(values)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def said(output: str) -> list[str]:
    """What a build said of each chapter before it took it up."""
    return re.findall(r"chapter (\w+: (?:running.*|unchanged))$", output, re.MULTILINE)


def time_on(root: Path, name: str) -> str:
    (found,) = re.findall(r"\d{19}", page(root, name))
    return str(found)


def test_summaries_are_read_last_in_the_order_of_the_configuration(book: tuple[Path, str]) -> None:
    root, output = book
    assert said(output) == [
        "one: running, 1 of 4, about 2 min; at least 40 s for the rest",
        "two: running, 2 of 4, about 40 s",
        "01_status: running, 3 of 4",
        "00_verdict: running, 4 of 4",
    ]
    for name in SUMMARIES:
        assert "one is A chapter measured 1\ntwo is A chapter measured 1" in page(root, name)
    assert "01_status is A summary" in page(root, "00_verdict")


def test_a_change_of_one_chapter_runs_it_and_the_summaries(book: tuple[Path, str]) -> None:
    root, _ = book
    again = build(root, "-W", "-n", "--keep-going", RCX_PARAMETERS="two.value=7")
    assert again.returncode == 0, again.stdout
    first, second, status, verdict = said(again.stdout)
    assert first == "one: unchanged"
    # the times are now those of the first build, a few seconds each
    assert re.fullmatch(r"two: running, 2 of 4, about \d+ s; about \d+ s for the rest", second)
    assert re.fullmatch(r"01_status: running, 3 of 4, about \d+ s; about \d+ s for .*", status)
    assert re.fullmatch(r"00_verdict: running, 4 of 4, about \d+ s", verdict)
    for name in SUMMARIES:
        assert "one is A chapter measured 1\ntwo is A chapter measured 7" in page(root, name)


def test_an_edit_of_prose_shows_with_the_outputs_of_the_last_run(book: tuple[Path, str]) -> None:
    root, _ = book
    before = time_on(root, "one")
    (root / "book" / "one.py").write_text(EDITED.replace("finding", "one"))
    result = build(root, "-W", "-n", "--keep-going")
    assert result.returncode == 0, result.stdout
    assert said(result.stdout)[:2] == ["one: unchanged", "two: unchanged"]
    text = page(root, "one")
    for words in ("A new line.", "Other words.", "A new cell.", "Another caption."):
        assert words in text
    assert "first words" not in text
    assert "first caption" not in text
    assert time_on(root, "one") == before
    assert "one is A title measured 1" in page(root, "00_verdict")
    path = root / "book" / "_build" / "html" / "_sources" / "one.ipynb"
    download = nbformat.read(path, as_version=4)
    nbformat.validate(download)
    assert "Other words." in [cell.source for cell in download.cells]
    assert before in str(download.cells)


def test_times_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    root = write_book(tmp_path, one="# %% [markdown]\n# # One\n")
    configure(root, rcx_seconds={"one": "long"})
    result = build(root)
    assert result.returncode != 0
    assert "rcx_seconds in _config.yml: 'one' holds 'long'; write the seconds" in result.stdout


@pytest.mark.parametrize("parameters", [{}, {"value": 7}])
def test_outputs_are_put_into_a_chapter_with_other_prose(
    tmp_path: Path, parameters: dict[str, int]
) -> None:
    script = '# %% [markdown]\n# # Old\n\n# %% tags=["parameters"]\nvalue: int = 1  # one\n\n'
    script += "# %%\nvalue\n\n# %%\nprint(value)\n"
    run = run_chapter(notebook_of(script), parameters, folder=tmp_path, cell_timeout=60).notebook
    run.metadata["rcx"] = {"title": "Old", "seconds": 1}
    newer = script.replace("# # Old", "# # New\n# A line.").replace(
        "# %%\nprint", '# %% [markdown]\n# Between.\n\n# %% tags=["x"]\nprint'
    )
    written = notebook_of(newer)
    joined = with_outputs(written, run)
    nbformat.validate(joined)
    injected = ["# Parameters\nvalue = 7\n"] if parameters else []
    sources = ["# New\nA line.", "value: int = 1  # one", *injected, "value", "Between.",
               "print(value)"]  # fmt: skip
    assert [cell.source for cell in joined.cells] == sources
    assert joined.metadata["source_map"] == [0, 4, *([4] if parameters else []), 7, 10, 13]
    assert joined.metadata["rcx"] == {"title": "New", "seconds": 1}
    assert outputs(joined) == outputs(run) == [str(7 if parameters else 1)] * 2
    counts = [cell.execution_count for cell in joined.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert joined.cells[-1].metadata["tags"] == ["x"]
    assert outputs(written) == []


def outputs(notebook: NotebookNode) -> list[str]:
    found = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [(one.get("text") or one.data["text/plain"]).strip() for one in found]


def test_what_is_run_is_the_code_and_the_tags_that_change_its_running() -> None:
    assert code_of(notebook_of(EDITED)) == code_of(notebook_of(CHAPTER))
    others = [
        CHAPTER.replace("value: int = 1", "value: int = 2"),
        CHAPTER.replace('tags=["parameters"]', 'tags=["hidden"]'),
        CHAPTER + "\n# %%\n1 + 1\n",
        CHAPTER.replace("# %% [markdown]\n# The first", "# %%\n# The first"),
        HEADER + CHAPTER,
    ]
    assert len({code_of(notebook_of(text)) for text in [CHAPTER, *others]}) == 1 + len(others)


def test_the_same_text_makes_the_same_notebook() -> None:
    assert notebook_of(CHAPTER) == notebook_of(CHAPTER)


def run_of(profile: str, seconds: float, *, failed: bool = False) -> ChapterRun:
    return ChapterRun("one", "One", "key", {"profile": profile}, seconds, "now", {}, failed)


@pytest.mark.parametrize(
    ("runs", "measured", "seconds"),
    [
        ([], None, None),
        ([], 40.0, 40.0),
        ([run_of("sample", 5), run_of("sample", 6)], 40.0, 5),
        ([run_of("imagenet", 5000)], None, None),
        ([run_of("imagenet", 5000), run_of("sample", 6)], None, 6),
        ([run_of("sample", 1, failed=True), run_of("sample", 6)], 40.0, 6),
    ],
)
def test_the_last_whole_run_with_the_profile_tells_the_time(
    runs: Sequence[ChapterRun], measured: float | None, seconds: float | None
) -> None:
    assert expected_seconds("sample", runs, measured) == seconds


def test_only_what_is_known_of_the_time_is_said() -> None:
    progress = Progress("abcde", {"a": 40.0, "c": None, "d": 200.0, "e": 10.0})
    assert progress.begin("a") == "running, 1 of 5, about 40 s; at least 4 min for the rest"
    assert progress.begin("b") == "running, 2 of 5; at least 4 min for the rest"
    assert progress.begin("c") == "running, 3 of 5; about 4 min for the rest"
    progress.skip("d")
    assert progress.begin("e") == "running, 5 of 5, about 10 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (7, "7 s"), (44, "40 s"), (94, "2 min"), (1000, "17 min"), (9000, "2.5 h")],
)
def test_times_are_rough(seconds: float, text: str) -> None:
    assert rough_time(seconds) == text


def test_summaries_come_last_whatever_their_names() -> None:
    pages = ["b", "00_verdict", "index", "a", "01_status"]
    expected = ["a", "b", "index", "01_status", "00_verdict"]
    assert reading_order(pages, ["01_status", "absent", "00_verdict"]) == expected


def test_the_store_tells_of_its_runs_the_latest_first(tmp_path: Path) -> None:
    store = ChapterStore(tmp_path)
    assert not store.holds("one", "a")
    assert list(store.runs("one")) == []
    for number, key in enumerate("abc"):
        notebook = notebook_of(CHAPTER)
        notebook.metadata["rcx"] = {**vars(run_of("sample", number)), "key": key}
        del notebook.metadata["rcx"]["results"]
        store.save("one", key, notebook)
    (tmp_path / "one" / "b.ipynb").write_text("{")
    (tmp_path / "one" / "damaged.ipynb").write_text("{}")
    assert store.holds("one", "a")
    assert [run.key for run in store.runs("one")] == ["c", "a"]


def test_times_are_named_for_chapters_that_there_are() -> None:
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    chapters = {path.stem for path in (ROOT / "book").glob("*.py")}
    assert set(settings["rcx_seconds"]) <= chapters
    assert set(settings["rcx_summaries"]) <= chapters
