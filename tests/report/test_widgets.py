"""Frames and widgets: what they show is what was computed, and they stay small."""

import base64
import io

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

import rcx
from rcx.images.encoding import data_uri
from rcx.images.scenes import draw_scenes
from rcx.report.frames import MaskFrames, explanation_frames, method_frames
from rcx.report.widgets import Frame, frame_slider
from rcx.solver.settings import SolverSettings

FEW = SolverSettings(steps=12, samples=2)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return draw_scenes(1, seed=3).images[0]


@pytest.fixture(scope="module")
def explainer() -> rcx.CartoonX:
    return rcx.CartoonX("sample/cnn", solver=FEW, device="cpu")


def decoded(uri: str) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"))


def test_dots_are_png_and_noise_is_webp() -> None:
    dots, noise = np.indices((64, 64)).sum(0) % 2, np.random.default_rng(0).random((3, 64, 64))
    assert data_uri(dots).startswith("data:image/png")
    assert data_uri(noise).startswith("data:image/webp")


def test_a_picture_survives_its_encoding() -> None:
    ramp = np.linspace(0, 1, 64)[None, :].repeat(32, 0)
    pixels = decoded(data_uri(ramp))
    assert pixels.shape == (32, 64, 3)
    assert abs(pixels[..., 0] / 255 - ramp).max() < 0.05
    assert decoded(data_uri(ramp, side=16)).shape == (8, 16, 3)


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4), (1, 3, 4, 4)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="A picture is"):
        data_uri(np.zeros(shape))


def test_the_last_step_shows_the_mask_that_explain_finds(
    explainer: rcx.CartoonX, image: torch.Tensor
) -> None:
    frames = MaskFrames(explainer, image).of_steps(6)
    assert [frames[0].label, frames[-1].label] == ["step 0", "step 12"]
    assert frames[0].numbers["non-sparsity"] == "1.0000"
    explanation = explainer.explain(image[None])
    assert frames[-1].numbers["non-sparsity"] == f"{float(explanation.nonsparsity):.4f}"
    (picture,) = frames[-1].pictures.values()
    assert torch.allclose(torch.as_tensor(picture), explanation.picture[0], atol=1e-4)


def test_keeping_everything_leaves_no_distortion(
    explainer: rcx.CartoonX, image: torch.Tensor
) -> None:
    judge = MaskFrames(explainer, image)
    relevance = torch.rand(judge.representation.length)
    nothing, everything = judge.of_shares(relevance, [0, 100])
    assert everything.numbers["distortion"] == "0.0000"
    assert not everything.lost
    assert nothing.numbers["non-sparsity"] == "0.0000"


def test_methods_and_rollout_are_frames_of_one_image(image: torch.Tensor) -> None:
    methods = [rcx.CartoonX("sample/vit", solver=FEW), rcx.PixelRDE("sample/vit", solver=FEW)]
    explanations = [method.explain(image[None]) for method in methods]
    frames = method_frames(methods, explanations, image, {"rollout": torch.rand(image.shape[-2:])})
    assert [frame.label for frame in frames] == ["CartoonX", "Pixel RDE", "rollout"]
    assert float(frames[2].numbers["non-sparsity"]) == pytest.approx(
        float(explanations[1].nonsparsity), abs=1e-4
    )
    single = explanation_frames(methods[0], [explanations[0]], ["lambda 20"])
    assert single[0].numbers == frames[0].numbers


def test_sixty_frames_are_small() -> None:
    draw = np.random.default_rng(0)
    coarse = draw.random((60, 16, 16)).repeat(16, 1).repeat(16, 2)
    frames = [Frame(str(k), {"cartoon": pixels}, {"a": "1"}) for k, pixels in enumerate(coarse)]
    views = [frame.view().value for frame in frames]
    assert sum(map(len, views)) < 1_000_000
    assert "alt='cartoon'" in views[0]


def test_rows_of_other_frames_are_refused() -> None:
    one, two = (Frame(label, {"a": np.zeros((2, 2))}, {}) for label in "ab")
    with pytest.raises(ValueError, match="same labels"):
        frame_slider({"x": (np.zeros((2, 2)), [one]), "y": (np.zeros((2, 2)), [two])}, "k")
    with pytest.raises(ValueError, match="needs frames"):
        frame_slider({}, "k")


def test_a_view_escapes_what_it_is_given() -> None:
    view = Frame("a", {"<b>'\"": np.zeros((2, 2))}, {"predicted": "<script>"}).view()
    assert "<script>" not in view.value
    assert "<b>'" not in view.value
