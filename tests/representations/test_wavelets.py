"""The wavelet transform equals PyWavelets' and the published one, and inverts exactly."""

import numpy as np
import pytest
import pywt
import torch
from helpers import random_tensor, seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rcx.representations import wavelets as wavelets_module
from rcx.representations.wavelets import Wavelets, deepest_level

WAVELETS = ("haar", "db3", "sym4", "bior4.4", "rbio2.2", "coif1", "dmey")
SIZES = ((32, 32), (33, 47), (40, 21), (104, 131))  # the last is transformed in blocks
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-9}
# PyWavelets cuts off the filters of the discrete Meyer wavelet, so their inverse is approximate.
INEXACT = {"dmey": 0.05}

# PyWavelets warns of levels at which the boundary affects every coefficient. They are tested too.
pytestmark = pytest.mark.filterwarnings("ignore:Level value of:UserWarning")


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
        torch.unflatten(coefficients[..., band.positions], -1, band.shape).double().numpy()
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
    images = random_tensor(2, 3, *size, dtype=dtype)
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
        images = random_tensor(1, *size, dtype=torch.float64)
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
    images = random_tensor(2, height, width, dtype=torch.float64)
    coefficients, expected = transform.analyse(images), pywavelets(images, transform)
    # Smooth padding extrapolates: at deep levels, coefficients and their rounding are very large.
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
    # Masked coefficients are in general not the coefficients of any image.
    transform = Wavelets((33, 26), wavelet, 3)
    coefficients = random_tensor(2, transform.length, dtype=torch.float64)
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
        torch.unflatten((mask * coefficients)[..., band.positions], -1, band.shape)
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


# --- properties


def test_orthogonal_wavelets_keep_the_norm() -> None:
    images = random_tensor(3, 32, 32, dtype=torch.float64)
    coefficients = Wavelets(32, "db3", 2, "periodization").analyse(images)
    torch.testing.assert_close(coefficients.square().sum(-1), images.square().sum((-2, -1)))


def test_a_constant_image_has_no_details_away_from_the_boundary() -> None:
    transform = Wavelets(32, "db3", 2, "periodization")
    coefficients = transform.analyse(torch.full((32, 32), 0.7, dtype=torch.float64))
    assert coefficients[transform.bands[0].stop :].abs().max() < 1e-10
    torch.testing.assert_close(coefficients[: transform.bands[0].stop].mean().item(), 0.7 * 4)


# --- matrices are cached


def test_matrices_first_made_in_inference_mode_serve_autograd_later() -> None:
    wavelets_module._filters.cache_clear()
    transform = Wavelets((18, 20), "db3", 1)
    with torch.inference_mode():
        transform.synthesise(transform.analyse(random_tensor(18, 20)))
    images = random_tensor(18, 20).requires_grad_()
    torch.autograd.backward(transform.synthesise(transform.analyse(images)).square().sum())
    assert images.grad is not None
    torch.testing.assert_close(images.grad, 2 * images.detach(), atol=1e-4, rtol=1e-4)


def test_matrices_of_one_type_do_not_serve_another() -> None:
    transform = Wavelets(16, "db3", 2)
    images = random_tensor(16, 16, dtype=torch.float64)
    coarse = transform.analyse(images.float())
    fine = transform.analyse(images)
    assert (coarse.dtype, fine.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(fine, pywavelets(images, transform), atol=1e-12, rtol=1e-12)


# --- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wavelet": "db99"}, "unknown wavelet 'db99'"),
        ({"wavelet": "morl"}, "unknown wavelet 'morl'"),  # a continuous wavelet
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
