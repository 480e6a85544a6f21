"""Studies: many explanations and curves, kept in a store, resumed where they were stopped.

It knows nothing of the command line, or of how results are shown.
"""

from rcx.study.outcomes import StudyFailure, StudyReport, TaskOutcome
from rcx.study.plan import Plan
from rcx.study.run import run_study
from rcx.study.settings import SettingsError, StudySettings
from rcx.study.settings_file import read_settings, shipped_settings
from rcx.study.store import Store, StoreError
from rcx.study.stored import (
    book_store,
    stored_attributions,
    stored_curves,
    stored_explanation,
    stored_path,
)
from rcx.study.study import Study
from rcx.study.variants import Hardware

__all__ = [
    "Hardware",
    "Plan",
    "SettingsError",
    "Store",
    "StoreError",
    "Study",
    "StudyFailure",
    "StudyReport",
    "StudySettings",
    "TaskOutcome",
    "book_store",
    "read_settings",
    "run_study",
    "shipped_settings",
    "stored_attributions",
    "stored_curves",
    "stored_explanation",
    "stored_path",
]
