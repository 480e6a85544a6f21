"""The methods, CartoonX, Pixel RDE and relatives: images go in, an explanation comes out.

It knows nothing of how explanations are evaluated, stored in studies or reported.
"""

from rcx.explain.attribution import kept_image
from rcx.explain.cartoonx import CartoonX
from rcx.explain.empty import EmptyExplanationWarning, reason_for_emptiness
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import BLACK, Explanation
from rcx.explain.figures import explanation_figure, history_figure
from rcx.explain.many import UnexplainedImage, explain_all
from rcx.explain.methods import METHODS, method_named
from rcx.explain.pixel_rde import PixelRDE
from rcx.explain.quantus import explain_func
from rcx.explain.shearletx import ShearletX
from rcx.explain.waveletx import WaveletX

__all__ = [
    "BLACK",
    "METHODS",
    "CartoonX",
    "EmptyExplanationWarning",
    "Explainer",
    "Explanation",
    "PixelRDE",
    "ShearletX",
    "UnexplainedImage",
    "WaveletX",
    "explain_all",
    "explain_func",
    "explanation_figure",
    "history_figure",
    "kept_image",
    "method_named",
    "reason_for_emptiness",
]
