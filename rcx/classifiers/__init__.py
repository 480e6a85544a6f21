"""Classifiers with their preprocessing inside, by name or around a network of one's own.

It knows nothing of masks and explanations.
"""

from rcx.classifiers.classifier import Classifier, ClassifierError, checked_logits, inference_copy
from rcx.classifiers.devices import chosen_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.profiles import VISION_TRANSFORMERS, Profile, ProfileName, load_profile
from rcx.classifiers.sizes import image_size
from rcx.classifiers.targets import class_index
from rcx.classifiers.weights import WeightsError, WeightsUnavailableError

__all__ = [
    "VISION_TRANSFORMERS",
    "Classifier",
    "ClassifierError",
    "Profile",
    "ProfileName",
    "WeightsError",
    "WeightsUnavailableError",
    "checked_logits",
    "chosen_device",
    "class_index",
    "image_size",
    "inference_copy",
    "load_classifier",
    "load_profile",
]
