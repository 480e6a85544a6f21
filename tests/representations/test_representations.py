"""What every representation promises: linear transforms, their adjoints, and bands in order."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from helpers import random_tensor

from rcx.representations.pixels import Pixels
from rcx.representations.representation import LocalisedRepresentation, Representation
from rcx.representations.shearlets import Shearlets
from rcx.representations.wavelets import Wavelets

# PyWavelets warns of levels at which the boundary affects every coefficient. They are tested too.
pytestmark = pytest.mark.filterwarnings("ignore:Level value of:UserWarning")

REPRESENTATIONS = (
    Pixels((7, 10)),
    Wavelets((16, 16), "haar", 4),
    Wavelets((17, 22), "db3", 2),
    Wavelets((16, 13), "bior4.4", 1, "symmetric"),
    Wavelets((15, 16), "sym4", 2, "periodization"),
    Wavelets((101, 112), "db3", 3),
    Wavelets((104, 101), "bior4.4", 2, "periodization"),
    Shearlets((32, 37)),
    Shearlets((33, 20), (1, 2), "meyer"),
)
by_representation = pytest.mark.parametrize("representation", REPRESENTATIONS, ids=repr)


@by_representation
def test_both_directions_are_linear(representation: Representation) -> None:
    for apply, shape in (
        (representation.analyse, representation.size),
        (representation.synthesise, (representation.length,)),
    ):
        x, y = random_tensor(2, *shape, dtype=torch.float64)
        torch.testing.assert_close(
            apply(2 * x - 3 * y), 2 * apply(x) - 3 * apply(y), atol=1e-10, rtol=1e-10
        )


@by_representation
def test_the_backward_pass_is_the_adjoint(representation: Representation) -> None:
    for apply, shape in (
        (representation.analyse, representation.size),
        (representation.synthesise, (representation.length,)),
    ):
        x = random_tensor(*shape, dtype=torch.float64).requires_grad_()
        image = apply(x)
        y = random_tensor(*image.shape, dtype=torch.float64, seed=1)
        (adjoint,) = torch.autograd.grad(image, x, y)
        torch.testing.assert_close((image * y).sum(), (x * adjoint).sum())


@pytest.mark.parametrize(
    "representation",
    [
        Pixels((3, 4)),
        Wavelets((7, 6), "haar", 2),
        Wavelets((7, 6), "db3", 1),
        Shearlets((5, 6), (0,)),
    ],
    ids=repr,
)
def test_gradients_pass_gradcheck(representation: Representation) -> None:
    x = random_tensor(2, *representation.size, dtype=torch.float64).requires_grad_()
    coefficients = random_tensor(2, representation.length, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(representation.analyse, (x,))
    assert torch.autograd.gradcheck(representation.synthesise, (coefficients,))


@by_representation
def test_bands_tile_the_coefficient_axis(representation: Representation) -> None:
    bands = representation.bands
    assert bands[0].start == 0
    assert bands[-1].stop == representation.length
    assert all(band.stop == following.start for band, following in pairwise(bands))
    assert all(np.prod(band.shape) == band.stop - band.start for band in bands)
    assert len({band.name for band in bands}) == len(bands)


def test_bands_are_named_from_coarse_to_fine() -> None:
    names = [band.name for band in Wavelets(64, "db3", 3).bands]
    assert names == ["approximation 3", "detail 3", "detail 2", "detail 1"]
    assert [band.name for band in Pixels(64).bands] == ["pixels"]


def test_pixels_are_the_flattened_image() -> None:
    images = random_tensor(2, 3, 5, 7)
    pixels = Pixels((5, 7))
    assert torch.equal(pixels.analyse(images), images.reshape(2, 3, 35))
    assert torch.equal(pixels.synthesise(pixels.analyse(images)), images)


@by_representation
def test_leading_axes_are_free(representation: Representation) -> None:
    images = random_tensor(2, 2, 3, *representation.size)
    coefficients = representation.analyse(images)
    assert coefficients.shape == (2, 2, 3, representation.length)
    torch.testing.assert_close(representation.analyse(images[1, 0, 2]), coefficients[1, 0, 2])
    torch.testing.assert_close(
        representation.synthesise(coefficients)[0, 1],
        representation.synthesise(coefficients[0, 1]),
    )


@by_representation
def test_representations_fit_the_protocol(representation: Representation) -> None:
    assert isinstance(representation, Representation)
    assert isinstance(representation, LocalisedRepresentation)
    assert isinstance(representation.name, str)
    assert str(representation.size) in repr(representation)


def test_one_number_is_a_square() -> None:
    assert Wavelets(24, "haar", 2).size == Pixels(24).size == (24, 24)


@by_representation
def test_tensors_of_another_size(representation: Representation) -> None:
    height, width = representation.size
    for shape in ((3, height, width + 1), (3, width, height + 1), (width,)):
        with pytest.raises(ValueError, match="images must end in the axes"):
            representation.analyse(torch.zeros(shape))
    with pytest.raises(ValueError, match="coefficients must end in the axes"):
        representation.synthesise(torch.zeros(2, representation.length + 1))


@pytest.mark.parametrize(
    "representation",
    [
        Wavelets(24, "haar", 2),
        Wavelets((33, 28), "db3", 2),
        Pixels((5, 7)),
        Shearlets((16, 13), (0, 1)),
        Shearlets((13, 16), (1,), "meyer"),
    ],
)
def test_energy_inside_is_that_of_each_coefficient_drawn_alone(
    representation: LocalisedRepresentation,
) -> None:
    generator = torch.Generator().manual_seed(0)
    regions = (torch.rand(2, *representation.size, generator=generator) > 0.5).double()
    drawn = representation.synthesise(torch.eye(representation.length, dtype=torch.float64))
    inside = torch.einsum("khw,nhw->nk", drawn.square(), regions) / drawn.square().sum((1, 2))
    torch.testing.assert_close(representation.energy_inside(regions), inside)
