"""The report: figures, tables, widgets and verdicts of the chapters, and the book around them.

It runs a model only by calling the rooms below.
"""

from rcx.report.curve_figures import curve_figure, lowest_areas, shown, sweep_figure
from rcx.report.frames import MaskFrames, explanation_frames, method_frames
from rcx.report.gallery import Gallery, GalleryEntry, gallery_entries
from rcx.report.results import Result, read_runs, with_profile
from rcx.report.scrubber import scrubber
from rcx.report.start_figures import starts_figure
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
    verdict_table,
)
from rcx.report.wavelet_figures import pyramid_figure
from rcx.report.widgets import Frame, frame_slider

__all__ = [
    "Frame",
    "Gallery",
    "GalleryEntry",
    "MaskFrames",
    "MaskJudge",
    "Result",
    "chapter_table",
    "chapters_without_result",
    "curve_figure",
    "explanation_frames",
    "frame_slider",
    "gallery_entries",
    "hash_table",
    "lowest_areas",
    "machine_table",
    "method_frames",
    "normalisation_table",
    "other_results",
    "photo_explanation_table",
    "photo_normalisation_table",
    "pyramid_figure",
    "read_runs",
    "scrubber",
    "shown",
    "starts_figure",
    "sweep_figure",
    "verdict_cards",
    "verdict_table",
    "with_profile",
]
