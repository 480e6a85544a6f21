"""Empty explanations and their warning, what a notebook shows, and the public signatures."""

import base64
import inspect
import re
import warnings

import pytest
import torch
from helpers import smooth_images, tiny_cnn
from torch import nn

import rcx
from rcx.explain.empty import EmptyExplanationWarning, reason_for_emptiness

SOLVER = rcx.SolverSettings(steps=120, samples=4)


def unsure() -> nn.Module:
    """A network whose most probable class is hardly more probable than by chance."""
    return tiny_cnn(gain=0.6)


def explained(distortion: rcx.solver.DistortionMeasure, lambda_k: float) -> rcx.Explanation:
    explainer = rcx.CartoonX(
        rcx.load_classifier(unsure(), class_names=["ant", "bee", "cat", "dog", "elk"]),
        lambda_k,
        levels=2,
        distortion=distortion,
        solver=SOLVER,
    )
    return explainer.explain(smooth_images(2))


def test_under_the_published_measure_explanations_of_unsure_images_are_empty() -> None:
    with pytest.warns(EmptyExplanationWarning, match="image 0.* is empty: at lambda_k = 20"):
        explanation = explained("probability", 20)
    assert explanation.empty.all()
    assert explanation.picture.amax() < 0.15
    reason = reason_for_emptiness(explanation[0])
    assert "costs more than losing it" in reason
    assert "the relative distortion" in reason
    assert explanation.class_names[int(explanation.target[0])] in reason


def test_under_the_relative_measure_the_same_images_have_explanations() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation = explained("relative", 1)
    assert not explanation.empty.any()
    assert explanation.nonsparsity.gt(0).all()


def test_a_class_that_needs_no_image_has_an_empty_explanation() -> None:
    class Constant(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.sum((1, 2, 3))[:, None] * 0 + torch.tensor([2.0, 0.0])

    with pytest.warns(EmptyExplanationWarning, match="even where all of the image is noise"):
        explanation = rcx.CartoonX(Constant(), levels=2, solver=SOLVER).explain(smooth_images(1))
    assert explanation.empty.all() and explanation.label_kept.all()


# --- in a notebook


def text_and_picture(html: str) -> tuple[str, bytes]:
    """Alternative text and content of an HTML image."""
    match = re.fullmatch(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)".*', html, re.S)
    assert match
    return match[2], base64.b64decode(match[1])


def test_an_explanation_shows_itself_with_a_description() -> None:
    explainer = rcx.CartoonX(tiny_cnn(), 1, levels=2, solver=rcx.SolverSettings(steps=3))
    explanation = explainer.explain(smooth_images(2))
    text, picture = text_and_picture(explanation._repr_html_())
    assert picture.startswith(b"\x89PNG")
    assert "4 pictures" in text and "CartoonX" in text and "probability" in text


def test_a_notebook_shows_the_beginning_of_a_large_batch() -> None:
    explainer = rcx.PixelRDE(tiny_cnn(), 1, solver=rcx.SolverSettings(steps=1))
    explanation = explainer.explain(smooth_images(10))
    assert explanation._repr_html_().endswith("<p>and 2 more images</p>")
    assert explanation[:9]._repr_html_().endswith("<p>and 1 more image</p>")
    assert "more image" not in explanation[:8]._repr_html_()


def test_an_explanation_holds_its_images_in_eight_bits_and_its_class_names() -> None:
    images = smooth_images(2)
    classifier = rcx.load_classifier(tiny_cnn(), class_names=["ant", "bee", "cat", "dog", "elk"])
    explainer = rcx.CartoonX(classifier, 1, levels=2, solver=rcx.SolverSettings(steps=1))
    explanation = explainer.explain(images)
    assert (explanation.images / 255 - images).abs().max() <= 0.5 / 255 + 1e-6
    for index in (*explanation.target.tolist(), *explanation.predicted_after.tolist()):
        assert explanation.label(index) == classifier.label(index)
    assert explanation.label(99) == "class 99"


# --- signatures


@pytest.mark.parametrize("function", [rcx.CartoonX, rcx.PixelRDE, rcx.explain_func])
def test_a_signature_names_every_option(function: object) -> None:
    parameters = inspect.signature(function).parameters  # type: ignore[arg-type]
    kinds = {parameter.kind for parameter in parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    assert {
        "lambda_k",
        "distortion",
        "target_distortion",
        "start",
        "solver",
        "clamp",
        "seed",
        "device",
        "batch_size",
        "chunk",
        "evaluation_samples",
    } <= parameters.keys()
    if function is not rcx.PixelRDE:
        assert {"wavelet", "levels", "padding"} <= parameters.keys()
