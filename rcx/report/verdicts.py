"""The claims and their verdicts, as the chapters recorded them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from IPython.display import HTML

from rcx.report.results import ChapterRun, Result


class _Claim(NamedTuple):
    """A claim, and the chapter that examines it.

    Attributes
    ----------
    name : str
        Name of the chapter's result about the claim.
    number, title : str
        What a reader sees of the claim.
    chapter : str
        Name of the chapter.
    """

    name: str
    number: str
    title: str
    chapter: str


CLAIMS = (
    _Claim("claim-1", "i", "The relevant part, easy to read", "01_qualitative"),
    _Claim("claim-2", "ii", "Less distortion at the same rate", "02_quantitative"),
    _Claim("claim-3", "iii", "For any classifier", "03_vit_agnosticism"),
    _Claim("runtime", "extension", "A shorter way", "04_runtime_initialization"),
)
"""The claims in the order of the book."""


def verdict_table(runs: Mapping[str, ChapterRun]) -> HTML:
    """List the claims with their verdicts in a table that is short enough for the first page."""
    rows = ""
    for claim in CLAIMS:
        result = _result(runs, claim)
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
    """Show what was claimed, reported and measured for each claim, and the verdict."""
    cards = ""
    for claim in CLAIMS:
        result = _result(runs, claim)
        if result is None:
            texts = {"Not known": _reason(runs, claim)}
        else:
            texts = {
                "Claimed": result.claimed,
                "The report found": result.reported,
                "Measured here": result.measured,
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
    claims = {claim.name for claim in CLAIMS}
    cards = "".join(
        f"<section class='rcx-verdict' id='{escape(name)}'><dl>"
        + (f"<dt>The report says</dt><dd>{escape(result.reported)}</dd>" if result.reported else "")
        + f"<dt>Measured here</dt><dd>{escape(result.measured)}</dd></dl></section>"
        for run in runs.values()
        for name, result in run.results.items()
        if name not in claims
    )
    return HTML(cards or "<p>No chapter has recorded anything.</p>")


def chapters_without_result(runs: Mapping[str, ChapterRun]) -> list[str]:
    """Name the chapters whose result about their claim is not known."""
    return [claim.chapter for claim in CLAIMS if _result(runs, claim) is None]


def _result(runs: Mapping[str, ChapterRun], claim: _Claim) -> Result | None:
    run = runs.get(claim.chapter)
    return run.results.get(claim.name) if run else None


def _reason(runs: Mapping[str, ChapterRun], claim: _Claim) -> str:
    if claim.chapter not in runs:
        return f"The chapter {claim.chapter} has not been run with this profile."
    if runs[claim.chapter].failed:
        return f"The chapter {claim.chapter} failed before it came to a result."
    return f"The chapter {claim.chapter} recorded no result for this claim."


def _badge(outcome: str | None) -> str:
    kind = (outcome or "open").replace(" ", "-")
    return f"<span class='rcx-badge rcx-{kind}'>{escape(outcome or 'open')}</span>"


def _link(runs: Mapping[str, ChapterRun], claim: _Claim) -> str:
    title = escape(claim.title)
    return f"<a href='{claim.chapter}.html'>{title}</a>" if claim.chapter in runs else title
