"""Sliders through the explanations of one's own images, for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor

from rcx.classifiers.targets import Target
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.methods import method_named
from rcx.images.checks import checked_images
from rcx.report.frames import MaskFrames, explanation_frames
from rcx.report.widgets import Frame, frame_slider, in_tabs
from rcx.solver.settings import checked_lambda

if TYPE_CHECKING:
    from ipywidgets import Tab, VBox

Through = Literal["lambda_k", "steps", "kept", "method"]
"""What a slider moves through: lambda, the solver's steps, the share that is kept, the methods."""

LAMBDA_FACTORS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Lambdas of a slider, as multiples of the explainer's own lambda."""

PERCENTS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Percentages of the coefficients that are kept."""

_CAPTIONS: dict[Through, str] = {
    "lambda_k": "The larger lambda is, the less is kept. Red: the class is lost.",
    "steps": "The picture while the solver looks for it. Red: the class is lost at this step.",
    "kept": "Only the most relevant coefficients, wholly kept. Red: the class is lost.",
    "method": "The same image, explained by different methods. Red: the class is lost.",
}


def scrubber(
    explainer: Explainer,
    images: Tensor,
    target: Target = None,
    *,
    through: Through | Sequence[Through] = ("lambda_k", "steps", "kept", "method"),
    methods: Sequence[str] = ("CartoonX", "Pixel RDE"),
    lambda_ks: Sequence[float] | None = None,
    percents: Sequence[float] = PERCENTS,
    names: Sequence[str] | None = None,
    width: int = 256,
) -> VBox | Tab:
    """Explain images, and show sliders that move through the explanations.

    All pictures are made at once. The sliders therefore move without a kernel too: in a notebook
    that was saved with its widgets, and on a web page that was made from it.

    Parameters
    ----------
    explainer : CartoonX, PixelRDE or another Explainer
        Explainer of the images.
    images : Tensor
        ``(N, C, H, W)`` or ``(C, H, W)``, float, in [0, 1].
    target : int, sequence of int or Tensor, optional
        Indices of the classes to explain: one for all images, or one for each. By default, the
        predicted classes are explained.
    through : {"lambda_k", "steps", "kept", "method"} or a sequence of them
        What a slider moves through. Several of them make one tab each. Each takes about as long as
        an explanation of every image, and ``"lambda_k"`` about twice as long.
    methods : sequence of str
        Methods that ``"method"`` compares the explainer with, by their names in
        `rcx.explain.METHODS`, each with its default lambda and solver. Those that measure the same
        distortion by default as the explainer's method measure that of the explainer.
    lambda_ks : sequence of float, optional
        Lambdas of the slider, positive. By default, there are five, from a fifth of the explainer's
        own lambda to five times as much.
    percents : sequence of float
        Percentages of the coefficients that are kept, in [0, 100].
    names : sequence of str, optional
        Different names of the N images. By default, the images are numbered.
    width : int
        Width of a picture, in pixels.

    Returns
    -------
    VBox or Tab
        A widget. A notebook shows it if it is the last line of a cell.

    Raises
    ------
    ImportError
        If ipywidgets is not installed.
    TypeError, ValueError
        If images, targets or options do not fit.
    """
    kinds: list[Through] = [through] if isinstance(through, str) else list(through)
    if not kinds or any(kind not in get_args(Through) for kind in kinds):
        raise ValueError(f"through must be of {', '.join(get_args(Through))}, got {through!r}")
    if not all(0 <= percent <= 100 for percent in percents):
        raise ValueError(f"percents must lie in [0, 100], got {list(percents)}")
    others = [method_named(name) for name in methods]
    if lambda_ks is None:
        lambda_ks = [factor * explainer.lambda_k for factor in LAMBDA_FACTORS]
    lambdas = sorted(checked_lambda(lambda_k) for lambda_k in lambda_ks)
    images = checked_images(images).cpu()
    titles = [f"image {number}" for number in range(len(images))] if names is None else list(names)
    if len(titles) != len(images) or len(set(titles)) != len(titles):
        raise ValueError(f"{len(images)} images need as many different names, got {titles}")
    explanation = explainer.explain(images, target)
    frames: dict[Through, Callable[[], list[list[Frame]]]] = {
        "lambda_k": lambda: _lambda_frames(explainer, images, explanation, lambdas),
        "steps": lambda: [
            MaskFrames(explainer, image, int(label)).of_steps()
            for image, label in zip(images, explanation.target, strict=True)
        ],
        "kept": lambda: [
            MaskFrames(explainer, image, int(row.target)).of_shares(row.mask[0], percents)
            for image, row in zip(images, explanation, strict=True)
        ],
        "method": lambda: _method_frames(explainer, images, explanation, others),
    }
    sliders: dict[str, VBox] = {}
    for kind in kinds:
        rows = dict(zip(titles, zip(images, frames[kind](), strict=True), strict=True))
        sliders[kind] = frame_slider(rows, kind, caption=_CAPTIONS[kind], width=width)
    return next(iter(sliders.values())) if len(sliders) == 1 else in_tabs(sliders)


def _lambda_frames(
    explainer: Explainer, images: Tensor, explanation: Explanation, lambdas: Sequence[float]
) -> list[list[Frame]]:
    """Make a frame of each image for each lambda."""
    path = explainer.explain_path(images, lambdas, explanation.target)
    labels = [f"{lambda_k:g}" for lambda_k in lambdas]
    return [
        explanation_frames(explainer, [explanations[row] for explanations in path], labels)
        for row in range(len(images))
    ]


def _method_frames(
    explainer: Explainer,
    images: Tensor,
    explanation: Explanation,
    methods: Sequence[type[Explainer]],
) -> list[list[Frame]]:
    """Make a frame of each image by the explainer, and one by each of the other methods."""
    frames = [
        explanation_frames(explainer, [explanation[row]], [explainer.method])
        for row in range(len(images))
    ]
    for method in methods:
        if explainer.method != method.method:
            alike = method.default_distortion == explainer.default_distortion
            other = method(
                explainer.classifier,
                distortion=explainer.distortion if alike else None,
                seed=explainer.seed,
                device=explainer.device,
            )
            explanations = other.explain(images, explanation.target)
            for row, row_frames in enumerate(frames):
                row_frames += explanation_frames(other, [explanations[row]], [other.method])
    return frames
