"""Images as coefficients and back: the plugs of the one method.

It knows nothing of masks, noise or classifiers.
"""

from rcx.representations.pixels import Pixels
from rcx.representations.representation import Band, Representation
from rcx.representations.wavelets import Wavelets, deepest_level

__all__ = [
    "Band",
    "Pixels",
    "Representation",
    "Wavelets",
    "deepest_level",
]
