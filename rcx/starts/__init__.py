"""Starting masks: by a rule, by the object in front, or predicted by a network.

It knows the solver's objective, and nothing of what the solver makes of a start.
"""

from rcx.starts.evidence import Evidence, StartSettings
from rcx.starts.foreground import ForegroundWarning, foreground
from rcx.starts.gradient import coefficient_gradients, gradient_ranks
from rcx.starts.initial import AnyStart, Start, initial_mask, uniform_level
from rcx.starts.network import StartNetwork
from rcx.starts.training import Trainer
from rcx.starts.training_data import SolvedMasks
from rcx.starts.training_settings import TrainingSettings

__all__ = [
    "AnyStart",
    "Evidence",
    "ForegroundWarning",
    "SolvedMasks",
    "Start",
    "StartNetwork",
    "StartSettings",
    "Trainer",
    "TrainingSettings",
    "coefficient_gradients",
    "foreground",
    "gradient_ranks",
    "initial_mask",
    "uniform_level",
]
