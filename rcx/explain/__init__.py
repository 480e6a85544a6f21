"""CartoonX and Pixel RDE: images and a classifier go in, an explanation comes out.

It knows nothing of how explanations are judged or compared.
"""

from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.figures import explanation_figure, history_figure
from rcx.explain.pixel_rde import PixelRDE
from rcx.explain.quantus import explain_func

__all__ = [
    "CartoonX",
    "Explainer",
    "Explanation",
    "PixelRDE",
    "explain_func",
    "explanation_figure",
    "history_figure",
]
