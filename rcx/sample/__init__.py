"""The embedded sample: scenes drawn from a seed, and two small classifiers trained on them."""

from rcx.sample.models import SAMPLE_MEAN, SAMPLE_STD, sample_model
from rcx.sample.scenes import SAMPLE_CLASSES, SAMPLE_SIZE, Scenes, draw_scenes

__all__ = [
    "SAMPLE_CLASSES",
    "SAMPLE_MEAN",
    "SAMPLE_SIZE",
    "SAMPLE_STD",
    "Scenes",
    "draw_scenes",
    "sample_model",
]
