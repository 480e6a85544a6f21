"""Built pages as a reader meets them: in a browser without a network, and file by file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from books import BIN, build, offline_tab, page, write_book

from rcx.report.book.checks import faults

if TYPE_CHECKING:
    from playwright.sync_api import Page


FIRST = """# %% [markdown]
# # First
# **What this chapter shows**

# %% tags=["parameters"]
profile: str = "sample"  # which images
outcome: str = "supported"  # what it finds

# %%
import numpy as np
from rcx.images.figures import picture_grid
from rcx.report import Frame, Gallery, GalleryEntry, Result, frame_slider
draw = np.random.default_rng(0)

# %% mystnb={"figure": {"caption": "Noise.", "name": "fig-noise"}}
picture_grid([[draw.random((8, 8)), draw.random((3, 8, 8))]], ["grey", "coloured"])

# %% [markdown]
# Look at {numref}`fig-noise` and {numref}`tab-numbers`.

# %% mystnb={"figure": {"caption": "Numbers.", "caption_before": true, "name": "tab-numbers"}}
import pandas as pd
pd.DataFrame({"one": [1, 2]})

# %%
frames = {
    name: [Frame(f"at {k}", {f"{name} {k}": draw.random((8, 8))}, {"distortion": f"0.{k}"}, k > 1)
           for k in range(3)]
    for name in ("one", "two")
}
frame_slider({name: (draw.random((3, 8, 8)), frames[name]) for name in frames}, "lambda",
             caption="Look at <this>.", milliseconds=60)

# %%
def entry(name, method, value, true, after):
    image, picture = draw.random((3, 8, 8)), draw.random((8, 8))
    return GalleryEntry(name, image, picture, method, value, true, "dog", "dog", after,
                        0.9, 0.8, 0.01, 0.02)

# %%
nasty = 'a"><script>alert(1)</script>'
Gallery([
    entry(nasty, "CartoonX", 5.0, "dog", "dog"), entry(nasty, "Pixel RDE", 5.0, "dog", "dog"),
    entry(nasty, "CartoonX", 20.0, "dog", nasty),
    entry("b", "CartoonX", 20.0, "cat & mouse", "dog"),
])

# %%
Result("relevant", "It <works> in 1 of 2.", outcome)
"""
VERDICT = """# %% [markdown]
# # Verdict

# %% tags=["parameters"]
profile: str = "sample"  # whose results

# %%
from myst_nb import glue
from rcx.report import chapter_table, chapters_without_result, machine_table, read_runs
from rcx.report import verdict_cards, verdict_table, with_profile
runs = with_profile(read_runs(), profile)
print("missing:", *chapters_without_result(runs))
verdict_cards(runs)

# %% tags=["remove-cell"]
glue("verdicts", verdict_table(runs), display=False)

# %%
chapter_table(runs)

# %%
machine_table(runs)
"""
SLIDERS = """# %% [markdown]
# # Sliders

# %%
import rcx
from rcx.images import draw_scenes
few = rcx.SolverSettings(steps=12, samples=2)
images = draw_scenes(2, seed=3).images
rcx.scrubber(rcx.CartoonX("sample/cnn", solver=few), images, through=["steps", "kept"],
             percents=[0, 50, 100], names=["a", "b"])
"""
INDEX = "# A small book\n\n```{glue:} verdicts\n:doc: 07_verdict.py\n```\n"
CHAPTERS = {"01_qualitative": FIRST, "sliders": SLIDERS, "07_verdict": VERDICT}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a book with a chapter that shows everything, and a verdict page."""
    root = write_book(tmp_path_factory.mktemp("pages"), index=INDEX, **CHAPTERS)
    result = build(root, "-W", "-n", "--keep-going")
    assert result.returncode == 0, result.stdout
    return root


def test_pages_without_fault_have_none(book: Path) -> None:
    assert list(faults(book / "book" / "_build" / "html")) == []


def test_faults_of_pages_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<h1 id='top'></h1><a href='b.html#there'></a><a href='b.html#gone'></a><img src='x.png'>"
        "<a href='c%20d.txt'></a><a href='https://example.org/x'></a><a href='#top'></a>"
    )
    (tmp_path / "b.html").write_text("<p id='there'></p>" + " " * 3_100_000)
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "d.html").write_text(" " * 4_000_000)
    (tmp_path / "most.html").write_text(" " * 3_000_000)
    (tmp_path / "c d.txt").touch()
    assert list(faults(tmp_path)) == [
        "api/d.html has 4.0 MB, more than 3 MB",
        "b.html has 3.1 MB, more than 3 MB",
        "a.html has a picture without a description: x.png",
        "a.html links to b.html#gone, which is not there",
        "a.html links to x.png, which is not there",
    ]


