"""Results of chapters, verdicts from them, and the gallery's list of entries."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from rcx.reference import claims
from rcx.report.gallery import Gallery, GalleryEntry
from rcx.report.results import (
    ChapterRun,
    ConditionResult,
    Result,
    read_runs,
    results_of,
    with_profile,
    write_run,
)
from rcx.report.verdicts import (
    chapters_without_result,
    verdict_cards,
    verdict_figure,
    verdict_picture,
    verdict_table,
)


def run(chapter: str = "01_qualitative", profile: str = "sample", *results: Result) -> ChapterRun:
    return ChapterRun(
        chapter, "Title", "key", {"profile": profile}, 1.5, "2026-01-01T00:00:00+00:00",
        {"torch": "2"}, False, {result.name: result for result in results},
    )  # fmt: skip


def notebook_with(*results: Result) -> NotebookNode:
    outputs = []
    for result in results:
        data, metadata = result._repr_mimebundle_()
        outputs.append(new_output("execute_result", data, metadata=metadata))
    notebook: NotebookNode = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    return notebook


def test_what_a_chapter_shows_is_what_other_pages_read(tmp_path: Path) -> None:
    rows = (ConditionResult("raw", 3, 1.0, 0.5, 2.0, "supported"),)
    result = Result("relevant", "2 of 3", "mixed", reported="b", conditions=rows)
    results = results_of(notebook_with(result))
    assert results == {"relevant": result}
    write_run(tmp_path, run("01_qualitative", "sample", *results.values()))
    assert read_runs(tmp_path)["01_qualitative"].results["relevant"] == result
    assert "**mixed**" in result._repr_mimebundle_()[0]["text/markdown"]


def test_two_results_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="'a'"):
        results_of(notebook_with(Result("a", "1"), Result("a", "2")))


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    write_run(tmp_path, run())
    (tmp_path / "02_quantitative.json").write_text("{")
    (tmp_path / "03_vit_agnosticism.json").write_text(json.dumps({"other": 1}))
    assert list(read_runs(tmp_path)) == ["01_qualitative"]
    assert read_runs(tmp_path / "nowhere") == {}


def test_profiles_are_not_mixed() -> None:
    runs = {"a": run(), "b": run(profile="imagenet")}
    assert list(with_profile(runs, "imagenet")) == ["b"]


def test_verdicts_say_what_is_missing_and_why() -> None:
    row = ConditionResult("raw", 3, 1.0, 0.5, 2.0, "supported")
    claim = Result("relevant", "<3", "supported", conditions=(row,))
    failed = run("02_quantitative")
    object.__setattr__(failed, "failed", True)
    runs = {
        "01_qualitative": run("01_qualitative", "sample", claim),
        "02_quantitative": failed,
    }
    cards, table = verdict_cards(runs).data, verdict_table(runs).data
    assert "rcx-supported" in cards
    assert "&lt;3" in cards
    assert "failed before it came to a result" in cards
    assert "03_vit_agnosticism has not been run" in cards
    assert table.count("not known") == len(claims()) - 1
    assert chapters_without_result(runs)[0] == "02_quantitative"
    (axes,) = verdict_figure(runs).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["raw (3)"]
    assert 'alt="' in verdict_picture(runs).data
    assert verdict_figure({}).axes  # a book without results still has its page


def entry(name: str = "a", size: int = 16, **changes: object) -> GalleryEntry:
    draw = np.random.default_rng(0)
    values: dict[str, Any] = {
        "name": name, "image": draw.random((3, size, size)), "picture": draw.random((size, size)),
        "method": "CartoonX", "lambda_k": 20.0, "true": "dog", "predicted": "cat",
        "explained": "cat", "after": "dog", "probability": 0.9, "probability_after": 0.2,
        "nonsparsity": 0.01, "distortion": 0.02,
    }  # fmt: skip
    return GalleryEntry(**{**values, **changes})


def test_an_entry_knows_whether_it_is_right_and_kept() -> None:
    assert (entry().right, entry().label_kept) == (False, False)
    assert (entry(predicted="dog").right, entry(after="cat").label_kept) == (True, True)


def test_a_gallery_of_noise_stays_below_five_megabytes() -> None:
    entries = [entry(str(number), 256) for number in range(200)]
    assert len(Gallery(entries)._repr_html_()) < 5_000_000


def test_an_image_is_shown_once_for_all_its_explanations() -> None:
    page = Gallery([entry(), entry(lambda_k=5.0), entry("b")])._repr_html_()
    assert page.count('class="rcx-photo"') == 2
    assert page.count('class="rcx-panel"') == 3
    with pytest.raises(ValueError, match="at least one entry"):
        Gallery([])
