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
    from rcx.explainers import CartoonX, PixelRDE
    from rcx.explanation import Explanation
    from rcx.images import load_images, read_images
    from rcx.interfaces import explain_func
    from rcx.solver import SolverSettings
    from rcx.start_network import StartNetwork

# Imported when first used, so that `rcx --help` need not wait for torch.
_MODULES = {
    "CartoonX": "explainers",
    "Classifier": "classifiers",
    "Explanation": "explanation",
    "PixelRDE": "explainers",
    "SolverSettings": "solver",
    "StartNetwork": "start_network",
    "explain_func": "interfaces",
    "load_classifier": "classifiers",
    "load_images": "images",
    "read_images": "images",
}

__all__ = [
    "CartoonX",
    "Classifier",
    "Explanation",
    "PixelRDE",
    "SolverSettings",
    "StartNetwork",
    "explain_func",
    "load_classifier",
    "load_images",
    "read_images",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'rcx' has no attribute {name!r}")
    return getattr(import_module(f"rcx.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
