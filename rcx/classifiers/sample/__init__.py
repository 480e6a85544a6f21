"""Two small classifiers that come with the package, trained on its drawn scenes.

They know nothing of the names by which users load them.
"""

from rcx.classifiers.sample.models import SAMPLE_MEAN, SAMPLE_STD, sample_model

__all__ = [
    "SAMPLE_MEAN",
    "SAMPLE_STD",
    "sample_model",
]
