"""Rate-distortion curves and tables in the project's one style."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Literal

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rcx.evaluate.curves import Curve
from rcx.evaluate.statistics import Interval, mean_interval
from rcx.evaluate.sweeps import sweep_table
from rcx.images.figures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    StyledFigure,
    style,
)
from rcx.reference.published import PUBLISHED_SERIES, PublishedFigure, published_curves

_COLOURS = {
    "CartoonX": BLUE,
    "Pixel RDE": RED,
    "random wavelets": SKY,
    "random pixels": ORANGE,
    "CartoonX, CNN": BLUE,
    "CartoonX, ViT": ORANGE,
    "rollout, ViT": GREEN,
}
_OTHERS = (GREEN, PURPLE, INK, "#882255", "#999933")  # wine and olive of Tol's muted colours
_FIGURES: dict[int, dict[str, PublishedFigure]] = {
    3: {"keep": "fig3-left", "randomise": "fig3-middle"},
    5: {"keep": "fig5-left", "randomise": "fig5-right"},
}
_NETWORKS = {3: "MobileNetV3-Small", 5: "MobileNetV3-Small, DeiT-Tiny"}
_TITLES = {"keep": "Relevant kept, rest randomised", "randomise": "Relevant randomised, rest kept"}
_LABELS = {
    "keep": "most relevant components kept [%]",
    "randomise": "most relevant components randomised [%]",
}
_NORMALISED = "distortion [% of fully randomised]"
_MEASURES = {"l2": "distortion (l2 of probabilities)", "probability": "squared change, probability"}


class LineFigure(StyledFigure):
    """A figure of lines, which a page shows as vectors."""

    def _repr_svg_(self) -> str:
        buffer = io.StringIO()
        # no date and no random ids: the same figure is the same text
        with matplotlib.rc_context({"svg.hashsalt": "rcx"}):
            self.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()


def curve_figure(
    *groups: Mapping[str, Curve],
    published: bool = False,
    figure_number: Literal[3, 5] = 3,
    compare: str = "compare shapes, not levels",
) -> LineFigure:
    """Show mean curves over the images, with their bootstrap intervals shaded.

    Parameters
    ----------
    *groups : mapping of str to Curve
        A panel each: curves of one direction and measure, by method.
    published : bool
        Add the published curves, dashed. Those of other images and another network can be compared
        by their shapes, and not by their levels.
    figure_number : {3, 5}
        The report's figure: 3 compares methods, 5 networks, by normalised curves.
    compare : str
        What the legend says of the published curves.

    Returns
    -------
    PublishedFigure
    """
    if not groups or not all(groups):
        raise ValueError("a figure needs at least one curve in every panel")
    with style():
        figure = LineFigure(figsize=(4.4 * len(groups), 3.5))
        panels = figure.subplots(1, len(groups), squeeze=False)[0]
        for axes, curves in zip(panels, groups, strict=True):
            _draw(axes, curves, published, figure_number)
        names = dict.fromkeys(name for curves in groups for name in curves)
        handles = [Line2D([], [], color=_colour(name, list(names)), label=name) for name in names]
        if published:
            networks = _NETWORKS[figure_number]
            label = f"published: ImageNet, {networks} ({compare})"
            handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label=label))
        figure.legend(handles=handles, loc="outside lower center", ncols=3 if published else 4)
    return figure


def _draw(axes: Axes, curves: Mapping[str, Curve], published: bool, number: Literal[3, 5]) -> None:
    first = next(iter(curves.values()))
    reported = published_curves(_FIGURES[number][first.direction]).groupby("series")
    for name, curve in curves.items():
        colour, percent = _colour(name, list(curves)), curve.percent.numpy()
        axes.plot(percent, curve.distortion.mean(0), color=colour)
        if len(curve) > 1:
            band = mean_interval(curve.distortion)
            axes.fill_between(percent, band.low, band.high, color=colour, alpha=0.18, linewidth=0)
        if published and curve.measure == "l2" and PUBLISHED_SERIES.get(name) in reported.groups:
            points = reported.get_group(PUBLISHED_SERIES[name])
            axes.plot(points["x"], points["y"], color=colour, linestyle="--", linewidth=1)
    axes.set(
        title=_TITLES[first.direction],
        xlabel=_LABELS[first.direction],
        ylabel=_NORMALISED if number == 5 else _MEASURES.get(first.measure, first.measure),
        xlim=(0, 100),
    )
    axes.set_ylim(bottom=0)


def sweep_figure(rows: pd.DataFrame, published: bool = False) -> LineFigure:
    """Show distortion and non-sparsity against lambda, as the report's PublishedFigure 3 does.

    Parameters
    ----------
    rows : DataFrame
        As of `rcx.evaluate.sweep_rows`, of at least two images.
    published : bool
        Add the published means, dashed.

    Returns
    -------
    PublishedFigure
        Means over the images, with their bootstrap intervals shaded.
    """
    table = sweep_table(rows)
    series = list(dict.fromkeys(table.index.get_level_values("series")))
    reported = published_curves("fig3-right").groupby("series")
    panels = {
        "distortion": (
            ("l2", "-", "o", "mean of many draws"),
            ("l2_one_draw", ":", "x", "one draw"),
        ),
        "nonsparsity": (("nonsparsity", "-", "o", ""),),
    }
    with style():
        figure = LineFigure(figsize=(8.8, 3.5))
        for axes, (panel, lines) in zip(figure.subplots(1, 2), panels.items(), strict=True):
            for name in series:
                colour, part = _colour(name, series), table.loc[name]
                for column, line, marker, _ in lines:
                    means = [interval.mean for interval in part[column]]
                    axes.plot(part.index, means, color=colour, linestyle=line, marker=marker, ms=4)
                low, high = (
                    [getattr(i, end) for i in part[lines[0][0]]] for end in ("low", "high")
                )
                axes.fill_between(part.index, low, high, color=colour, alpha=0.18, linewidth=0)
                points = f"{PUBLISHED_SERIES.get(name)}-{panel}"
                if published and points in reported.groups:
                    known = reported.get_group(points)
                    axes.plot(known["x"], known["y"], color=colour, linestyle="--", linewidth=1)
            axes.set_xscale("log", base=2)
            axes.set(
                xlabel="lambda_k", xticks=part.index, xticklabels=[f"{x:g}" for x in part.index]
            )
        left, right = figure.axes
        left.set(ylabel=_MEASURES["l2"], ylim=(0, None))
        right.set(ylabel="non-sparsity (mean of the mask)", yscale="log")
        handles = [Line2D([], [], color=_colour(name, series), label=name) for name in series]
        styles: dict[str, Any] = {label: line for _, line, _, label in panels["distortion"]}
        styles |= {"published": "--"} if published else {}
        handles += [Line2D([], [], color=INK, linestyle=s, label=k) for k, s in styles.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def _colour(name: str, names: list[str]) -> str:
    others = [other for other in names if other not in _COLOURS]
    return _COLOURS.get(name) or _OTHERS[others.index(name) % len(_OTHERS)]


def shown(table: pd.DataFrame, missing: str | None = None) -> pd.DataFrame:
    """Write numbers and intervals as a reader wants them, and `missing`, if given, for none."""
    if missing is not None:
        table = table.astype(object).where(table.notna(), missing)
    return table.map(_written)


def _written(value: object) -> object:
    if isinstance(value, Interval):
        return f"{value:.3f}" if value.mean == value.mean else "not known"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"
    return value


def lowest_areas(curves: Mapping[str, Curve], count: int = 3) -> str:
    """Name the curves with the lowest mean areas, best first, as a sentence wants them."""
    means = pd.Series({name: float(curve.areas.mean()) for name, curve in curves.items()})
    return ", ".join(f"{name} {area:.3f}" for name, area in means.nsmallest(count).items())
