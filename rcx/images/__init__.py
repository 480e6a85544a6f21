"""Images as tensors in [0, 1]: read from files, drawn as scenes, laid out as figures.

It knows nothing of classifiers.
"""

from rcx.images.checks import checked_images
from rcx.images.encoding import data_uri
from rcx.images.figures import StyledFigure, picture_grid, style
from rcx.images.imagenet import imagenet_class_names, imagenet_index, study_images
from rcx.images.reading import (
    ImageError,
    ImageFailure,
    ImageSet,
    ImageWarning,
    find_images,
    load_images,
    read_image,
    read_images,
)
from rcx.images.scenes import SAMPLE_CLASSES, Scenes, draw_scenes

__all__ = [
    "SAMPLE_CLASSES",
    "ImageError",
    "ImageFailure",
    "ImageSet",
    "ImageWarning",
    "Scenes",
    "StyledFigure",
    "checked_images",
    "data_uri",
    "draw_scenes",
    "find_images",
    "imagenet_class_names",
    "imagenet_index",
    "load_images",
    "picture_grid",
    "read_image",
    "read_images",
    "study_images",
    "style",
]
