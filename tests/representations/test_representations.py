"""The transforms equal PyWavelets', invert exactly and are differentiated correctly."""

from itertools import pairwise

import numpy as np
import pytest
import pywt
import torch
from helpers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rcx.representations import wavelets as wavelets_module
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets, deepest_level

WAVELETS = ("haar", "db3", "sym4", "bior4.4", "rbio2.2", "coif1", "dmey")
SIZES = ((32, 32), (33, 47), (40, 21), (104, 131))  # the last is transformed in blocks
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-9}
# PyWavelets' inverse of its discrete Meyer wavelet is approximate: the filters are cut off
INEXACT = {"dmey": 0.05}

# PyWavelets warns of levels at which every coefficient feels the boundary; here they are meant
pytestmark = pytest.mark.filterwarnings("ignore:Level value of:UserWarning")


def draw(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=dtype)


def pywavelets(images: Tensor, transform: Wavelets) -> Tensor:
    """Flatten PyWavelets' own coefficients in PyWavelets' own order."""
    pyramid = pywt.wavedec2(
        images.double().numpy(), transform.wavelet, transform.padding, transform.levels
    )
    parts = [pyramid[0], *(detail for level in pyramid[1:] for detail in level)]
    leading = images.shape[:-2]
    return torch.from_numpy(np.concatenate([p.reshape(*leading, -1) for p in parts], axis=-1))


def pywavelets_inverse(coefficients: Tensor, transform: Wavelets) -> Tensor:
    parts = [
        coefficients[..., band.positions].unflatten(-1, band.shape).double().numpy()
        for band in transform.bands
    ]
    pyramid = [parts[0], *(tuple(np.moveaxis(detail, -3, 0)) for detail in parts[1:])]
    images = pywt.waverec2(pyramid, transform.wavelet, transform.padding)
    height, width = transform.size
    return torch.from_numpy(images[..., :height, :width])


def each_depth(wavelet: str, size: tuple[int, int], padding: str = "zero") -> list[Wavelets]:
    depths = range(1, deepest_level(size, wavelet, padding) + 1)
    return [Wavelets(size, wavelet, levels, padding) for levels in depths]


# --- against PyWavelets


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_analysis_equals_pywavelets_and_synthesis_inverts_it(
    wavelet: str, size: tuple[int, int], dtype: torch.dtype
) -> None:
    size = (size[0] + 40, size[1] + 48) if wavelet == "dmey" else size  # 62 taps
    images = draw(2, 3, *size, dtype=dtype)
    transforms = each_depth(wavelet, size)
    assert transforms
    for transform in transforms:
        coefficients = transform.analyse(images)
        assert coefficients.dtype == dtype
        assert coefficients.shape == (2, 3, transform.length)
        expected = pywavelets(images, transform)
        torch.testing.assert_close(
            coefficients.double(), expected, rtol=0, atol=TOLERANCE[dtype] * transform.levels
        )
        back = transform.synthesise(coefficients)
        assert back.dtype == dtype
        theirs = pywavelets_inverse(coefficients, transform)
        atol = TOLERANCE[dtype] * transform.levels
        torch.testing.assert_close(back.double(), theirs, rtol=0, atol=atol)
        torch.testing.assert_close(back, images, rtol=0, atol=INEXACT.get(wavelet, atol))


