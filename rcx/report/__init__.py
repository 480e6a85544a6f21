"""The report: figures, tables, widgets and verdicts of the chapters, and the book around them.

It runs a model only by calling the rooms below.
"""

from rcx.report.curve_figures import curve_figure, lowest_areas, shown, sweep_figure
from rcx.report.frames import MaskFrames, explanation_frames, method_frames
from rcx.report.gallery import Gallery, entries_of
from rcx.report.results import Result, read_runs, with_profile
from rcx.report.start_figures import starts_figure
from rcx.report.status import chapter_table, hash_table, machine_table
from rcx.report.unsaid import MaskJudge, normalisation_table, paper_scale_table, photographs_table
from rcx.report.verdicts import found_beside, missing, verdict_cards, verdict_table
from rcx.report.wavelet_figures import pyramid_figure
from rcx.report.widgets import Frame, frame_slider

__all__ = [
    "Frame",
    "Gallery",
    "MaskFrames",
    "MaskJudge",
    "Result",
    "chapter_table",
    "curve_figure",
    "entries_of",
    "explanation_frames",
    "found_beside",
    "frame_slider",
    "hash_table",
    "lowest_areas",
    "machine_table",
    "method_frames",
    "missing",
    "normalisation_table",
    "paper_scale_table",
    "photographs_table",
    "pyramid_figure",
    "read_runs",
    "shown",
    "starts_figure",
    "sweep_figure",
    "verdict_cards",
    "verdict_table",
    "with_profile",
]
