"""Images as tensors in [0, 1]: read from files, drawn as scenes, laid out as figures.

The room knows nothing of classifiers, coefficients and explanations.
"""

from rcx.images.checks import ImageError, checked_images
from rcx.images.decoding import read_image
from rcx.images.descriptions import figure_description
from rcx.images.encoding import data_uri
from rcx.images.figures import StyledFigure, draw_picture, picture_grid, style
from rcx.images.imagenet import imagenet_class_names, imagenet_index, study_images
from rcx.images.packaged import PACKAGED_PHOTOS, PackagedPhoto
from rcx.images.reading import (
    ImageFailure,
    ImageSet,
    ImageWarning,
    find_images,
    load_images,
    read_images,
)
from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE, Scenes, draw_scenes

__all__ = [
    "PACKAGED_PHOTOS",
    "SAMPLE_CLASSES",
    "SAMPLE_SIZE",
    "ImageError",
    "ImageFailure",
    "ImageSet",
    "ImageWarning",
    "PackagedPhoto",
    "Scenes",
    "StyledFigure",
    "checked_images",
    "data_uri",
    "draw_picture",
    "draw_scenes",
    "figure_description",
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