@pytest.mark.parametrize("padding", pywt.Modes.modes)
@pytest.mark.parametrize("wavelet", ["haar", "db3", "bior2.2"])
def test_every_padding_equals_pywavelets(wavelet: str, padding: str) -> None:
    for size in ((32, 32), (19, 30), (100, 107)):
        images = draw(1, *size, dtype=torch.float64)
        for transform in each_depth(wavelet, size, padding):
            coefficients = transform.analyse(images)
            torch.testing.assert_close(coefficients, pywavelets(images, transform))
            torch.testing.assert_close(transform.synthesise(coefficients), images)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    wavelet=st.sampled_from(["haar", "db2", "db3", "sym4", "bior4.4", "rbio3.1", "coif1"]),
    padding=st.sampled_from(pywt.Modes.modes),
    data=st.data(),
)
def test_any_size_that_the_depth_allows(
    height: int, width: int, wavelet: str, padding: str, data: st.DataObject
) -> None:
    deepest = deepest_level((height, width), wavelet, padding)
    assert (deepest == 0) == (min(height, width) < pywt.Wavelet(wavelet).dec_len)
    if deepest == 0:
        with pytest.raises(ValueError, match="levels"):
            Wavelets((height, width), wavelet, 1, padding)
        return
    transform = Wavelets((height, width), wavelet, data.draw(st.integers(1, deepest)), padding)
    images = draw(2, height, width, dtype=torch.float64)
    coefficients, expected = transform.analyse(images), pywavelets(images, transform)
    # smooth padding extrapolates: deep down, coefficients reach millions, and so does rounding
    rounding = 1e-13 * float(expected.abs().max())
    torch.testing.assert_close(coefficients, expected, atol=rounding, rtol=1e-9)
    torch.testing.assert_close(transform.synthesise(coefficients), images, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_the_depth_that_pywavelets_advises_is_allowed(wavelet: str) -> None:
    filter_length = pywt.Wavelet(wavelet).dec_len
    for size in (1, 2, 7, 16, 63, 224, 256):
        assert deepest_level(size, wavelet) >= pywt.dwt_max_level(size, filter_length)


@pytest.mark.parametrize("wavelet", ["db3", "bior4.4", "coif1"])
def test_synthesis_equals_pywavelets_on_coefficients_of_no_image(wavelet: str) -> None:
    # masked coefficients lie outside the range of the analysis
    transform = Wavelets((33, 26), wavelet, 3)
    coefficients = draw(2, transform.length, dtype=torch.float64)
    theirs = pywavelets_inverse(coefficients, transform)
    torch.testing.assert_close(transform.synthesise(coefficients), theirs)


# --- against the published transform


def test_equals_the_published_transform_at_the_published_settings() -> None:
    from pytorch_wavelets import DWTForward, DWTInverse

    transform = Wavelets(256)
    assert (transform.wavelet, transform.levels, transform.padding) == ("db3", 5, "zero")
    assert transform.length == 69_831
    images = torch.rand(1, 3, 256, 256, generator=seeded(0))
    approximation, details = DWTForward(J=5, wave="db3", mode="zero")(images)
    flat = torch.cat([t.flatten(2) for t in (approximation, *reversed(details))], dim=-1)
    coefficients = transform.analyse(images)
    torch.testing.assert_close(coefficients, flat, rtol=0, atol=1e-5)

    mask = torch.rand(transform.length, generator=seeded(1))
    masked = [
        (mask * coefficients)[..., band.positions].unflatten(-1, band.shape)
        for band in transform.bands
    ]
    expected = DWTInverse(wave="db3", mode="zero")((masked[0], masked[:0:-1]))
    torch.testing.assert_close(
        transform.synthesise(mask * coefficients), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(("wavelet", "levels"), [("haar", 3), ("bior4.4", 2), ("db2", 2)])
def test_equals_the_published_transform_elsewhere(wavelet: str, levels: int) -> None:
    from pytorch_wavelets import DWTForward, DWTInverse

    transform = Wavelets((40, 36), wavelet, levels)
    images = torch.rand(2, 3, 40, 36, generator=seeded(0))
    approximation, details = DWTForward(J=levels, wave=wavelet, mode="zero")(images)
    flat = torch.cat([t.flatten(2) for t in (approximation, *reversed(details))], dim=-1)
    torch.testing.assert_close(transform.analyse(images), flat, rtol=0, atol=1e-5)
    expected = DWTInverse(wave=wavelet, mode="zero")((approximation, details))
    torch.testing.assert_close(
        transform.synthesise(flat), expected[..., :40, :36], rtol=0, atol=1e-6
    )


# --- algebra

REPRESENTATIONS = (
    Pixels((7, 10)),
    Wavelets((16, 16), "haar", 4),
    Wavelets((17, 22), "db3", 2),
    Wavelets((16, 13), "bior4.4", 1, "symmetric"),
    Wavelets((15, 16), "sym4", 2, "periodization"),
    Wavelets((101, 112), "db3", 3),
    Wavelets((104, 101), "bior4.4", 2, "periodization"),
)
by_representation = pytest.mark.parametrize("representation", REPRESENTATIONS, ids=repr)


@by_representation
def test_both_directions_are_linear(representation: Representation) -> None:
    for apply, shape in (
        (representation.analyse, representation.size),
        (representation.synthesise, (representation.length,)),
    ):
        one, other = draw(2, *shape, dtype=torch.float64)
        torch.testing.assert_close(
            apply(2 * one - 3 * other), 2 * apply(one) - 3 * apply(other), atol=1e-10, rtol=1e-10
        )


@by_representation
def test_the_backward_pass_is_the_adjoint(representation: Representation) -> None:
    for apply, shape in (
        (representation.analyse, representation.size),
        (representation.synthesise, (representation.length,)),
    ):
        x = draw(*shape, dtype=torch.float64).requires_grad_()
        image = apply(x)
        y = draw(*image.shape, dtype=torch.float64, seed=1)
        (adjoint,) = torch.autograd.grad(image, x, y)
        torch.testing.assert_close((image * y).sum(), (x * adjoint).sum())


@pytest.mark.parametrize(
    "representation",
    [Pixels((3, 4)), Wavelets((7, 6), "haar", 2), Wavelets((7, 6), "db3", 1)],
    ids=repr,
)
def test_gradients_pass_gradcheck(representation: Representation) -> None:
    x = draw(2, *representation.size, dtype=torch.float64).requires_grad_()
    coefficients = draw(2, representation.length, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(representation.analyse, (x,))
    assert torch.autograd.gradcheck(representation.synthesise, (coefficients,))


def test_orthogonal_wavelets_keep_the_norm() -> None:
    images = draw(3, 32, 32, dtype=torch.float64)
    coefficients = Wavelets(32, "db3", 2, "periodization").analyse(images)
    torch.testing.assert_close(coefficients.square().sum(-1), images.square().sum((-2, -1)))


@by_representation
def test_bands_tile_the_coefficient_axis(representation: Representation) -> None:
    bands = representation.bands
    assert bands[0].start == 0
    assert bands[-1].stop == representation.length
    assert all(one.stop == other.start for one, other in pairwise(bands))
    assert all(np.prod(band.shape) == band.stop - band.start for band in bands)
    assert len({band.name for band in bands}) == len(bands)


def test_bands_are_named_from_coarse_to_fine() -> None:
    names = [band.name for band in Wavelets(64, "db3", 3).bands]
    assert names == ["approximation 3", "detail 3", "detail 2", "detail 1"]
    assert [band.name for band in Pixels(64).bands] == ["pixels"]


def test_a_constant_image_has_no_details_away_from_the_boundary() -> None:
    transform = Wavelets(32, "db3", 2, "periodization")
    coefficients = transform.analyse(torch.full((32, 32), 0.7, dtype=torch.float64))
    assert coefficients[transform.bands[0].stop :].abs().max() < 1e-10
    torch.testing.assert_close(coefficients[: transform.bands[0].stop].mean().item(), 0.7 * 4)


def test_pixels_are_the_flattened_image() -> None:
    images = draw(2, 3, 5, 7)
    pixels = Pixels((5, 7))
    assert torch.equal(pixels.analyse(images), images.reshape(2, 3, 35))
    assert torch.equal(pixels.synthesise(pixels.analyse(images)), images)


@by_representation
def test_leading_axes_are_free(representation: Representation) -> None:
    images = draw(2, 2, 3, *representation.size)
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
    assert isinstance(representation.name, str)
    assert str(representation.size) in repr(representation)


def test_one_number_is_a_square() -> None:
    assert Wavelets(24, "haar", 2).size == Pixels(24).size == (24, 24)


# --- matrices are cached


def test_matrices_first_made_in_inference_mode_serve_autograd_later() -> None:
    wavelets_module._filters.cache_clear()
    transform = Wavelets((18, 20), "db3", 1)
    with torch.inference_mode():
        transform.synthesise(transform.analyse(draw(18, 20)))
    images = draw(18, 20).requires_grad_()
    transform.synthesise(transform.analyse(images)).square().sum().backward()
    assert images.grad is not None
    torch.testing.assert_close(images.grad, 2 * images.detach(), atol=1e-4, rtol=1e-4)


def test_matrices_of_one_type_do_not_serve_another() -> None:
    transform = Wavelets(16, "db3", 2)
    images = draw(16, 16, dtype=torch.float64)
    coarse = transform.analyse(images.float())
    fine = transform.analyse(images)
    assert (coarse.dtype, fine.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(fine, pywavelets(images, transform), atol=1e-12, rtol=1e-12)


# --- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wavelet": "db99"}, "unknown wavelet 'db99'"),
        ({"wavelet": "morl"}, "unknown wavelet 'morl'"),  # continuous
        ({"padding": "zeros"}, "unknown padding 'zeros'"),
        ({"size": 0}, "at least 1 pixel"),
        ({"size": (32, -1)}, "at least 1 pixel"),
        ({"levels": 0}, "levels must be a whole number from 1 to 4"),
        ({"levels": 5}, "levels must be a whole number from 1 to 4 for db3 on 32 x 16 images"),
        ({"levels": True}, "levels"),
        ({"levels": 2.0}, "levels"),
        ({"size": (5, 200), "levels": 1}, "from 1 to 0"),
    ],
)
def test_settings_that_do_not_fit(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Wavelets(**({"size": (32, 16), "wavelet": "db3", "levels": 2} | arguments))  # type: ignore[arg-type]


@by_representation
def test_tensors_of_another_size(representation: Representation) -> None:
    height, width = representation.size
    for shape in ((3, height, width + 1), (3, width, height + 1), (width,)):
        with pytest.raises(ValueError, match="images must end in the axes"):
            representation.analyse(torch.zeros(shape))
    with pytest.raises(ValueError, match="coefficients must end in the axes"):
        representation.synthesise(torch.zeros(2, representation.length + 1))


@pytest.mark.parametrize(
    "representation", [Wavelets(24, "haar", 2), Wavelets((33, 28), "db3", 2), Pixels((5, 7))]
)
def test_energy_inside_is_that_of_each_coefficient_drawn_alone(
    representation: Representation,
) -> None:
    generator = torch.Generator().manual_seed(0)
    regions = (torch.rand(2, *representation.size, generator=generator) > 0.5).double()
    drawn = representation.synthesise(torch.eye(representation.length, dtype=torch.float64))
    inside = torch.einsum("khw,nhw->nk", drawn.square(), regions) / drawn.square().sum((1, 2))
    torch.testing.assert_close(representation.energy_inside(regions), inside)