def test_figures_describe_themselves(book: Path) -> None:
    assert 'alt="2 pictures: grey; coloured"' in page(book, "01_qualitative")


def test_text_from_outside_is_escaped(book: Path) -> None:
    text = page(book, "01_qualitative")
    assert "<script>alert(1)" not in text
    assert "It &lt;works&gt; in" in page(book, "07_verdict")


def test_figures_are_numbered(book: Path) -> None:
    assert re.search(r"Fig\. \d", page(book, "01_qualitative"))


def test_the_first_page_has_the_verdict_of_the_run(book: Path) -> None:
    assert "supported" in page(book, "index")
    assert "1 of 2" in page(book, "07_verdict")
    assert "missing: 02_quantitative 03_vit_agnosticism" in page(book, "07_verdict")


def test_a_summary_is_read_last_whatever_its_name(book: Path) -> None:
    assert "<th>sliders</th>" in page(book, "07_verdict")


@pytest.mark.slow
def test_verdicts_follow_the_chapters_that_they_read(book: Path) -> None:
    result = build(book, RCX_PARAMETERS="outcome=mixed")
    assert "rcx-mixed" in page(book, "07_verdict"), result.stdout
    assert "rcx-mixed" in page(book, "index")
    again = build(book)
    assert "chapter 01_qualitative: unchanged" in again.stdout
    assert "chapter 07_verdict: unchanged" in again.stdout
    assert "rcx-supported" in page(book, "index")


def test_results_are_told_again_where_their_folder_was_lost(book: Path) -> None:
    shutil.rmtree(book / ".rcx" / "results")
    result = build(book)
    assert "chapter 01_qualitative: unchanged" in result.stdout
    assert "rcx-supported" in page(book, "index")


def test_a_verdict_alone_says_what_was_not_run(book: Path, tmp_path: Path) -> None:
    other = tmp_path / "results"
    other.mkdir()
    subprocess.run(
        [str(BIN / "papermill"), "book/07_verdict.py", "out.ipynb"],
        cwd=book, env={**os.environ, "RCX_RESULTS": str(other)}, capture_output=True, check=True,
    )  # fmt: skip
    text = (book / "out.ipynb").read_text()
    assert "missing: 01_qualitative 02_quantitative" in text
    assert "has not been run with this profile" in text


def test_chapters_can_be_downloaded_as_they_were_run(book: Path) -> None:
    assert 'href="_sources/01_qualitative.ipynb"' in page(book, "01_qualitative")
    path = book / "book" / "_build" / "html" / "_sources" / "01_qualitative.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert any(cell.get("outputs") for cell in notebook.cells)
    assert "pip install" in notebook.cells[1].source


@pytest.mark.slow
def test_launch_buttons_come_with_a_repository(tmp_path: Path) -> None:
    root = write_book(tmp_path, **{"01_qualitative": "# %% [markdown]\n# # One\n\n# %%\n1 + 1\n"})
    assert build(root).returncode == 0
    assert "mybinder.org" not in page(root, "01_qualitative")
    config = root / "book" / "_config.yml"
    config.write_text(config.read_text().replace(
        "rcx_repository: ''", "rcx_repository: https://github.com/some/one"))  # fmt: skip
    result = build(root)
    assert result.returncode == 0, result.stdout
    text = page(root, "01_qualitative")
    file = "notebooks/01_qualitative.ipynb"
    assert f"https://mybinder.org/v2/gh/some/one/notebooks?urlpath=lab/tree/{file}" in text
    assert f"https://colab.research.google.com/github/some/one/blob/notebooks/{file}" in text


