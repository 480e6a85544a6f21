"""The gradient start against derivatives that are known, and ranks by sorting."""

import pytest
import torch
from explainers import Method, every_method
from helpers import smooth_images, tiny_cnn
from torch import Tensor, nn

import rcx
from rcx.classifiers.answers import Meaning
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.shearlets import Shearlets
from rcx.representations.wavelets import Wavelets
from rcx.solver.objective import Objective
from rcx.starts.gradient import coefficient_gradients, gradient_ranks


class Weighted(nn.Module):
    """Two scores: weighted sums of the pixels, so that all derivatives are known."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("nchw,kchw->nk", images, self.weights)


def weighted(representation: Representation, meaning: Meaning) -> tuple[Objective, Tensor]:
    weights = torch.randn(2, 3, *representation.size, generator=torch.Generator().manual_seed(0))
    images = smooth_images(2, representation.size)
    model = Weighted(weights)
    with torch.no_grad():
        logits = model(images)
    objective = Objective(
        model, representation, images, logits, torch.tensor([0, 1]), measure="l2", meaning=meaning
    )
    return objective, weights


@pytest.mark.parametrize(
    "representation",
    [Pixels((8, 9)), Wavelets((16, 18), "db3", 1), Shearlets((8, 9), (0,))],
    ids=repr,
)
def test_derivatives_are_the_adjoint_of_the_synthesis(representation: Representation) -> None:
    objective, weights = weighted(representation, Meaning("score", None))
    patterns = representation.synthesise(torch.eye(representation.length))
    expected = torch.einsum("nchw,khw->nck", weights, patterns)
    torch.testing.assert_close(coefficient_gradients(objective), expected, atol=1e-4, rtol=1e-4)


def test_the_logarithm_of_the_probability_is_differentiated() -> None:
    objective, weights = weighted(Pixels((8, 9)), Meaning("softmax", None))
    other = 1 - objective.probability  # d log p_0 = (1 - p_0) (w_0 - w_1) for two classes
    difference = (weights - weights.flip(0)).flatten(2)
    expected = other[:, None, None] * difference
    torch.testing.assert_close(coefficient_gradients(objective), expected, atol=1e-5, rtol=1e-4)


@every_method
def test_each_band_has_equal_steps_from_0_to_1(method: Method) -> None:
    explainer = method(tiny_cnn(), start="gradient", solver=rcx.SolverSettings(steps=0))
    images = smooth_images(2)
    mask = explainer.explain(images).mask
    for band in explainer.representation(images.shape[-2:]).bands:
        entries = mask[:, band.positions].sort(1).values
        steps = torch.linspace(0, 1, entries.shape[1]).expand_as(entries)
        torch.testing.assert_close(entries, steps)


def test_the_largest_derivative_comes_first() -> None:
    objective, weights = weighted(Pixels((8, 9)), Meaning("score", None))
    ranks = gradient_ranks(objective)
    sizes = weights.flatten(2).abs().amax(1)
    assert torch.equal(ranks.argsort(1), sizes.argsort(1))
