"""Shearlets against the identities of frames, the counts and taps of the papers, and edges."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from helpers import random_tensor
from hypothesis import given, settings

from rcx.representations.shearlet_filters import ShearletSystem, frequency_responses, shearlets_of
from rcx.representations.shearlets import Shearlets

SYSTEMS: tuple[ShearletSystem, ...] = ("compact", "meyer")
SIZES = ((64, 64), (63, 64), (37, 90), (101, 33))


def grid(size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns of the pixels, counted from the middle of the image."""
    height, width = size
    rows = torch.arange(height, dtype=torch.float64)[:, None] - height / 2
    columns = torch.arange(width, dtype=torch.float64) - width / 2
    return rows, columns


@pytest.mark.parametrize("system", SYSTEMS)
@given(
    st.integers(16, 70), st.integers(16, 70), st.lists(st.integers(0, 2), min_size=1, max_size=3)
)
@settings(max_examples=15, deadline=None)
def test_every_size_is_inverted(
    system: ShearletSystem, height: int, width: int, levels: list[int]
) -> None:
    shearlets = Shearlets((height, width), levels, system)
    images = random_tensor(2, height, width, dtype=torch.float64)
    again = shearlets.synthesise(shearlets.analyse(images))
    torch.testing.assert_close(again, images, atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_the_squares_of_band_limited_filters_sum_to_1(size: tuple[int, int]) -> None:
    squares = (frequency_responses(size, (1, 1, 2, 2), "meyer") ** 2).sum(0)
    np.testing.assert_allclose(squares, 1, atol=1e-12)
    image = random_tensor(*size, dtype=torch.float64)
    coefficients = Shearlets(size, system="meyer").analyse(image)
    torch.testing.assert_close(coefficients.square().sum(), image.square().sum())


@pytest.mark.parametrize("size", SIZES)
def test_the_frame_of_compact_filters_is_bounded(size: tuple[int, int]) -> None:
    squares = (frequency_responses(size, (1, 1, 2, 2), "compact") ** 2).sum(0)
    assert 0.2 < squares.min() <= squares.max() < 2
    image = random_tensor(*size, dtype=torch.float64)
    energy = Shearlets(size).analyse(image).square().sum() / image.square().sum()
    assert squares.min() <= energy <= squares.max()


@pytest.mark.parametrize("system", SYSTEMS)
def test_synthesis_is_the_least_squares_inverse(system: ShearletSystem) -> None:
    shearlets = Shearlets((16, 18), (1,), system)
    analysis = shearlets.analyse(torch.eye(16 * 18, dtype=torch.float64).view(-1, 16, 18)).T
    synthesis = shearlets.synthesise(torch.eye(shearlets.length, dtype=torch.float64))
    inverse = torch.linalg.pinv(analysis)
    torch.testing.assert_close(synthesis.flatten(1).T, inverse, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("levels", "filters"),
    [
        ((0, 0, 1, 1), 25),  # SL2D1 of ShearLab 3D, whose redundancy is 25
        ((1, 1, 2, 2), 49),  # SL2D2, whose redundancy is 49, as in ShearletX
        ((0, 1, 2, 3), 61),  # the fast finite shearlet transform with four scales
    ],
)
def test_the_numbers_of_filters_are_those_of_the_papers(
    levels: tuple[int, ...], filters: int
) -> None:
    shearlets = Shearlets(64, levels)
    assert len(shearlets.bands) == filters
    assert shearlets.length == filters * 64 * 64


def test_the_standard_system_has_28_filters_along_the_columns_and_20_along_the_rows() -> None:
    filters = shearlets_of((1, 1, 2, 2))
    assert sum(not each.upright for each in filters) == 28
    assert sum(each.upright for each in filters) == 20


def test_the_low_pass_has_the_taps_of_shearlab() -> None:
    # one scale of no shear: the low pass is the outer product of the taps
    low = frequency_responses((32, 32), (0,), "compact")[0]
    taps = np.fft.irfft2(low, s=(32, 32))
    published = [0.582566738241592, 0.276348304703363, -0.051776695296637]
    published += [-0.026348304703363, 0.010493326175841]
    np.testing.assert_allclose(taps[0, :5], taps[0, 0] ** 0.5 * np.array(published), atol=1e-8)
    np.testing.assert_allclose(taps[0, 0], published[0] ** 2, atol=1e-8)


def test_compact_filters_end_in_space() -> None:
    shearlets = Shearlets(256, (1,))
    responses = frequency_responses((256, 256), (1,), "compact")
    for response, band in zip(responses, shearlets.bands, strict=True):
        kernel = np.abs(np.fft.fftshift(np.fft.irfft2(response, s=(256, 256))))
        assert kernel.max() > 1e-3, band.name
        assert kernel[0].max() < 1e-15, band.name
        assert kernel[:, 0].max() < 1e-15, band.name


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("size", [(128, 128), (96, 127)])
@pytest.mark.parametrize("shear", range(5))
@pytest.mark.parametrize("upright", [False, True])
def test_an_edge_peaks_in_the_band_of_its_angle(
    system: ShearletSystem, size: tuple[int, int], shear: int, upright: bool
) -> None:
    shearlets = Shearlets(size, (1, 1, 2, 2), system)
    rows, columns = grid(size)
    slope = (shear - 2) / 2
    across = rows + slope * columns if upright else columns + slope * rows
    disc = (rows.square() + columns.square()).sqrt() < min(size) / 3
    image = torch.sigmoid(across) * disc + 0.5 * ~disc
    coefficients = shearlets.analyse(image).unflatten(-1, (-1, *size))
    row, column = size[0] // 2, size[1] // 2
    middle = coefficients[:, row - 4 : row + 5, column - 4 : column + 5]
    details = [
        (number, band.name)
        for number, band in enumerate(shearlets.bands)
        if band.name.startswith("detail 2")
    ]
    strongest = max(details, key=lambda detail: float(middle[detail[0]].abs().amax()))[1]
    angle = np.degrees(np.arctan2(1, slope) if upright else np.arctan2(slope, 1))
    expected = angle if angle <= 90 else angle - 180
    if abs(slope) == 1:  # both cones share the diagonals
        expected = 45 if slope > 0 else -45
    assert strongest == f"detail 2, {expected:.0f}°"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_rotated_image_has_the_coefficients_of_rotated_bands(system: ShearletSystem) -> None:
    shearlets = Shearlets(64, (1, 2), system)
    image = random_tensor(64, 64, dtype=torch.float64)
    one, other = (
        dict(zip([band.name for band in shearlets.bands], bands, strict=True))
        for bands in (
            shearlets.analyse(image).unflatten(-1, (-1, 64, 64)),
            shearlets.analyse(image.T).unflatten(-1, (-1, 64, 64)),
        )
    )
    torch.testing.assert_close(one["detail 1, 0°"], other["detail 1, 90°"].T)
    torch.testing.assert_close(one["detail 1, 14°"], other["detail 1, 76°"].T)
    torch.testing.assert_close(one["detail 2, -27°"], other["detail 2, -63°"].T)


def test_single_precision_is_inverted_too() -> None:
    shearlets = Shearlets(64)
    images = random_tensor(2, 3, 64, 64)
    again = shearlets.synthesise(shearlets.analyse(images))
    assert again.dtype == torch.float32
    torch.testing.assert_close(again, images, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 16}, "at least 32 pixels"),
        ({"size": 64, "shear_levels": ()}, "shear_levels must have"),
        ({"size": 64, "shear_levels": (1, -1)}, "shear_levels must have"),
        ({"size": 64, "shear_levels": (1, 1.5)}, "shear_levels must have"),
        ({"size": 64, "system": "haar"}, "unknown system 'haar'"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Shearlets(**options)  # type: ignore[arg-type]
