"""The spatial penalty: the brightness of the picture, its derivatives, and what it does."""

import pytest
import torch
from explainers import Method, every_method, penalty_of
from helpers import random_tensor, smooth_images, tiny_cnn

import rcx
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.shearlets import Shearlets
from rcx.representations.wavelets import Wavelets
from rcx.solver.spatial import spatial_penalty

REPRESENTATIONS = (Pixels((6, 7)), Wavelets((8, 9), "haar", 2), Shearlets((8, 9), (0,)))


@pytest.mark.parametrize("representation", REPRESENTATIONS, ids=repr)
def test_derivatives_are_those_of_small_changes(representation: Representation) -> None:
    grey = representation.analyse(random_tensor(2, *representation.size, dtype=torch.float64))
    mask = random_tensor(2, representation.length, dtype=torch.float64, seed=1).abs().clamp(0, 1)
    penalty, gradient = spatial_penalty(representation, grey, mask)
    change = 1e-7 * random_tensor(2, representation.length, dtype=torch.float64, seed=2)
    moved, _ = spatial_penalty(representation, grey, mask + change)
    torch.testing.assert_close(moved - penalty, (gradient * change).sum(1), atol=1e-12, rtol=1e-4)


@every_method
def test_the_penalty_is_the_mean_of_the_picture(method: Method) -> None:
    images = smooth_images(2)
    explainer = method(tiny_cnn(), spatial_penalty=3.0)
    explanation = explainer.explain(images)
    rest = explanation.loss - explanation.distortion - 2 * explanation.nonsparsity
    expected = penalty_of(explainer, images, explanation.mask)
    torch.testing.assert_close(rest, expected, atol=1e-5, rtol=1e-4)
    assert explanation.settings["spatial_penalty"] == 3


@every_method
def test_a_larger_penalty_makes_a_darker_picture(method: Method) -> None:
    images, solver = smooth_images(2), rcx.SolverSettings(steps=40, overshoot=1)
    brightness = []
    for weight in (0.001, 0.3, 10.0):
        explainer = method(tiny_cnn(), 0.01, spatial_penalty=weight, solver=solver)
        mask = explainer.explain(images, warn=False).mask
        brightness.append(float(penalty_of(explainer, images, mask).mean()) / weight)
    assert brightness[0] > brightness[1] > brightness[2]


@every_method
def test_the_history_has_the_whole_loss(method: Method) -> None:
    history = method(tiny_cnn(), spatial_penalty=3.0).explain(smooth_images(1)).history
    parts = history["distortion"] + 2 * history["nonsparsity"]
    assert bool((history["loss"] > parts + 1e-4).all())


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_weights_that_make_no_sense(weight: float) -> None:
    with pytest.raises(ValueError, match="spatial_penalty must be"):
        rcx.CartoonX(tiny_cnn(), spatial_penalty=weight)
