"""Studies: a grid of explanations and curves, kept in a store, resumed where it was stopped.

It knows nothing of the command line and of the report.
"""

from rcx.study.computation import TaskOutcome
from rcx.study.plan import Plan, Study
from rcx.study.run import StudyReport, run_study
from rcx.study.settings import SettingsError, StudySettings, read_settings, shipped_settings
from rcx.study.store import Store, StoreError
from rcx.study.variants import Hardware

__all__ = [
    "Hardware",
    "Plan",
    "SettingsError",
    "Store",
    "StoreError",
    "Study",
    "StudyReport",
    "StudySettings",
    "TaskOutcome",
    "read_settings",
    "run_study",
    "shipped_settings",
]
