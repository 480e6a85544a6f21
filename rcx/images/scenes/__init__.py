"""Drawn scenes, each with one object and its true outline, made from a seed.

The room knows nothing of the classifiers that learn from the scenes.
"""

from rcx.images.scenes.drawing import (
    SAMPLE_CLASSES,
    SAMPLE_SIZE,
    Scenes,
    draw_backgrounds,
    draw_scenes,
)

__all__ = [
    "SAMPLE_CLASSES",
    "SAMPLE_SIZE",
    "Scenes",
    "draw_backgrounds",
    "draw_scenes",
]
