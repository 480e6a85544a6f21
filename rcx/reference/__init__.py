"""Numbers that come with the package: what the papers printed, and what this package measured.

It must not know how explanations and curves are computed, or how numbers are shown.
"""

from rcx.reference.claims import Claim, ClaimTest, claims
from rcx.reference.measured import StartTrials, TrialProfile, published_code, start_trials
from rcx.reference.photographs import (
    CONDITIONS,
    INPUTS,
    MeasuredStudy,
    MeasuredTable,
    photo_curves,
    photo_networks,
    photo_provenance,
    photo_rows,
)
from rcx.reference.published import (
    GPU_HOURS,
    GPU_SECONDS,
    PUBLISHED_SERIES,
    PublishedFigure,
    published_curves,
    published_facts,
    published_points,
    published_predictions,
    published_sparsity,
)

__all__ = [
    "CONDITIONS",
    "GPU_HOURS",
    "GPU_SECONDS",
    "INPUTS",
    "PUBLISHED_SERIES",
    "Claim",
    "ClaimTest",
    "MeasuredStudy",
    "MeasuredTable",
    "PublishedFigure",
    "StartTrials",
    "TrialProfile",
    "claims",
    "photo_curves",
    "photo_networks",
    "photo_provenance",
    "photo_rows",
    "published_code",
    "published_curves",
    "published_facts",
    "published_points",
    "published_predictions",
    "published_sparsity",
    "start_trials",
]
