"""The scrubber: its tabs, labels, menus and links, and when its numbers are red."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from ipywidgets import HTML, Dropdown, SelectionSlider, Stack, Tab, VBox, Widget

import rcx
from rcx.explain.waveletx import WaveletX
from rcx.images.scenes import draw_scenes
from rcx.solver.settings import SolverSettings

FEW = SolverSettings(steps=12, samples=2)
IMAGES = draw_scenes(2, seed=3).images


@pytest.fixture(scope="module")
def explainer() -> rcx.CartoonX:
    return rcx.CartoonX("sample/cnn", solver=FEW, device="cpu")


@pytest.fixture(scope="module")
def kept(explainer: rcx.CartoonX) -> VBox:
    """A slider over the share that is kept, for two images."""
    slider = rcx.scrubber(
        explainer, IMAGES, through="kept", percents=[0, 10, 100], names=["<a>", "b"]
    )
    assert isinstance(slider, VBox)
    return slider


def inside(widget: Widget, kind: type[Any]) -> list[Any]:
    """All widgets of a kind in a widget, from the outside inwards."""
    children = getattr(widget, "children", ())
    widgets = [inner for child in children for inner in inside(child, kind)]
    return [widget, *widgets] if isinstance(widget, kind) else widgets


def labels(slider: Widget) -> list[str]:
    (selection,) = inside(slider, SelectionSlider)
    return [label for label, _ in selection.options]


def views(slider: Widget) -> list[list[str]]:
    """HTML of the frames of each image."""
    stacks = [stack for stack in inside(slider, Stack) if not inside(stack, Stack)[1:]]
    return [[view.value for view in stack.children] for stack in stacks]


def test_each_kind_of_slider_has_a_tab(
    explainer: rcx.CartoonX, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rcx.PixelRDE, "default_solver", FEW)
    tab = rcx.scrubber(explainer, IMAGES[0])
    assert isinstance(tab, Tab)
    assert list(tab.titles) == ["lambda_k", "steps", "kept", "method"]
    of_lambda, of_steps, of_shares, of_methods = map(labels, tab.children)
    assert of_lambda == ["4", "10", "20", "40", "100"]
    assert (of_steps[0], of_steps[-1]) == ("step 0", "step 12")
    assert (of_shares[0], of_shares[-1]) == ("0.1 %", "100 %")
    assert of_methods == ["CartoonX", "Pixel RDE"]
    for slider, names in zip(tab.children, map(labels, tab.children), strict=True):
        assert [len(row) for row in views(slider)] == [len(names)]


def test_any_method_stands_beside_the_explainer(
    explainer: rcx.CartoonX, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaveletX, "default_solver", FEW)
    slider = rcx.scrubber(explainer, IMAGES[0], through="method", methods=["waveletx", "CartoonX"])
    assert labels(slider) == ["CartoonX", "WaveletX"]


def test_lambdas_are_sorted_and_shown_with_their_explanations(explainer: rcx.CartoonX) -> None:
    slider = rcx.scrubber(explainer, IMAGES, through="lambda_k", lambda_ks=[40, 5])
    assert labels(slider) == ["5", "40"]
    path = explainer.explain_path(IMAGES, [5, 40])
    for row, frames in enumerate(views(slider)):
        for explanation, frame in zip(path, frames, strict=True):
            assert f"<td>{float(explanation.nonsparsity[row]):.4f}</td>" in frame


def test_a_target_is_explained(explainer: rcx.CartoonX) -> None:
    slider = rcx.scrubber(explainer, IMAGES[0], target=2, through="kept", percents=[100])
    with torch.no_grad():
        probability = explainer.classifier.probabilities(IMAGES[:1])[0, 2]
    assert f"<td>{float(probability):.3f} → " in views(slider)[0][0]


def test_numbers_are_red_where_the_label_is_lost(kept: VBox) -> None:
    for nothing, _, everything in views(kept):
        assert "rcx-lost" in nothing
        assert "(explained: " in nothing
        assert "rcx-lost" not in everything
        assert "(explained: " not in everything
    (css,) = [part.value for part in inside(kept, HTML) if part.value.startswith("<style>")]
    assert ".rcx-lost" in css, "the style comes with the widget, as a notebook has no other"


def test_a_menu_chooses_the_image_and_one_slider_moves_all(kept: VBox) -> None:
    (menu,) = inside(kept, Dropdown)
    assert menu.options == ("<a>", "b")
    images = [part.value for part in inside(kept, HTML) if part.value.startswith("<figure>")]
    assert len(images) == 2
    assert "<a>" not in images[0]
    assert "alt='&lt;a&gt;'" in images[0]


def test_a_single_image_has_no_menu(explainer: rcx.CartoonX) -> None:
    slider = rcx.scrubber(explainer, IMAGES[0], through="kept", percents=[1])
    assert inside(slider, Dropdown) == []
    assert "alt='image 0'" in inside(slider, HTML)[0].value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["LIME"], "through": "method"}, "unknown method 'LIME'; one of CartoonX,"),
        ({"through": "time"}, "through must be of lambda_k, steps, kept, method, got 'time'"),
        ({"through": []}, "through must be of"),
        ({"names": ["a", "a"]}, "2 images need as many different names"),
        ({"names": ["a"]}, "2 images need as many different names"),
        ({"percents": [101]}, r"percents must lie in \[0, 100\]"),
        ({"lambda_ks": [0]}, "lambda_k must be a positive number"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_explained(
    explainer: rcx.CartoonX,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr(rcx.CartoonX, "explain", None)
    with pytest.raises(ValueError, match=message):
        rcx.scrubber(explainer, IMAGES, **options)


def test_images_outside_the_range_are_refused(explainer: rcx.CartoonX) -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        rcx.scrubber(explainer, torch.full((1, 3, 128, 128), 2.0))


def test_without_ipywidgets_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['ipywidgets'] = None; import rcx; rcx.scrubber"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "ImportError: sliders need ipywidgets: pip install 'rcx[notebook]'" in run.stderr
