"""Noise has the statistics of each band, and replaces exactly what the mask removes."""

import pytest
import torch
from helpers import seeded, smooth_images
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.shearlets import Shearlets
from rcx.representations.wavelets import Wavelets, deepest_level
from rcx.solver import noise as noise_module
from rcx.solver.noise import BandNoise, NoiseKind, band_noise, make_noise, obfuscate

REPRESENTATIONS = (Pixels((9, 12)), Wavelets((16, 19), "db3", 2), Wavelets((12, 8), "haar", 3))
by_representation = pytest.mark.parametrize("representation", REPRESENTATIONS, ids=repr)


def coefficients_and_noise(
    representation: Representation, n: int = 2, channels: int = 3
) -> tuple[Tensor, Tensor, BandNoise]:
    images = smooth_images(n, representation.size, channels)
    coefficients = representation.analyse(images)
    return images, coefficients, band_noise(coefficients, representation.bands)


def draw_fields(representation: Representation, n: int = 4, channels: int = 3) -> Tensor:
    return torch.randn(n, channels, representation.length, generator=seeded(3))


# --- statistics


@by_representation
def test_statistics_are_those_of_each_band_over_colours_and_positions(
    representation: Representation,
) -> None:
    _, coefficients, noise = coefficients_and_noise(representation)
    assert noise.mean.shape == noise.deviation.shape == (2, 1, representation.length)
    for image in range(2):
        for band in representation.bands:
            values = coefficients[image, :, band.start : band.stop]
            for statistic, expected in (
                (noise.mean, torch.mean(values)),
                (noise.deviation, torch.std(values)),
            ):
                in_band = statistic[image, 0, band.positions]
                torch.testing.assert_close(in_band, expected.expand_as(in_band))


def test_a_band_of_one_value_has_no_deviation() -> None:
    representation = Wavelets(8, "haar", 3)
    _, _, noise = coefficients_and_noise(representation, channels=1)
    assert representation.bands[0].stop == 1
    assert noise.deviation.isfinite().all()
    assert (noise.deviation[..., 0] == 0).all()


def test_a_constant_image_has_no_deviation_in_pixels() -> None:
    images = torch.full((1, 3, 4, 4), 0.25)
    noise = band_noise(Pixels(4).analyse(images), Pixels(4).bands)
    assert (noise.deviation == 0).all()
    assert (noise.mean == 0.25).all()


def test_an_images_statistics_do_not_depend_on_its_batch() -> None:
    representation = REPRESENTATIONS[1]
    _, coefficients, noise = coefficients_and_noise(representation, n=3)
    for image in range(3):
        alone = band_noise(coefficients[image : image + 1], representation.bands)
        torch.testing.assert_close(alone.mean[0], noise.mean[image])
        torch.testing.assert_close(alone.deviation[0], noise.deviation[image])


