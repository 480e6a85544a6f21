"""Sliders through the explanations of one's own images, for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from ipywidgets import Tab, VBox
from torch import Tensor

from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer, Target
from rcx.explain.explanation import Explanation
from rcx.explain.pixel_rde import PixelRDE
from rcx.images.checks import checked_images
from rcx.report.frames import MaskFrames, explanation_frames
from rcx.report.widgets import Frame, frame_slider

Through = Literal["lambda_k", "steps", "kept", "method"]
"""What a slider moves through: lambda, the solver's steps, the share that is kept, the methods."""

LAMBDAS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Lambdas of a slider, as multiples of the explainer's own."""

PERCENTS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Percentages of the coefficients that are kept."""

_CAPTIONS: dict[Through, str] = {
    "lambda_k": "The larger lambda, the less is kept. Red: the class is lost.",
    "steps": "The picture while the solver looks for it. Red: at this step, the class is lost.",
    "kept": "Only so many of the most relevant coefficients, kept whole. Red: the class is lost.",
    "method": "The same image, explained by wavelets and by pixels.",
}


def scrubber(
    explainer: Explainer,
    images: Tensor,
    target: Target = None,
    *,
    through: Through | Sequence[Through] = ("lambda_k", "steps", "kept", "method"),
    lambda_ks: Sequence[float] | None = None,
    percents: Sequence[float] = PERCENTS,
    names: Sequence[str] | None = None,
    width: int = 256,
) -> VBox | Tab:
    """Explain images, and move through their explanations by sliders.

    The pictures are made at once, so that the sliders move without a kernel too: in a notebook
    that was saved with its widgets, and on a page that was built of it.

    Parameters
    ----------
    explainer : CartoonX or PixelRDE
        Explains the images.
    images : Tensor
        ``(N, C, H, W)`` or ``(C, H, W)`` in [0, 1].
    target : int, sequence of int or Tensor, optional
        Classes to explain, one for all or one each; None explains the predicted classes.
    through : {"lambda_k", "steps", "kept", "method"} or a sequence of them
        What the slider moves through; several make a tab each. Each costs about one explanation
        of every image, and ``"lambda_k"`` about two.
    lambda_ks : sequence of float, optional
        Lambdas of the slider; by default a fifth of the explainer's own to five times as much.
    percents : sequence of float
        Percentages of the coefficients that are kept, in [0, 100].
    names : sequence of str, optional
        Of the images, all different; by default their numbers.
    width : int
        Of a picture, in pixels.

    Returns
    -------
    VBox or Tab
        A widget, shown as a cell's last line.

    Raises
    ------
    ImportError
        Where ipywidgets is not installed.
    TypeError, ValueError
        For images, targets or choices that do not fit.
    """
    wanted: list[Through] = [through] if isinstance(through, str) else list(through)
    if not wanted or any(one not in get_args(Through) for one in wanted):
        raise ValueError(f"through must be of {', '.join(get_args(Through))}, got {through!r}")
    images = checked_images(images).cpu()
    titles = [f"image {number}" for number in range(len(images))] if names is None else list(names)
    if len(titles) != len(images) or len(set(titles)) != len(titles):
        raise ValueError(f"{len(images)} images need as many different names")
    lambdas = sorted(lambda_ks or [factor * explainer.lambda_k for factor in LAMBDAS])
    explanation = explainer.explain(images, target)
    classes = explanation.target
    other = PixelRDE if isinstance(explainer, CartoonX) else CartoonX
    frames: dict[Through, Callable[[], list[list[Frame]]]] = {
        "lambda_k": lambda: _rows(
            [explainer] * len(lambdas),
            explainer.explain_path(images, lambdas, classes),
            [f"{lambda_k:g}" for lambda_k in lambdas],
        ),
        "steps": lambda: [
            MaskFrames(explainer, image, int(label)).of_steps()
            for image, label in zip(images, classes, strict=True)
        ],
        "kept": lambda: [
            MaskFrames(explainer, image, int(one.target)).of_shares(one.mask[0], percents)
            for image, one in zip(images, explanation, strict=True)
        ],
        "method": lambda: _methods(explainer, other(explainer.classifier), images, explanation),
    }
    sliders = []
    for one in wanted:
        pairs = zip(images, frames[one](), strict=True)
        rows = dict(zip(titles, pairs, strict=True))
        sliders.append(frame_slider(rows, one, caption=_CAPTIONS[one], width=width))
    return sliders[0] if len(sliders) == 1 else Tab(children=sliders, titles=wanted)


def _methods(
    explainer: Explainer, other: Explainer, images: Tensor, explanation: Explanation
) -> list[list[Frame]]:
    explainers = [explainer, other]
    both = [explanation, other.explain(images, explanation.target)]
    return _rows(explainers, both, [each.method for each in explainers])


def _rows(
    explainers: Sequence[Explainer], explanations: Sequence[Explanation], labels: Sequence[str]
) -> list[list[Frame]]:
    """Frames of each image, one for each of several explanations of all images."""
    return [
        [
            explanation_frames(explainer, [explanation[row]], [label])[0]
            for explainer, explanation, label in zip(explainers, explanations, labels, strict=True)
        ]
        for row in range(len(explanations[0]))
    ]
