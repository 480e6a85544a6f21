"""Drawn scenes of one object each, made from a seed, with the object's true outline.

They know nothing of the classifiers that learn from them.
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