# --- obfuscation


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 3),
    channels=st.integers(1, 4),
    height=st.integers(2, 20),
    width=st.integers(2, 20),
    fields=st.integers(1, 4),
    signs=st.sampled_from([None, (1.0,), (1.0, -1.0), (1.0, -1.0, 1.0)]),
    clamp=st.booleans(),
    levels=st.integers(0, 2),
)
def test_equals_the_formula_whatever_the_shape(
    n: int,
    channels: int,
    height: int,
    width: int,
    fields: int,
    signs: tuple[float, ...] | None,
    clamp: bool,
    levels: int,
) -> None:
    size = (height, width)
    levels = min(levels, deepest_level(size, "haar"))
    representation = Wavelets(size, "haar", levels) if levels else Pixels(size)
    _, coefficients, noise = coefficients_and_noise(representation, n, channels)
    mask = torch.rand(n, representation.length, generator=seeded(1))
    draws = draw_fields(representation, fields, channels)
    sign_tensor = None if signs is None else torch.tensor(signs)
    result = obfuscate(representation, coefficients, mask, noise, draws, sign_tensor, clamp=clamp)
    repeats = signs or (1.0,)
    assert result.shape == (n, fields * len(repeats), channels, height, width)
    for image in range(n):
        for sample in range(result.shape[1]):
            draw = draws[sample // len(repeats)] * repeats[sample % len(repeats)]
            replaced = noise.mean[image] + noise.deviation[image] * draw
            mixed = mask[image] * coefficients[image] + (1 - mask[image]) * replaced
            expected = representation.synthesise(mixed)
            expected = expected.clamp(0, 1) if clamp else expected
            torch.testing.assert_close(result[image, sample], expected, rtol=1e-4, atol=1e-5)


@by_representation
def test_a_mask_of_ones_keeps_the_image(representation: Representation) -> None:
    images, coefficients, noise = coefficients_and_noise(representation)
    ones = torch.ones(2, representation.length)
    fields = draw_fields(representation)
    for clamp in (True, False):
        obfuscations = obfuscate(representation, coefficients, ones, noise, fields, clamp=clamp)
        expected = images[:, None].expand_as(obfuscations)
        torch.testing.assert_close(obfuscations, expected, rtol=0, atol=3e-6)


@by_representation
def test_a_mask_of_zeros_leaves_noise_alone(representation: Representation) -> None:
    _, coefficients, noise = coefficients_and_noise(representation)
    zeros = torch.zeros(2, representation.length)
    fields = draw_fields(representation)
    left = obfuscate(representation, coefficients, zeros, noise, fields)
    other = torch.randn(coefficients.shape, generator=seeded(9))
    assert torch.equal(left, obfuscate(representation, other, zeros, noise, fields))
    pure = representation.synthesise(noise.mean[:, None] + noise.deviation[:, None] * fields)
    torch.testing.assert_close(left, pure.clamp(0, 1), rtol=0, atol=1e-5)


def test_noise_has_the_statistics_that_it_was_given() -> None:
    representation = Pixels((30, 40))
    images, coefficients, noise = coefficients_and_noise(representation, n=1)
    zeros = torch.zeros(1, representation.length)
    fields = draw_fields(representation, n=20)
    samples = obfuscate(representation, coefficients, zeros, noise, fields, clamp=False)
    torch.testing.assert_close(samples.mean(), images.mean(), rtol=0, atol=0.01)
    torch.testing.assert_close(samples.std(), images.std(), rtol=0, atol=0.01)


@by_representation
def test_opposite_signs_are_mirrored_at_the_mean(representation: Representation) -> None:
    _, coefficients, noise = coefficients_and_noise(representation)
    mask = torch.rand(2, representation.length, generator=seeded(1))
    fields = draw_fields(representation, n=3)
    signs = torch.tensor([1.0, -1.0])
    pairs = obfuscate(representation, coefficients, mask, noise, fields, signs, clamp=False)
    first, second = pairs[:, ::2], pairs[:, 1::2]
    still = obfuscate(
        representation, coefficients, mask, noise, torch.zeros_like(fields), clamp=False
    )
    torch.testing.assert_close((first + second) / 2, still, rtol=0, atol=1e-5)
    one_sided = obfuscate(representation, coefficients, mask, noise, fields, clamp=False)
    torch.testing.assert_close(first, one_sided, rtol=0, atol=1e-5)
    assert (first - second).abs().max() > 0.1


def test_clamped_obfuscations_are_images_and_others_are_not() -> None:
    representation = REPRESENTATIONS[1]
    _, coefficients, noise = coefficients_and_noise(representation)
    mask = torch.full((2, representation.length), 0.3)
    fields = draw_fields(representation, n=8)
    free = obfuscate(representation, coefficients, mask, noise, fields, clamp=False)
    clamped = obfuscate(representation, coefficients, mask, noise, fields)
    assert free.min() < 0
    assert free.max() > 1
    assert clamped.min() >= 0
    assert clamped.max() <= 1
    assert torch.equal(clamped, free.clamp(0, 1))


def test_inputs_stay_as_they_are() -> None:
    representation = REPRESENTATIONS[1]
    _, coefficients, noise = coefficients_and_noise(representation)
    mask = torch.rand(2, representation.length, generator=seeded(1))
    fields = draw_fields(representation)
    inputs = (coefficients, mask, noise.mean, noise.deviation, fields)
    copies = [tensor.clone() for tensor in inputs]
    obfuscate(representation, coefficients, mask, noise, fields, torch.tensor([1.0, -1.0]))
    assert all(torch.equal(*pair) for pair in zip(inputs, copies, strict=True))


# --- other kinds than Gaussian noise

KINDS: tuple[NoiseKind, ...] = ("gaussian", "uniform", "zero", "blur")


def test_uniform_noise_is_within_one_deviation_of_the_mean() -> None:
    fields = noise_module.draw_fields("uniform", (50, 3, 40), seeded(0))
    assert fields.abs().max() <= 1
    assert abs(float(fields.mean())) < 0.03
    assert float(fields.std()) == pytest.approx(3**-0.5, abs=0.02)


@pytest.mark.parametrize(
    "representation", [*REPRESENTATIONS, Shearlets((16, 19), (0, 1))], ids=repr
)
@pytest.mark.parametrize("kind", ["zero", "blur"])
def test_where_nothing_is_random_the_rest_is_black_or_blurred(
    representation: Representation, kind: NoiseKind
) -> None:
    images = smooth_images(2, representation.size)
    coefficients = representation.analyse(images)
    noise = make_noise(kind, representation, images, coefficients)
    fields = noise_module.draw_fields(kind, (4, 3, representation.length), seeded(0))
    assert len(fields) == 1
    nothing = torch.zeros(2, representation.length)
    empty = obfuscate(representation, coefficients, nothing, noise, fields)[:, 0]
    if kind == "zero":
        assert torch.equal(empty, torch.zeros_like(images))
    else:
        assert bool((empty.std((-1, -2)) < images.std((-1, -2))).all())
        torch.testing.assert_close(empty.mean((-1, -2)), images.mean((-1, -2)), atol=0.1, rtol=0)
    whole = obfuscate(representation, coefficients, nothing + 1, noise, fields)[:, 0]
    torch.testing.assert_close(whole, images, atol=1e-5, rtol=0)


def test_a_constant_image_is_its_own_blur() -> None:
    images = torch.full((1, 3, 20, 23), 0.25)
    pixels = Pixels((20, 23))
    noise = make_noise("blur", pixels, images, pixels.analyse(images))
    torch.testing.assert_close(noise.mean, pixels.analyse(images))


@by_representation
def test_noise_that_the_colours_share_is_grey(representation: Representation) -> None:
    images, coefficients, _ = coefficients_and_noise(representation)
    noise = make_noise("uniform", representation, images, coefficients, grey=True)
    expected = band_noise(
        representation.analyse(images.mean(1, keepdim=True)), representation.bands
    )
    torch.testing.assert_close(noise.deviation, expected.deviation, atol=1e-5, rtol=1e-4)
    shared = draw_fields(representation, channels=1)
    mask = torch.rand(2, representation.length, generator=seeded(1))
    for signs in (None, torch.tensor([1.0, -1.0])):
        short, long = (
            obfuscate(representation, coefficients, mask, noise, fields, signs, clamp=False)
            for fields in (shared, shared.expand(-1, 3, -1))
        )
        torch.testing.assert_close(short, long, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("signs", [None, torch.tensor([1.0, -1.0])])
def test_coefficients_can_be_clamped_in_place_of_the_image(signs: Tensor | None) -> None:
    representation = Shearlets((16, 19), (0, 1))
    _, coefficients, noise = coefficients_and_noise(representation)
    fields, mask = (
        draw_fields(representation, 2),
        torch.rand(2, representation.length, generator=seeded(1)),
    )
    clamped = obfuscate(
        representation, coefficients, mask, noise, fields, signs, clamp="coefficients"
    )
    weight, samples = mask[:, None, None], []
    for field in fields:
        for sign in (1.0,) if signs is None else signs:
            sample = noise.mean[:, None] + sign * noise.deviation[:, None] * field
            mixed = weight * coefficients[:, None] + (1 - weight) * sample
            samples.append(representation.synthesise(mixed.clamp(0, 1)))
    torch.testing.assert_close(clamped, torch.cat(samples, 1), atol=1e-5, rtol=1e-4)


def test_an_unknown_noise_is_refused() -> None:
    pixels, images = Pixels(4), torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match="unknown noise 'pink'"):
        make_noise("pink", pixels, images, pixels.analyse(images))  # type: ignore[arg-type]