@pytest.mark.slow
def test_a_build_that_was_killed_goes_on(tmp_path: Path) -> None:
    quick = "# %% [markdown]\n# # Quick\n\n# %%\nprint('quick')\n"
    flag = tmp_path / "second time"
    slow = (
        "# %% [markdown]\n# # Slow\n\n# %%\nimport pathlib, time\n"
        f"flag = pathlib.Path({str(flag)!r})\nfirst = not flag.exists()\nflag.touch()\n"
        "time.sleep(300 * first)\nprint('slow')\n"
    )
    root = write_book(tmp_path, a_quick=quick, b_slow=slow)
    command = [str(BIN / "jupyter-book"), "build", "book/"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 100
        while not flag.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    assert flag.exists()
    result = build(root)
    assert result.returncode == 0, result.stdout
    assert "chapter a_quick: unchanged" in result.stdout
    assert "chapter b_slow: ran in" in result.stdout
    assert not list((root / ".rcx").rglob("*.partial"))
    assert not list((root / ".rcx").rglob("*.part"))


@pytest.fixture
def tab(book: Path) -> Iterator[Page]:
    """The built chapter in a browser without a network."""
    with offline_tab(book / "book" / "_build" / "html" / "01_qualitative.html") as opened:
        opened.wait_for_selector(".rcx-frame-slider .noUi-handle", timeout=20_000)
        yield opened


def test_figures_and_tables_are_numbered_each_by_themselves(tab: Page) -> None:
    captions = tab.locator("figure .caption-number").all_inner_texts()
    assert [text.strip() for text in captions] == ["Fig. 1", "Table 1"]
    links = tab.locator("a .std-numref").all_inner_texts()
    assert links == ["Fig. 1", "Table 1"]
    assert tab.locator("figure#tab-numbers table").count() == 1


def test_a_frame_slider_moves_by_keyboard_with_its_numbers(tab: Page) -> None:
    from playwright.sync_api import expect

    widget = tab.locator(".rcx-frame-slider")
    numbers, shown = widget.locator("table:visible td"), widget.locator("img:visible").nth(1)
    expect(numbers).to_have_text("0.0")
    before = shown.get_attribute("src")
    widget.locator(".noUi-handle").focus()
    tab.keyboard.press("ArrowRight")
    expect(numbers).to_have_text("0.1")
    expect(shown).not_to_have_attribute("src", before)
    expect(shown).to_have_attribute("alt", "one 1")
    expect(widget.locator(".rcx-caption")).to_have_text("Look at <this>.")


def test_one_slider_moves_all_images(tab: Page) -> None:
    from playwright.sync_api import expect

    widget = tab.locator(".rcx-frame-slider")
    widget.locator(".noUi-handle").focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    widget.locator("select").select_option(label="two")
    expect(widget.locator("img:visible").nth(1)).to_have_attribute("alt", "two 2")
    expect(widget.locator("table:visible")).to_have_class(re.compile("rcx-lost"))


def test_a_frame_slider_plays(tab: Page) -> None:
    from playwright.sync_api import expect

    widget = tab.locator(".rcx-frame-slider")
    widget.locator(".widget-play button").first.click()
    expect(widget.locator("table:visible td")).to_have_text("0.2")


def test_the_sliders_of_the_scrubber_move(book: Path) -> None:
    from playwright.sync_api import expect

    with offline_tab(book / "book" / "_build" / "html" / "sliders.html") as tab:
        tabs = tab.locator(".lm-TabBar-tab, .p-TabBar-tab")
        expect(tabs).to_have_text(["steps", "kept"], timeout=20_000)
        numbers = tab.locator(".rcx-frame-slider table:visible")
        expect(numbers).to_contain_text("1.0000")  # step 0 keeps everything
        tabs.nth(1).click()
        expect(numbers).to_contain_text("0.0000")
        expect(numbers).to_have_class(re.compile("rcx-lost"))
        red = numbers.locator("td").first.evaluate("cell => getComputedStyle(cell).color")
        tab.locator(".noUi-handle:visible").focus()
        tab.keyboard.press("End")
        expect(numbers).to_contain_text("1.0000")
        expect(numbers).not_to_have_class(re.compile("rcx-lost"))
        assert numbers.locator("td").first.evaluate("cell => getComputedStyle(cell).color") != red
        tab.locator(".rcx-frame-slider select:visible").select_option(label="b")
        expect(tab.locator(".rcx-frame-slider figcaption:visible").first).to_have_text("b")


def test_gallery_filters_and_panels(tab: Page) -> None:
    from playwright.sync_api import expect

    gallery = tab.locator(".rcx-gallery")
    panels, count = gallery.locator(".rcx-panel:visible"), gallery.locator("output")
    expect(panels).to_have_count(4)
    gallery.locator("[data-filter=method]").select_option("Pixel RDE")
    expect(panels).to_have_count(1)
    expect(count).to_have_text("1 of 4 shown")
    expect(gallery.locator(".rcx-row:visible")).to_have_count(1)
    gallery.locator("[data-filter=prediction]").select_option("wrong")
    expect(panels).to_have_count(0)
    gallery.locator("button").click()
    expect(panels).to_have_count(4)
    gallery.locator("[data-filter=label]").select_option("lost")
    expect(panels).to_have_count(1)
    width = "panel => panel.getBoundingClientRect().width"
    narrow = panels.evaluate(width)
    panels.locator("a").click()
    assert panels.evaluate(width) > narrow
    assert tab.url.endswith("#panel-3")


def test_every_picture_loads_and_a_phone_needs_no_sideways_scroll(tab: Page) -> None:
    script = "[...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src)"
    assert tab.evaluate(script) == []
    tab.set_viewport_size({"width": 375, "height": 800})
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.evaluate(wide) <= 0


def test_search_works_without_a_network(tab: Page, book: Path) -> None:
    address = (book / "book" / "_build" / "html" / "search.html").as_uri()
    tab.goto(f"{address}?q=first")
    tab.wait_for_selector("#search-results li a", timeout=10_000)
