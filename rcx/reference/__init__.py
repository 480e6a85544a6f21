"""Numbers that come with the package: what the papers printed, and what was measured with it.

It knows how to read them, and not how they are made.
"""

from rcx.reference.measured import StartTrials, published_code, solver_trials, start_trials
from rcx.reference.photographs import (
    CONDITIONS,
    INPUTS,
    photo_curves,
    photo_networks,
    photo_provenance,
    photo_rows,
)
from rcx.reference.published import (
    GPU_HOURS,
    GPU_SECONDS,
    PUBLISHED_SERIES,
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
    "StartTrials",
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
    "solver_trials",
    "start_trials",
]
