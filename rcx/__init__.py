"""CartoonX: rate-distortion explanations of image classifiers in the wavelet domain."""

import os
from importlib import import_module
from typing import TYPE_CHECKING

# Threads that wait for each other spin by default for long, which on a machine that has other work
# too makes a step several times slower. It has to be said before torch is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")

if TYPE_CHECKING:
    from rcx.classifiers import Classifier, load_classifier
    from rcx.explain import (
        CartoonX,
        Explanation,
        PixelRDE,
        ShearletX,
        WaveletX,
        explain_all,
        explain_func,
    )
    from rcx.images import load_images, read_images
    from rcx.report.sliders import scrubber
    from rcx.solver import SolverSettings
    from rcx.starts import StartNetwork

# Imported when first used, so that `rcx --help` need not wait for torch.
_ROOMS = {
    "CartoonX": "explain",
    "Classifier": "classifiers",
    "Explanation": "explain",
    "PixelRDE": "explain",
    "ShearletX": "explain",
    "SolverSettings": "solver",
    "StartNetwork": "starts",
    "WaveletX": "explain",
    "explain_all": "explain",
    "explain_func": "explain",
    "load_classifier": "classifiers",
    "load_images": "images",
    "read_images": "images",
    "scrubber": "report.sliders",
}

__all__ = [
    "CartoonX",
    "Classifier",
    "Explanation",
    "PixelRDE",
    "ShearletX",
    "SolverSettings",
    "StartNetwork",
    "WaveletX",
    "explain_all",
    "explain_func",
    "load_classifier",
    "load_images",
    "read_images",
    "scrubber",
]


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module 'rcx' has no attribute {name!r}")
    return getattr(import_module(f"rcx.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
