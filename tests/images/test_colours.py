"""Colours of another profile become sRGB, equal to numpy's own conversion; those of sRGB stay."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import picture
from PIL import Image, ImageCms
from profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    cmyk_profile,
    grey_profile,
    lab_in_srgb,
    srgb_encoded,
)
from torch import Tensor

from rcx.images.decoding import read_image

LEVEL = 1 / 255
WIDE = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB, "ProPhoto": PROPHOTO}


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def read(image: Image.Image, path: Path, profile: bytes | None = None, **options: Any) -> Tensor:
    """Save an image of 32 x 32 pixels, and read it as it is stored."""
    image.save(path, icc_profile=profile)
    return read_image(path, 32, **options)


@pytest.fixture(scope="module")
def colours() -> Image.Image:
    """Random colours, 32 x 32."""
    noise = np.random.default_rng(4).integers(0, 256, (32, 32, 3))
    return Image.fromarray(noise.astype(np.uint8))


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_a_wide_gamut_is_converted(
    tmp_path: Path, colours: Image.Image, name: str, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    colours.save(path, icc_profile=WIDE[name].profile(), **options)
    found = read_image(path, 32).permute(1, 2, 0).numpy()
    stored = np.asarray(colours) / 255
    assert np.abs(found - WIDE[name].in_srgb(stored)).max() < 2.5 * LEVEL
    assert np.abs(found - stored).max() > 20 * LEVEL


def test_jpeg(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32), (180, 90, 60))
    found = read(image, tmp_path / "a.jpg", DISPLAY_P3.profile())[:, 5, 5].numpy()
    expected = DISPLAY_P3.in_srgb(np.array([180, 90, 60]) / 255)
    assert np.abs(found - expected).max() < 4 * LEVEL


@pytest.mark.parametrize("profile", [srgb_profile(), SRGB.profile()], ids=["lcms", "definition"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_srgb_changes_no_bit(
    tmp_path: Path, colours: Image.Image, mode: str, profile: bytes
) -> None:
    image = colours.convert(mode)
    tagged = read(image, tmp_path / "tagged.png", profile)
    assert torch.equal(tagged, read(image, tmp_path / "plain.png"))


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        b"",
        DISPLAY_P3.profile()[:200],
        DISPLAY_P3.profile()[:128] + bytes(400),
        grey_profile(1.0),
        cmyk_profile([(60, -20, -30), (50, 50, 0), (88, -5, 60)]),
    ],
    ids=["text", "empty", "cut", "zeros", "of greys", "of inks"],
)
def test_a_broken_profile_or_one_of_other_channels_is_ignored(
    tmp_path: Path, colours: Image.Image, profile: bytes
) -> None:
    found = read(colours, tmp_path / "a.png", profile)
    assert torch.equal(found, read(colours, tmp_path / "plain.png"))


def test_a_profile_without_brightness_is_ignored(tmp_path: Path, colours: Image.Image) -> None:
    profile = bytearray(DISPLAY_P3.profile())
    at = profile.index(b"XYZ \0\0\0\0", 150)
    profile[at + 8 : at + 8 + 3 * 20] = bytes(60)  # all three primaries become black
    assert ImageCms.ImageCmsProfile(io.BytesIO(bytes(profile)))
    found = read(colours, tmp_path / "a.png", bytes(profile))
    assert torch.equal(found, read(colours, tmp_path / "plain.png"))


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_greys(tmp_path: Path, mode: str, channels: int) -> None:
    levels = np.linspace(0, 1, 32 * 32).reshape(32, 32)
    if mode == "I;16":
        image = Image.fromarray((levels * 65535).round().astype(np.uint16))
    else:
        image = Image.fromarray((levels * 255).round().astype(np.uint8)).convert(mode)
    suffix = "tiff" if mode == "I;16" else "png"
    profile = grey_profile(1.4)
    found = read(image, tmp_path / f"a.{suffix}", profile, channels=channels).numpy()
    assert found.shape == (channels, 32, 32)
    stored = (levels * 255).round() / 255 if mode != "I;16" else levels
    assert np.abs(found - srgb_encoded(stored**1.4)).max() < 2.5 * LEVEL


def test_transparent_pixels_of_a_wide_gamut_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (32, 32), (180, 90, 60, 255))
    image.paste((180, 90, 60, 0), (0, 0, 16, 32))
    found = read(image, tmp_path / "a.png", ADOBE_RGB.profile()).numpy()
    assert (found[:, :, :16] == 1).all()
    expected = ADOBE_RGB.in_srgb(np.array([180, 90, 60]) / 255)
    assert np.abs(found[:, 5, 20] - expected).max() < 2.5 * LEVEL


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_inks_are_converted_as_the_profile_says(tmp_path: Path, suffix: str) -> None:
    inks = [(60.0, -20.0, -30.0), (50.0, 50.0, 0.0), (88.0, -5.0, 60.0)]
    profile = cmyk_profile(inks)
    printed = {(255, 0, 0, 0): inks[0], (0, 255, 0, 0): inks[1], (0, 0, 255, 0): inks[2]}
    printed |= {(0, 0, 0, 0): (100.0, 0.0, 0.0), (0, 0, 0, 255): (0.0, 0.0, 0.0)}
    for amounts, lab in printed.items():
        image = Image.new("CMYK", (32, 32), amounts)
        found = read(image, tmp_path / f"a.{suffix}", profile)[:, 9, 9].numpy()
        assert np.abs(found - lab_in_srgb(lab)).max() < 4 * LEVEL, amounts


def test_lab(tmp_path: Path) -> None:
    lab = (60.0, -20.0, 30.0)
    stored = (round(lab[0] * 2.55), round(lab[1]) + 128, round(lab[2]) + 128)
    found = read(Image.new("LAB", (32, 32), stored), tmp_path / "a.tiff")[:, 9, 9].numpy()
    assert np.abs(found - lab_in_srgb(lab)).max() < 3 * LEVEL


def test_files_without_a_profile_are_read_as_before(tmp_path: Path) -> None:
    image = picture(32, 32)
    plain = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    assert torch.equal(read(image, tmp_path / "a.png"), plain)
