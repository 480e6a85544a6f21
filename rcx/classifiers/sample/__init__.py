"""Two small classifiers that come with the package, and their training on drawn scenes.

The room knows nothing of the names by which users load the classifiers.
"""

from rcx.classifiers.sample.models import SAMPLE_MEAN, SAMPLE_STD, sample_model

__all__ = [
    "SAMPLE_MEAN",
    "SAMPLE_STD",
    "sample_model",
]
