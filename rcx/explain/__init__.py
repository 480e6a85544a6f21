"""CartoonX and Pixel RDE: images and a classifier go in, an explanation comes out.

It knows nothing of how explanations are evaluated, stored in studies or reported.
"""

from rcx.explain.cartoonx import CartoonX
from rcx.explain.empty import EmptyExplanationWarning, reason_for_emptiness
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import BLACK, Explanation
from rcx.explain.figures import explanation_figure, history_figure
from rcx.explain.many import UnexplainedImage, explain_all
from rcx.explain.pixel_rde import PixelRDE
from rcx.explain.quantus import Method, explain_func

__all__ = [
    "BLACK",
    "CartoonX",
    "EmptyExplanationWarning",
    "Explainer",
    "Explanation",
    "Method",
    "PixelRDE",
    "UnexplainedImage",
    "explain_all",
    "explain_func",
    "explanation_figure",
    "history_figure",
    "reason_for_emptiness",
]
