"""The methods by name. A new method is a line here."""

from __future__ import annotations

from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.pixel_rde import PixelRDE
from rcx.explain.shearletx import ShearletX
from rcx.explain.waveletx import WaveletX

METHODS: dict[str, type[Explainer]] = {
    explainer.method: explainer for explainer in (CartoonX, PixelRDE, WaveletX, ShearletX)
}
"""Explainers by the names of their methods, such as ``"Pixel RDE"``."""


def method_named(name: str) -> type[Explainer]:
    """Find an explainer by the name of its method or of its class, in any spelling.

    Parameters
    ----------
    name : str
        Such as ``"Pixel RDE"``, ``"PixelRDE"`` or ``"pixel-rde"``.

    Raises
    ------
    ValueError
        If there is none.
    """
    names = {plain_name(method): explainer for method, explainer in METHODS.items()}
    try:
        return names[plain_name(name)]
    except KeyError:
        raise ValueError(f"unknown method {name!r}; one of {', '.join(METHODS)}") from None


def plain_name(method: str) -> str:
    """Write a method's name in small letters alone, as ``"pixelrde"``."""
    return "".join(letter for letter in method.lower() if letter.isalnum())
