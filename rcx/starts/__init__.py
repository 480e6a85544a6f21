"""Masks to start from: by rule, by the object in front, or predicted by a network.

It knows the solver's objective, and nothing of what the solver makes of a start.
"""

from rcx.starts.foreground import ForegroundWarning, foreground
from rcx.starts.initial import AnyStart, Start, initial_mask, uniform_level
from rcx.starts.network import StartNetwork
from rcx.starts.training import Trainer, TrainingSettings

__all__ = [
    "AnyStart",
    "ForegroundWarning",
    "Start",
    "StartNetwork",
    "Trainer",
    "TrainingSettings",
    "foreground",
    "initial_mask",
    "uniform_level",
]
