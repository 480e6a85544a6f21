"""The report's statements: each is compared with something, by the rule that the page states."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from rcx.reference.claims import claims
from rcx.reference.published import PublishedFigure, published_points
from rcx.report.results import ChapterRun, Result
from rcx.report.statements import (
    _PREDICTIONS,
    _statements,
    point_table,
    points_side_by_side,
    statement_page,
    statement_table,
)

BOOK = Path(__file__).parents[2] / "book"


def test_every_statement_is_compared_with_something_or_says_why_not() -> None:
    measures = {f"claim: {name}" for name in claims()} | set(get_args(PublishedFigure))
    for statement in _statements():
        assert bool(statement.measure) != bool(statement.instead), statement
        assert not statement.measure or statement.measure in measures | set(_PREDICTIONS)
        assert any((BOOK / f"{statement.chapter}{kind}").exists() for kind in (".py", ".md"))


def test_every_published_figure_and_column_is_compared() -> None:
    compared = {statement.measure for statement in _statements()}
    assert compared >= set(get_args(PublishedFigure)) | set(_PREDICTIONS)


def test_a_number_is_reproduced_if_it_lies_in_the_widened_interval() -> None:
    points = point_table()
    assert set(points["figure"]) == set(get_args(PublishedFigure))
    for row in points.itertuples():
        error = 0.5 if row.figure.startswith("fig5") else 0.005
        inside = row.measured.low - error <= row.published <= row.measured.high + error
        assert row.reproduced == inside
        assert row.difference == pytest.approx(float(row.measured.mean) - row.published)
    point = points.query("figure == 'fig3-left' and series == 'CartoonX' and x == 20").iloc[0]
    published = published_points("fig3-left", "CartoonX")["CartoonX"]
    assert point["published"] == published.loc[published["x"] == 20, "y"].item()


def test_verdicts_are_those_of_the_chapters() -> None:
    results = {
        "as-well": Result("as-well", "It is as good.", "mixed"),
        "rate-distortion": Result("rate-distortion", "It is lower.", "supported"),
        "relevant": Result("relevant", "It is not.", "not supported"),
        "starts": Result("starts", "No start helps.", "not supported"),
    }
    run = ChapterRun("03", "ViT", "key", {}, 1.0, "now", {}, results=results)
    table = statement_table({"03": run})
    assert len(table) == len(_statements())
    outcomes = dict(zip(table["here"], table["outcome"], strict=True))
    assert outcomes["It is as good."] == "reproduced in part"
    assert outcomes["It is lower."] == "reproduced"
    assert outcomes["It is not."] == "differs"
    assert outcomes["No start helps."] == "reproduced"  # the report found the same
    assert set(table["outcome"]) <= {
        "",
        "not known",
        "reproduced",
        "reproduced in part",
        "differs",
    }


def test_a_page_links_each_statement_to_its_chapter() -> None:
    page = str(statement_page({}).data)
    assert page.count("<section") == len(_statements())
    assert "href='02_quantitative.html'" in page


def test_numbers_of_a_figure_lie_side_by_side() -> None:
    points = point_table().query("figure == 'fig5-left'")
    table = points_side_by_side(points, "fig5-left")
    assert len(table) == 2 * points["series"].nunique()
    row = points.iloc[3]
    assert table.loc[(row["series"], "published"), row["x"]] == row["published"]
    assert table.loc[(row["series"], "measured"), row["x"]] == row["measured"]
