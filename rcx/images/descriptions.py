"""Descriptions of figures in words, for readers who cannot see them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def figure_description(figure: Figure) -> str:
    """Describe a figure by the titles, captions, axes and lines that are drawn on it."""
    pictures = [axes for axes in figure.axes if axes.images]
    charts = [axes for axes in figure.axes if axes.lines and not axes.images]
    parts = []
    if pictures:
        names = [name for axes in pictures if (name := _words(_title(axes), axes.get_xlabel()))]
        count = "A picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        parts.append(f"{count}: {'; '.join(names)}" if names else count)
    parts += [_chart(axes) for axes in charts]
    return ". ".join(parts) or "A figure"


def _chart(axes: Axes) -> str:
    """Describe a chart by its title, its axes' labels and the names of its lines."""
    legend = axes.get_legend()
    # matplotlib's own names for lines begin with an underscore
    names = [str(line.get_label()) for line in axes.lines]
    names = [name for name in dict.fromkeys(names) if not name.startswith("_")]
    names = names or [text.get_text() for text in (legend.get_texts() if legend else ())]
    if not names and axes.figure is not None:
        figure = axes.get_figure()
        legends = getattr(figure, "legends", [])
        names = [text.get_text() for legend in legends for text in legend.get_texts()]
    against = " against ".join(filter(None, (axes.get_ylabel(), axes.get_xlabel())))
    lines = f"lines: {', '.join(names)}" if names else ""
    return "Chart " + _words(_title(axes), against, lines)


def _title(axes: Axes) -> str:
    return next(filter(None, (axes.get_title(loc=side) for side in ("left", "center"))), "")


def _words(*texts: str) -> str:
    return ", ".join(" ".join(text.split()) for text in texts if text.strip())
