"""Figures and tables of rate-distortion curves and of sweeps over lambda."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Literal

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
# The last two are wine and olive of Tol's muted colours.
_OTHER_COLOURS = (GREEN, PURPLE, INK, "#882255", "#999933")
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
_MEASURE_LABELS = {
    "l2": "distortion (l2 of probabilities)",
    "probability": "squared change, probability",
}


class LineFigure(StyledFigure):
    """A figure of lines, which a notebook shows as vector graphics."""

    def _repr_svg_(self) -> str:
        buffer = io.StringIO()
        # Without a date and with fixed ids, equal figures give equal text.
        with matplotlib.rc_context({"svg.hashsalt": "rcx"}):
            self.savefig(buffer, format="svg", metadata={"Date": None})
        return buffer.getvalue()


def curve_figure(
    *groups: Mapping[str, Curve],
    published: bool = False,
    figure_number: Literal[3, 5] = 3,
    sweep: pd.DataFrame | None = None,
    compare: str = "compare shapes, not levels",
) -> LineFigure:
    """Show mean curves over the images, with their bootstrap intervals shaded.

    Parameters
    ----------
    *groups : mapping of str to Curve
        The curves of each panel, by method. The curves of a panel have the same direction and
        measure.
    published : bool
        Whether the published curves are added, dashed. If they are of other images and another
        network, only the shapes of the curves can be compared, not their levels.
    figure_number : {3, 5}
        The report's figure that this one resembles. Figure 3 compares methods; Figure 5 compares
        networks by normalised curves.
    sweep : DataFrame, optional
        Rows of `rcx.evaluate.sweep_rows`, or of a study's table of explanations, of at least two
        images. A last panel then shows distortion, by one draw as published, and non-sparsity over
        lambda, as the right part of the report's Figure 3 does.
    compare : str
        What the legend says about the published curves.

    Returns
    -------
    LineFigure

    Raises
    ------
    ValueError
        If there is no panel, or a panel without curves.
    """
    if not groups or not all(groups):
        raise ValueError("a figure needs at least one curve in every panel")
    with style():
        count = len(groups) + (sweep is not None)
        figure = LineFigure(figsize=(4.4 * count if count < 3 else 11.6, 3.5))
        panels = list(figure.subplots(1, count, squeeze=False)[0])
        names = list(dict.fromkeys(name for curves in groups for name in curves))
        handles = [Line2D([], [], color=_colour(name, names), label=name) for name in names]
        if sweep is not None:
            _draw_sweep(panels.pop(), sweep_table(sweep), names, published)
            handles.append(Line2D([], [], color=INK, ls=":", marker="x", label="non-sparsity"))
        for axes, curves in zip(panels, groups, strict=True):
            _draw_curves(axes, curves, published, figure_number)
        if published:
            networks = _NETWORKS[figure_number]
            label = f"published: ImageNet, {networks} ({compare})"
            handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=1, label=label))
        figure.legend(handles=handles, loc="outside lower center", ncols=3 if published else 4)
    return figure


def _draw_curves(
    axes: Axes, curves: Mapping[str, Curve], published: bool, figure_number: Literal[3, 5]
) -> None:
    first = next(iter(curves.values()))
    series = published_curves(_FIGURES[figure_number][first.direction]).groupby("series")
    for name, curve in curves.items():
        colour, percent = _colour(name, list(curves)), curve.percent.numpy()
        axes.plot(percent, curve.distortion.mean(0), color=colour)
        if len(curve) > 1:
            interval = mean_interval(curve.distortion)
            axes.fill_between(
                percent, interval.low, interval.high, color=colour, alpha=0.18, linewidth=0
            )
        if published and curve.measure == "l2" and PUBLISHED_SERIES.get(name) in series.groups:
            points = series.get_group(PUBLISHED_SERIES[name])
            axes.plot(points["x"], points["y"], color=colour, linestyle="--", linewidth=1)
    measure = _MEASURE_LABELS.get(first.measure, first.measure)
    axes.set(
        title=_TITLES[first.direction],
        xlabel=_LABELS[first.direction],
        ylabel=_NORMALISED if figure_number == 5 else measure,
        xlim=(0, 100),
    )
    axes.set_ylim(bottom=0)


def _draw_sweep(axes: Axes, table: pd.DataFrame, names: list[str], published: bool) -> None:
    """Draw distortion by one draw, and non-sparsity, over lambda, in the order of the names."""
    known = table.index.get_level_values("series")
    for name in (name for name in names if name in known):
        part, colour = table.loc[name], _colour(name, names)
        for column, line, marker in (("l2_one_draw", "-", "o"), ("nonsparsity", ":", "x")):
            means, low, high = zip(*part[column], strict=True)
            axes.plot(part.index, means, color=colour, linestyle=line, marker=marker, ms=4)
            axes.fill_between(part.index, low, high, color=colour, alpha=0.18, linewidth=0)
        if published:
            for quantity in ("distortion", "nonsparsity"):
                _draw_published_sweep(axes, name, quantity, colour)
    lambdas = table.index.get_level_values("lambda_k").unique()
    axes.set_xscale("log", base=2)
    axes.set(
        title="Over lambda",
        xlabel="lambda_k",
        xticks=lambdas,
        xticklabels=[f"{value:g}" for value in lambdas],
        ylabel="distortion, non-sparsity",
        ylim=(0, None),
    )


def _draw_published_sweep(axes: Axes, name: str, quantity: str, colour: str) -> None:
    """Draw the published means of a series, if there are any."""
    table = published_curves("fig3-right")
    points = table[table["series"] == f"{PUBLISHED_SERIES.get(name)}-{quantity}"]
    if len(points):
        axes.plot(points["x"], points["y"], color=colour, linestyle="--", linewidth=1)


def _colour(name: str, names: list[str]) -> str:
    others = [other for other in names if other not in _COLOURS]
    return _COLOURS.get(name) or _OTHER_COLOURS[others.index(name) % len(_OTHER_COLOURS)]


def shown(
    table: pd.DataFrame, missing: str | None = None, *, digits: int | None = None
) -> pd.DataFrame:
    """Write the numbers and intervals of a table as a reader wants them.

    Parameters
    ----------
    table : DataFrame
        Numbers, `rcx.evaluate.Interval` and text.
    missing : str, optional
        Text for a cell that has no value. By default, the cell stays as it is.
    digits : int, optional
        Decimal places of every number. By default, intervals have three, and other numbers two
        significant digits.

    Returns
    -------
    DataFrame
        The same table with text in place of numbers.
    """
    if missing is not None:
        table = table.astype(object).where(table.notna(), missing)
    return table.map(lambda value: _written(value, digits))


def _written(value: object, digits: int | None) -> object:
    if isinstance(value, Interval):
        places = 3 if digits is None else digits
        return "not known" if math.isnan(value.mean) else f"{value:.{places}f}"
    if isinstance(value, float):
        if digits is not None:
            return f"{value:.{digits}f}"
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"
    return value


def beside_published(measured: Interval, published: float) -> str:
    """Say a measured mean, and whether its interval has the published number in it.

    Returns
    -------
    str
        Such as ``"0.293 [0.261, 0.330] (published: 0.248, outside the interval)"``.
    """
    inside = measured.low <= published <= measured.high
    where = "inside" if inside else "outside"
    return f"{measured:.3f} (published: {published:.3f}, {where} the interval)"


def lowest_areas(curves: Mapping[str, Curve], count: int = 3) -> str:
    """Name the curves with the lowest mean areas, from the lowest on, as part of a sentence.

    Parameters
    ----------
    curves : mapping of str to Curve
        Curves by name.
    count : int
        Number of curves that are named.

    Returns
    -------
    str
        Such as ``"CartoonX 0.123, random pixels 0.234"``.
    """
    areas = pd.Series({name: float(curve.areas.mean()) for name, curve in curves.items()})
    return ", ".join(f"{name} {area:.3f}" for name, area in areas.nsmallest(count).items())
