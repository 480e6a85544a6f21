"""The engine of the book, on a small book of its own and with nothing replaced."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from books import BIN, build, offline_tab, page, write_book

from rcx.report.book.chapter_store import ChapterStore, chapter_key, package_key
from rcx.report.book.chapters import declared_parameters, notebook_of
from rcx.report.book.execution import run_chapter
from rcx.report.book.parameters import (
    ParameterError,
    check_settings,
    parameters_for,
    settings_from,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page


GOOD = """# %% [markdown]
# # A good chapter
# A formula: $e^{i\\pi} = -1$.

# %% tags=["parameters"]
profile: str = "sample"  # which images
value: int = 1  # a number

# %%
from ipywidgets import HTML, IntSlider, Play, Stack, VBox, jslink
print("the value is", value, "of", profile)

# %%
stack = Stack([HTML(f"<b>view {number}</b>") for number in range(3)], selected_index=0)
play, slider = Play(max=2, interval=50), IntSlider(max=2)
jslink((play, "value"), (slider, "value"))
jslink((slider, "value"), (stack, "selected_index"))
VBox([play, slider, stack])
"""
BAD = """# %% [markdown]
# # A bad chapter

# %%
print("before the failure")
raise RuntimeError("this cell fails")
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a book with one chapter."""
    root = write_book(tmp_path_factory.mktemp("good"), good=GOOD)
    result = build(root, "-W", "-n", "--keep-going")
    assert result.returncode == 0, result.stdout
    assert "chapter good: ran in" in result.stdout
    return root


def test_a_chapter_is_run_when_the_book_is_built(book: Path) -> None:
    assert "the value is 1 of sample" in page(book, "good")


def test_an_unchanged_chapter_is_not_run_again_even_after_clean(book: Path) -> None:
    shutil.rmtree(book / "book" / "_build")
    result = build(book)
    assert result.returncode == 0, result.stdout
    assert "chapter good: unchanged" in result.stdout
    assert "the value is 1 of sample" in page(book, "good")


def test_parameters_of_the_environment_run_a_chapter_again(book: Path) -> None:
    result = build(book, RCX_PARAMETERS="value=7", PROFILE="other")
    assert result.returncode == 0, result.stdout
    assert "chapter good: ran in" in result.stdout
    assert "the value is 7 of other" in page(book, "good")
    assert build(book).returncode == 0
    assert "the value is 1 of sample" in page(book, "good")


def test_an_unknown_parameter_stops_the_build(book: Path) -> None:
    result = build(book, RCX_PARAMETERS="valeu=7")
    assert result.returncode != 0
    assert "declares a parameter 'valeu'; known here: profile, value" in result.stdout


def test_a_failing_cell_is_an_error_and_the_other_chapters_go_on(tmp_path: Path) -> None:
    root = write_book(tmp_path, bad=BAD, good=GOOD)
    result = build(root)
    assert result.returncode == 1, result.stdout
    assert "bad.py:4: ERROR: chapter bad: A cell raised RuntimeError: this cell" in result.stdout
    assert 'raise RuntimeError("this cell fails")' in result.stdout
    assert "before the failure" in page(root, "bad")
    assert "the value is 1" in page(root, "good")
    again = build(root)
    assert again.returncode == 1
    assert "chapter bad: A cell raised" in again.stdout
    (root / "book" / "bad.py").write_text(BAD.replace("raise ", ""))
    assert build(root).returncode == 0


def test_papermill_reads_a_chapter_by_its_path(book: Path) -> None:
    command = [str(BIN / "papermill"), "book/good.py", "out.ipynb", "-p", "value", "5"]
    result = subprocess.run(command, cwd=book, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "UserWarning" not in result.stderr
    notebook = nbformat.read(book / "out.ipynb", as_version=4)
    texts = [output.text for cell in notebook.cells for output in cell.get("outputs", [])
             if output.output_type == "stream"]  # fmt: skip
    assert "the value is 5 of sample\n" in texts


def test_papermill_never_writes_over_a_chapter(book: Path) -> None:
    command = [str(BIN / "papermill"), "book/good.py", "book/good.py", "--prepare-only"]
    result = subprocess.run(command, cwd=book, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "name an .ipynb file" in result.stderr
    assert (book / "book" / "good.py").read_text() == GOOD


def test_a_kernel_that_dies_is_tried_twice(tmp_path: Path) -> None:
    counter = tmp_path / "runs"
    text = f"# %%\nimport os\nopen({str(counter)!r}, 'a').write('x')\nos._exit(1)\n"
    result = run_chapter(notebook_of(text), {}, folder=tmp_path, cell_timeout=60)
    assert counter.read_text() == "xx"
    assert result.failure is not None
    assert "twice" in str(result.failure)


def test_a_cell_that_hangs_is_stopped_and_a_second_run_may_pass(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    text = (
        "# %%\nimport pathlib, time\n"
        f"flag = pathlib.Path({str(flag)!r})\n"
        "first = not flag.exists()\nflag.touch()\ntime.sleep(60 * first)\nprint('done')\n"
    )
    result = run_chapter(notebook_of(text), {}, folder=tmp_path, cell_timeout=3)
    assert result.failure is None
    assert result.retried is not None
    assert result.notebook.cells[0].outputs[0].text == "done\n"


def test_the_source_map_follows_the_injected_parameters(tmp_path: Path) -> None:
    text = '# %% tags=["parameters"]\nvalue: int = 1  # a number\n\n# %%\nvalue\n'
    result = run_chapter(notebook_of(text), {"value": 2}, folder=tmp_path, cell_timeout=60)
    assert [cell.source for cell in result.notebook.cells][2] == "value"
    assert result.notebook.metadata["source_map"] == [0, 0, 3]
    assert result.notebook.cells[2].outputs[0].data["text/plain"] == "2"


def test_parameters_are_read_from_the_parameters_cell() -> None:
    declared = declared_parameters(notebook_of(GOOD))
    assert declared == {"profile": '"sample"', "value": "1"}


def test_the_environment_wins_over_the_configuration() -> None:
    configured = {"*": {"seed": 1, "profile": "a"}, "one": {"lambda_k": 20}}
    environment = {"RCX_PARAMETERS": "seed=2 one.lambda_k=1e-1 one.name=x", "PROFILE": "b"}
    settings = settings_from(configured, environment)
    expected = {"seed": 2, "profile": "b", "lambda_k": 0.1, "name": "x"}
    assert parameters_for("one", ["seed", "profile"], settings) == expected
    assert parameters_for("two", ["seed"], settings) == {"seed": 2}


def test_json_names_chapters_or_all_of_them() -> None:
    environment = {"RCX_PARAMETERS": '{"seed": 2, "one": {"lambda_k": 10}}'}
    assert settings_from({}, environment) == {"*": {"seed": 2}, "one": {"lambda_k": 10}}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"three": {"seed": 1}}, "which the book does not have; its chapters: one, two"),
        ({"one": {"sede": 1}}, "'one' declares a parameter 'sede'|known here: seed"),
        ({"*": {"sede": 1}}, "known here: lambda_k, seed"),
    ],
)
def test_a_setting_that_reaches_no_chapter_is_an_error(
    settings: dict[str, dict[str, int]], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        check_settings({"one": ["seed"], "two": ["lambda_k"]}, settings)


@pytest.mark.parametrize("text", ["seed", "=3", '{"seed": ', "one.=3"])
def test_a_setting_of_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ParameterError, match="RCX_PARAMETERS"):
        settings_from({}, {"RCX_PARAMETERS": text})


def test_the_key_changes_with_text_parameters_and_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RCX_ASSETS", raising=False)
    source = tmp_path / "module.py"
    source.write_text("x = 1")
    before = package_key(tmp_path)
    source.write_text("x = 2")
    after = package_key(tmp_path)
    keys = [
        chapter_key("a", {"x": 1}, before),
        chapter_key("b", {"x": 1}, before),
        chapter_key("a", {"x": 2}, before),
        chapter_key("a", {"x": 1}, after),
    ]
    monkeypatch.setenv("RCX_ASSETS", "/elsewhere")
    keys.append(chapter_key("a", {"x": 1}, before))
    assert len(set(keys)) == len(keys)


def test_a_damaged_file_of_the_store_is_as_good_as_none(tmp_path: Path) -> None:
    store = ChapterStore(tmp_path)
    store.save("one", "key", notebook_of(GOOD))
    assert store.load("one", "key") is not None
    (tmp_path / "one" / "key.ipynb").write_text("{")
    assert store.load("one", "key") is None
    assert store.load("one", "other") is None


@pytest.fixture
def tab(book: Path) -> Iterator[Page]:
    """The built chapter in a browser without a network."""
    with offline_tab(book / "book" / "_build" / "html" / "good.html") as opened:
        opened.wait_for_selector(".widget-play", timeout=20_000)
        yield opened


def test_formulas_and_widgets_work_in_a_browser_without_a_network(tab: Page) -> None:
    from playwright.sync_api import expect

    assert tab.locator("mjx-container svg").count() == 1

    views = tab.locator(".widget-vbox b:visible")
    expect(views).to_have_text(["view 0"])
    tab.locator(".noUi-handle").focus()
    tab.keyboard.press("ArrowRight")
    expect(views).to_have_text(["view 1"])
    tab.locator(".widget-play button").first.click()
    expect(views).to_have_text(["view 2"])
