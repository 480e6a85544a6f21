"""The claims and their verdicts, as the chapters recorded them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from IPython.display import HTML

from rcx.images.descriptions import figure_description
from rcx.images.figures import FAINT, GREEN, INK, ORANGE, RED, style
from rcx.reference.claims import Claim, claims
from rcx.report.curve_figures import LineFigure
from rcx.report.results import ChapterRun, Result

_LARGEST = 100.0  # percent, where the axis of the figure ends
_COLOURS = {"supported": GREEN, "mixed": ORANGE, "not supported": RED}


def verdict_figure(runs: Mapping[str, ChapterRun]) -> LineFigure:
    """Show the claims at a glance: a row for each claim and condition, on a common axis.

    Parameters
    ----------
    runs : mapping of str to ChapterRun
        Runs of the chapters, as from `rcx.report.read_runs`.

    Returns
    -------
    LineFigure
        Each row shows the mean difference of the claim's first test with its interval, in percent
        of what is compared with; to the right of zero, it favours the claim. Colours are verdicts.
        An arrow says that an interval goes on beyond the axis.
    """
    groups = [(claim, result.conditions) for claim, result in _results(runs) if result]
    groups = [(claim, rows) for claim, rows in groups if rows]
    height = sum(len(rows) + 1.3 for _, rows in groups)
    with style():
        figure = LineFigure(figsize=(7.6, 0.8 + 0.21 * height))
        axes = figure.subplots()
        position, ticks, names = 0.0, [], []
        for claim, rows in groups:
            title = f"({claim.number}) {claim.title}"
            axes.text(0, position, title, transform=axes.get_yaxis_transform(), weight="bold")
            for row in rows:
                position += 1
                colour = _COLOURS.get(row.outcome, FAINT)
                axes.plot([row.low, row.high], [position, position], color=colour, lw=2.2)
                axes.plot(row.mean, position, "o", color=colour, ms=4.5)
                for end, sign, arrow in ((row.low, -1, "<"), (row.high, 1, ">")):
                    if sign * end > _LARGEST:  # the line goes on beyond the axis
                        axes.plot(sign * _LARGEST, position, arrow, color=colour, ms=6)
                ticks.append(position)
                names.append(f"{row.condition} ({row.images})")
            position += 1.3
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set(
            yticks=ticks,
            yticklabels=names,
            ylim=(position - 0.5, -0.8),
            xlim=(-_LARGEST * 1.03, _LARGEST * 1.03),
            xlabel="← against the claim     difference, % of what is compared with     for it →",
        )
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        for outcome, colour in _COLOURS.items():
            axes.plot([], [], "o-", color=colour, lw=2.2, label=outcome)
        figure.legend(loc="outside lower center", ncols=len(_COLOURS))
    return figure


def verdict_picture(runs: Mapping[str, ChapterRun]) -> HTML:
    """Give `verdict_figure` a form that a page other than the chapter's can show too."""
    figure = verdict_figure(runs)
    encoded = base64.b64encode(figure._repr_svg_().encode()).decode()
    text = escape(figure_description(figure), quote=True)
    return HTML(f'<img alt="{text}" src="data:image/svg+xml;base64,{encoded}">')


def verdict_table(runs: Mapping[str, ChapterRun]) -> HTML:
    """List the claims with a plain sentence each, short enough for the first page."""
    rows = ""
    for claim, result in _results(runs):
        outcome = _badge(result.outcome) if result else "not known"
        measured = escape(result.measured) if result else _reason(runs, claim)
        rows += (
            f"<tr><th scope='row'>{_link(runs, claim)} ({claim.number})</th>"
            f"<td>{outcome}</td><td>{measured}</td></tr>"
        )
    head = "<tr><th>Claim</th><th>Verdict</th><th>Measured</th></tr>"
    return HTML(
        "<div class='rcx-scroll'><table class='table rcx-verdicts'>"
        f"<thead>{head}</thead><tbody>{rows}</tbody></table></div>"
    )


def verdict_cards(runs: Mapping[str, ChapterRun]) -> HTML:
    """Show what was claimed, reported, tested and measured for each claim, and the verdict."""
    cards = ""
    for claim, result in _results(runs):
        texts = {
            "Claimed": claim.claimed,
            "The report found": claim.reported,
            "Read as": claim.read_as,
            "Measured here": result.measured if result else _reason(runs, claim),
            "What would change our mind": claim.change_of_mind,
        }
        lines = "".join(f"<dt>{key}</dt><dd>{escape(text)}</dd>" for key, text in texts.items())
        badge = _badge(result.outcome) if result else ""
        cards += (
            f"<section class='rcx-verdict' id='{claim.name}'><p><b>({claim.number}) "
            f"{_link(runs, claim)}</b> {badge}</p><dl>{lines}</dl></section>"
        )
    return HTML(cards)


def other_results(runs: Mapping[str, ChapterRun]) -> HTML:
    """List the results that bear on no claim."""
    cards = "".join(
        f"<section class='rcx-verdict' id='{escape(name)}'><dl>"
        + (f"<dt>The report says</dt><dd>{escape(result.reported)}</dd>" if result.reported else "")
        + f"<dt>Measured here</dt><dd>{escape(result.measured)}</dd></dl></section>"
        for run in runs.values()
        for name, result in run.results.items()
        if name not in claims()
    )
    return HTML(cards or "<p>No chapter has recorded anything.</p>")


def chapters_without_result(runs: Mapping[str, ChapterRun]) -> list[str]:
    """Name the chapters whose result about a claim is not known."""
    return list(dict.fromkeys(claim.chapter for claim, result in _results(runs) if not result))


def _results(runs: Mapping[str, ChapterRun]) -> list[tuple[Claim, Result | None]]:
    """The claims with their results, None where a chapter recorded none."""
    known = {name: result for run in runs.values() for name, result in run.results.items()}
    return [(claim, known.get(claim.name)) for claim in claims().values()]


def _reason(runs: Mapping[str, ChapterRun], claim: Claim) -> str:
    if claim.chapter not in runs:
        return f"The chapter {claim.chapter} has not been run with this profile."
    if runs[claim.chapter].failed:
        return f"The chapter {claim.chapter} failed before it came to a result."
    return f"The chapter {claim.chapter} recorded no result for this claim."


def _badge(outcome: str | None) -> str:
    kind = (outcome or "open").replace(" ", "-")
    return f"<span class='rcx-badge rcx-{kind}'>{escape(outcome or 'open')}</span>"


def _link(runs: Mapping[str, ChapterRun], claim: Claim) -> str:
    title = escape(claim.title)
    return f"<a href='{claim.chapter}.html'>{title}</a>" if claim.chapter in runs else title
