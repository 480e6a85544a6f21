"""Representations, which turn images into coefficients and back: the plugs of the method.

The room knows nothing of masks, noise and classifiers.
"""

from rcx.representations.pixels import Pixels
from rcx.representations.representation import Band, LocalisedRepresentation, Representation
from rcx.representations.shearlet_filters import ShearletSystem
from rcx.representations.shearlets import Shearlets
from rcx.representations.wavelets import Wavelets, deepest_level

__all__ = [
    "Band",
    "LocalisedRepresentation",
    "Pixels",
    "Representation",
    "ShearletSystem",
    "Shearlets",
    "Wavelets",
    "deepest_level",
]
