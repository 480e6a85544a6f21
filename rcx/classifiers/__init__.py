"""Classifiers with their preprocessing inside, loaded by name or around a network of the user.

The room knows nothing of coefficients, masks and explanations.
"""

from rcx.classifiers.answers import AnswerKind, ClassifierError, Meaning
from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.profiles import VISION_TRANSFORMERS, Profile, ProfileName, load_profile
from rcx.classifiers.sizes import image_size
from rcx.classifiers.targets import Target, class_index
from rcx.classifiers.weights import WeightsError, WeightsUnavailableError

__all__ = [
    "VISION_TRANSFORMERS",
    "AnswerKind",
    "Classifier",
    "ClassifierError",
    "Meaning",
    "Profile",
    "ProfileName",
    "Target",
    "WeightsError",
    "WeightsUnavailableError",
    "checked_logits",
    "class_index",
    "image_size",
    "inference_copy",
    "load_classifier",
    "load_profile",
    "usable_device",
]
