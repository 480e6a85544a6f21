"""CartoonX: rate-distortion explanations of image classifiers in the wavelet domain."""

from rcx.classifiers import Classifier, load_classifier
from rcx.explainers import CartoonX, PixelRDE
from rcx.explanation import Explanation
from rcx.images import load_images, read_images
from rcx.solver import SolverSettings

__all__ = [
    "CartoonX",
    "Classifier",
    "Explanation",
    "PixelRDE",
    "SolverSettings",
    "load_classifier",
    "load_images",
    "read_images",
]
