"""The report's statements one by one, beside what was measured here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import pandas as pd
from IPython.display import HTML

from rcx.classifiers.profiles import VISION_TRANSFORMERS
from rcx.evaluate.curve_summaries import GAPS, gap_table
from rcx.evaluate.statistics import Interval, share_interval
from rcx.evaluate.sweeps import sweep_table
from rcx.reference.photographs import photo_curves, photo_networks, photo_rows
from rcx.reference.published import (
    PublishedFigure,
    published_curves,
    published_points,
    published_predictions,
)
from rcx.report.results import ChapterRun, ClaimOutcome

_CNN, _VIT = "timm/tf_mobilenetv3_small_100", VISION_TRANSFORMERS["imagenet"]
_METHODS = ("CartoonX", "Pixel RDE")
_NETWORKS = ("CartoonX, CNN", "CartoonX, ViT", "rollout, ViT")
_PREDICTIONS = {"cnn_256": (_CNN, 256), "cnn_224": (_CNN, 224), "vit_224": (_VIT, 224)}
_READING_ERROR = {"fig3": 0.005, "fig5": 0.5}  # as rcx/reference/README.md says


class _Statement(NamedTuple):
    """A statement of the report, see ``rcx/reference/published/statements.toml``."""

    where: str
    said: str
    chapter: str
    measure: str = ""
    instead: str = ""
    found: ClaimOutcome = "supported"


def statement_table(runs: Mapping[str, ChapterRun], *, seed: int = 0) -> pd.DataFrame:
    """List the report's statements, what was measured for each, and how it came out.

    Parameters
    ----------
    runs : mapping of str to ChapterRun
        Runs of the chapters, as from `rcx.report.read_runs`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        ``in the report``, ``it says``, ``here`` and ``outcome``, with a link to the chapter.
        Numbers count as reproduced if the published one is in our interval, widened by the error of
        reading it off. A statement without a measurement has the reason, and the outcome is empty.
    """
    results = {name: result for run in runs.values() for name, result in run.results.items()}
    points = point_table(seed=seed)
    rows = []
    for statement in _statements():
        kind, _, claim = statement.measure.partition("claim: ")
        outcome, here = "", statement.instead
        if claim:
            result = results.get(claim)
            outcome = _agreement(result.outcome, statement.found) if result else "not known"
            here = result.measured if result else "The chapter has recorded nothing."
        elif kind in _PREDICTIONS:
            outcome, here = _same_predictions(kind)
        elif kind:
            outcome, here = _same_points(points[points["figure"] == kind])
        rows.append(
            {
                "in the report": statement.where,
                "it says": statement.said,
                "here": here,
                "outcome": outcome,
                "chapter": statement.chapter,
            }
        )
    return pd.DataFrame(rows)


def statement_page(runs: Mapping[str, ChapterRun], *, seed: int = 0) -> HTML:
    """Show `statement_table` as a page does, with links to the chapters."""
    cards = ""
    for _, row in statement_table(runs, seed=seed).iterrows():
        kind = row["outcome"].replace(" ", "-") or "open"
        badge = f"<span class='rcx-badge rcx-{kind}'>{row['outcome'] or 'not measured'}</span>"
        cards += (
            f"<section class='rcx-verdict'><p><b>{escape(row['in the report'])}</b> {badge}</p>"
            f"<dl><dt>The report</dt><dd>{escape(row['it says'])}</dd>"
            f"<dt>Here</dt><dd>{escape(row['here'])} "
            f"<a href='{row['chapter']}.html'>{row['chapter']}</a></dd></dl></section>"
        )
    return HTML(cards)


def points_side_by_side(points: pd.DataFrame, figure: PublishedFigure) -> pd.DataFrame:
    """Lay the rows of `point_table` of one figure side by side: a column for each ``x``.

    Returns
    -------
    DataFrame
        By series, the published numbers, and ours with their intervals.
    """
    points = points[points["figure"] == figure]
    names = list(points["series"].unique())
    wide = points.pivot(index="series", columns="x", values=["published", "measured"])
    return wide.stack(0, future_stack=True).loc[names]


def point_table(*, seed: int = 0) -> pd.DataFrame:
    """List numbers of the published figures beside ours on the study's photographs.

    Ours are measured as published: raw images and one draw of noise.

    Parameters
    ----------
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        ``figure``, ``series``, ``x`` (percent, or lambda), ``published``, ``measured`` with its
        interval, ``difference``, and ``reproduced``, whether the published number is in the
        interval, widened by the reading error.
    """
    rows = pd.DataFrame([row for part in (_curve_points, _sweep_points) for row in part(seed)])
    low, high = ([getattr(each, end) for each in rows["measured"]] for end in ("low", "high"))
    error = rows["figure"].str[:4].map(_READING_ERROR)
    rows["reproduced"] = rows["published"].between(low - error, high + error)
    return rows


def _curve_points(seed: int) -> Iterator[dict[str, Any]]:
    """Points of Figures 3 and 5 at a few percentages."""
    options: dict[str, Any] = {"normalize": False, "protocol": "as_published"}
    own = photo_curves(_CNN, 256, series=_METHODS, **options)
    networks = {"CNN": _CNN, "ViT": _VIT}
    both = photo_networks(networks, 224, series=_NETWORKS, **options)
    relative = [{name: curve.normalised() for name, curve in group.items()} for group in both]
    figures: list[tuple[PublishedFigure, Mapping[str, Any], tuple[str, ...]]] = [
        ("fig3-left", own[0], _METHODS),
        ("fig3-middle", own[1], _METHODS),
        ("fig5-left", relative[0], _NETWORKS),
        ("fig5-right", relative[1], _NETWORKS),
    ]
    for figure, curves, names in figures:
        percents = [0, *GAPS] if figure == "fig3-left" else GAPS
        table = gap_table(curves, published_points(figure, *names), percents=percents, seed=seed)
        for (name, percent), row in table.iterrows():
            yield {"figure": figure, "series": name, "x": percent, **row}


def _sweep_points(seed: int) -> Iterator[dict[str, Any]]:
    """Points of the right part of Figure 3, over lambda."""
    rows = photo_rows(
        "explanations", classifier=_CNN, size=256, normalize=False, seed=0, on_path=True
    )
    measured = sweep_table(rows.assign(series=rows["method"]), seed=seed)
    for _, point in published_curves("fig3-right").iterrows():
        name, _, quantity = str(point["series"]).rpartition("-")
        method = {"cartoonx": "CartoonX", "pixel-rde": "Pixel RDE"}[name]
        column = {"distortion": "l2_one_draw"}.get(quantity, quantity)
        if (method, point["x"]) in measured.index:
            value: Interval = measured.loc[(method, point["x"]), column]
            yield {
                "figure": "fig3-right",
                "series": f"{method}, {quantity}",
                "x": point["x"],
                "measured": value,
                "published": point["y"],
                "difference": float(value.mean) - point["y"],
            }


def _agreement(measured: ClaimOutcome | None, found: ClaimOutcome) -> str:
    """Say whether a verdict is that of the report."""
    if measured in (None, "open"):
        return "not known"
    if measured == found:
        return "reproduced"
    return "reproduced in part" if measured == "mixed" else "differs"


def _same_points(points: pd.DataFrame) -> tuple[str, str]:
    """Say how many numbers of a figure came out the same, and which is farthest."""
    count = int(points["reproduced"].sum())
    share = f"{count} of {len(points)} numbers are the same within our intervals"
    if count == len(points):
        return "reproduced", f"{share}."
    farthest = points.loc[points["difference"].abs().idxmax()]
    digits = 1 if str(farthest["figure"]).startswith("fig5") else 3
    unit = "lambda " if farthest["figure"] == "fig3-right" else ""
    sign = "%" if not unit else ""
    outcome = "reproduced in part" if count else "differs"
    return outcome, (
        f"{share}. {farthest['series']} is farthest at {unit}{farthest['x']:g} {sign}".rstrip()
        + f": {farthest['difference']:+.{digits}f}."
    )


def _same_predictions(column: str) -> tuple[str, str]:
    """Compare printed classes with those that are predicted here for raw images."""
    classifier, size = _PREDICTIONS[column]
    rows = photo_rows(
        "explanations", classifier=classifier, size=size, normalize=False, seed=0, series="CartoonX"
    )
    predicted = rows.drop_duplicates("image").set_index("image")["predicted"]
    printed = published_predictions().set_index("image")[column].dropna()
    common = printed.index.intersection(predicted.index.astype(str))
    predicted.index = predicted.index.astype(str)
    same = (predicted[common] == printed[common]).to_numpy()
    outcome = "reproduced" if same.all() else "reproduced in part"
    return outcome, f"{same.sum()} of {len(same)} are the same ({share_interval(same)})."


def _statements() -> list[_Statement]:
    text = files("rcx.reference").joinpath("published", "statements.toml").read_text("utf-8")
    return [_Statement(**row) for row in tomllib.loads(text)["statements"]]
