"""The report: figures, tables, widgets and verdicts of the chapters, and the book around them.

It must not run a model except by calling the other rooms.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rcx.report.book.parameters import numbers_of
    from rcx.report.claim_results import claim_result, condition_table, curve_tests
    from rcx.report.curve_figures import beside_published, curve_figure, lowest_areas, shown
    from rcx.report.frames import MaskFrames, explanation_frames, method_frames
    from rcx.report.gallery import Gallery, GalleryEntry, gallery_entries
    from rcx.report.relatives import rank_agreement, score_rows, score_table, score_tests
    from rcx.report.results import ConditionResult, Result, read_runs, with_profile
    from rcx.report.sliders import scrubber
    from rcx.report.start_figures import starts_figure
    from rcx.report.statements import (
        point_table,
        points_side_by_side,
        statement_page,
        statement_table,
    )
    from rcx.report.status import chapter_table, hash_table, machine_table
    from rcx.report.unsaid import (
        MaskJudge,
        normalisation_table,
        photo_explanation_table,
        photo_normalisation_table,
    )
    from rcx.report.verdicts import (
        chapters_without_result,
        other_results,
        verdict_cards,
        verdict_figure,
        verdict_picture,
        verdict_table,
    )
    from rcx.report.wavelet_figures import pyramid_figure
    from rcx.report.widgets import Frame, frame_slider

# Imported when first used, because Sphinx and papermill import this package for each chapter, and
# need not wait for torch.
_MODULES = {
    "ConditionResult": "results",
    "Frame": "widgets",
    "Gallery": "gallery",
    "GalleryEntry": "gallery",
    "MaskFrames": "frames",
    "MaskJudge": "unsaid",
    "Result": "results",
    "beside_published": "curve_figures",
    "chapter_table": "status",
    "chapters_without_result": "verdicts",
    "claim_result": "claim_results",
    "condition_table": "claim_results",
    "curve_figure": "curve_figures",
    "curve_tests": "claim_results",
    "explanation_frames": "frames",
    "frame_slider": "widgets",
    "gallery_entries": "gallery",
    "hash_table": "status",
    "lowest_areas": "curve_figures",
    "machine_table": "status",
    "method_frames": "frames",
    "normalisation_table": "unsaid",
    "numbers_of": "book.parameters",
    "other_results": "verdicts",
    "photo_explanation_table": "unsaid",
    "photo_normalisation_table": "unsaid",
    "point_table": "statements",
    "points_side_by_side": "statements",
    "pyramid_figure": "wavelet_figures",
    "rank_agreement": "relatives",
    "read_runs": "results",
    "score_rows": "relatives",
    "score_table": "relatives",
    "score_tests": "relatives",
    "scrubber": "sliders",
    "shown": "curve_figures",
    "starts_figure": "start_figures",
    "statement_page": "statements",
    "statement_table": "statements",
    "verdict_cards": "verdicts",
    "verdict_figure": "verdicts",
    "verdict_picture": "verdicts",
    "verdict_table": "verdicts",
    "with_profile": "results",
}

__all__ = [
    "ConditionResult",
    "Frame",
    "Gallery",
    "GalleryEntry",
    "MaskFrames",
    "MaskJudge",
    "Result",
    "beside_published",
    "chapter_table",
    "chapters_without_result",
    "claim_result",
    "condition_table",
    "curve_figure",
    "curve_tests",
    "explanation_frames",
    "frame_slider",
    "gallery_entries",
    "hash_table",
    "lowest_areas",
    "machine_table",
    "method_frames",
    "normalisation_table",
    "numbers_of",
    "other_results",
    "photo_explanation_table",
    "photo_normalisation_table",
    "point_table",
    "points_side_by_side",
    "pyramid_figure",
    "rank_agreement",
    "read_runs",
    "score_rows",
    "score_table",
    "score_tests",
    "scrubber",
    "shown",
    "starts_figure",
    "statement_page",
    "statement_table",
    "verdict_cards",
    "verdict_figure",
    "verdict_picture",
    "verdict_table",
    "with_profile",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'rcx.report' has no attribute {name!r}")
    return getattr(import_module(f"rcx.report.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
