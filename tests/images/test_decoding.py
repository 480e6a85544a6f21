"""Image files of every kind become tensors of one shape, equal to torchvision's own reading."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import picture, resized
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional

from rcx.images.checks import ImageError
from rcx.images.decoding import Fit
from rcx.images.formats import readable_formats
from rcx.images.reading import load_images


def load_one(image: Image.Image, path: Path, size: int = 32, **options: Any) -> Tensor:
    """Save an image with options of its format, and load the file."""
    image.save(path, **options)
    return load_images(path, size)[0]


class TestResize:
    @settings(
        deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        height=st.integers(1, 80),
        width=st.integers(1, 80),
        size=st.integers(8, 70),
        fit=st.sampled_from(["stretch", "crop"]),
    )
    def test_equals_torchvision(
        self, tmp_path: Path, height: int, width: int, size: int, fit: Fit
    ) -> None:
        noise = np.random.default_rng(height * width).integers(0, 256, (height, width, 3))
        image = Image.fromarray(noise.astype(np.uint8))
        image.save(tmp_path / "image.png")
        loaded = load_images(tmp_path / "image.png", size, fit=fit)
        assert loaded.shape == (1, 3, size, size)
        assert loaded.dtype == torch.float32
        torch.testing.assert_close(loaded[0], resized(image, size, fit), rtol=0, atol=1e-6)

    def test_stretch_at_the_same_size_changes_nothing(self, tmp_path: Path) -> None:
        image = picture(32, 32)
        assert torch.equal(load_one(image, tmp_path / "a.png"), functional.to_tensor(image))

    def test_a_very_thin_image_is_not_cropped(self, tmp_path: Path) -> None:
        Image.new("RGB", (60_000, 1)).save(tmp_path / "thin.png")
        with pytest.raises(ImageError, match="60000x1 pixels are too elongated"):
            load_images(tmp_path / "thin.png", 64, fit="crop")
        assert load_images(tmp_path / "thin.png", 64).shape == (1, 3, 64, 64)

    @pytest.mark.parametrize("size", [0, 7, 4097, -3, 32.0, "32", None, True])
    def test_size_out_of_range(self, tmp_path: Path, size: Any) -> None:
        with pytest.raises(ValueError, match="size must be an integer from 8 to 4096"):
            load_images(tmp_path, size)

    def test_unknown_options(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="fit must be 'stretch' or 'crop', not 'pad'"):
            load_images(tmp_path, fit="pad")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="on_error must be"):
            load_images(tmp_path, on_error="ignore")  # type: ignore[arg-type]


class TestModes:
    @pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm", "jp2", "gif", "jpg"])
    def test_formats(self, tmp_path: Path, suffix: str) -> None:
        if Image.registered_extensions()[f".{suffix}"] not in readable_formats():
            pytest.skip(f"this Pillow was built without {suffix}")
        options = {"lossless": True} if suffix == "webp" else {}
        loaded = load_one(picture(), tmp_path / f"a.{suffix}", **options)
        # GIF has only 256 colours, and JPEG compresses with losses.
        tolerance = 0.2 if suffix in ("gif", "jpg") else 1e-6
        torch.testing.assert_close(loaded, resized(picture(), 32), rtol=0, atol=tolerance)

    @pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
    def test_pillow_modes(self, tmp_path: Path, mode: str) -> None:
        image = picture().convert(mode)
        suffix = "tiff" if mode in ("CMYK", "YCbCr") else "png"
        loaded = load_one(image, tmp_path / f"a.{suffix}")
        expected = resized(image.convert("RGB"), 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=1e-6)

    def test_cmyk_jpeg(self, tmp_path: Path) -> None:
        loaded = load_one(Image.new("CMYK", (9, 9), (255, 0, 0, 0)), tmp_path / "a.jpg")
        expected = torch.tensor([0.0, 1.0, 1.0])[:, None, None].expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=0.02)

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparent_pixels_are_white(self, tmp_path: Path, mode: str) -> None:
        image = Image.new(mode, (16, 16), (10, 20, 30, 0)[-len(mode) :] if mode == "LA" else 0)
        assert (load_one(image, tmp_path / "clear.png") == 1).all()

    def test_half_transparent_black_is_grey(self, tmp_path: Path) -> None:
        loaded = load_one(Image.new("RGBA", (16, 16), (0, 0, 0, 128)), tmp_path / "a.png")
        torch.testing.assert_close(loaded, torch.full((3, 32, 32), 127 / 255), rtol=0, atol=0.005)

    def test_opaque_alpha_changes_nothing(self, tmp_path: Path) -> None:
        loaded = load_one(picture().convert("RGBA"), tmp_path / "a.png")
        torch.testing.assert_close(loaded, resized(picture(), 32), rtol=0, atol=1e-6)

    def test_palette_with_transparency(self, tmp_path: Path) -> None:
        image = Image.new("P", (16, 16), 1)
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.paste(0, (0, 0, 8, 16))
        left_clear = load_one(image, tmp_path / "a.png", 16, transparency=0)
        assert (left_clear[:, :, :8] == 1).all()
        assert (left_clear[2, :, 8:] == 1).all()
        assert (left_clear[:2, :, 8:] == 0).all()

    @pytest.mark.parametrize(
        ("mode", "suffix"),
        [("I;16", "png"), ("I;16", "tiff"), ("I;16", "pgm"), ("I", "tiff"), ("I", "pgm")],
    )
    def test_16_bit_keeps_its_gradient(self, tmp_path: Path, mode: str, suffix: str) -> None:
        values = np.linspace(0, 65535, 32 * 32).reshape(32, 32)
        kind = np.uint16 if mode == "I;16" else np.int32
        image = Image.fromarray(values.astype(kind))
        assert image.mode == mode
        loaded = load_one(image, tmp_path / f"a.{suffix}")
        expected = torch.from_numpy(values / 65535).float().expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=2e-5)

    def test_big_endian_16_bit(self, tmp_path: Path) -> None:
        rows = np.full((8, 8), 65535, ">u2").tobytes()
        Image.frombytes("I;16B", (8, 8), rows).save(tmp_path / "a.tiff")
        assert (load_images(tmp_path / "a.tiff", 8) == 1).all()

    @pytest.mark.parametrize("white", [1, 255])
    def test_float_tiff(self, tmp_path: Path, white: int) -> None:
        values = np.linspace(0, white, 32 * 32, dtype=np.float32).reshape(32, 32)
        loaded = load_one(Image.fromarray(values), tmp_path / "a.tiff")
        expected = torch.from_numpy(values / white).expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize(
        "values", [[-1.0, 1], [0, 1e6], [0, float("nan")]], ids=["negative", "huge", "nan"]
    )
    def test_float_without_a_known_white(self, tmp_path: Path, values: list[float]) -> None:
        Image.fromarray(np.array([values] * 8, np.float32)).save(tmp_path / "a.tiff")
        with pytest.raises(ImageError, match="white is not known"):
            load_images(tmp_path / "a.tiff")

    @pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
    def test_animation_shows_its_first_frame(self, tmp_path: Path, suffix: str) -> None:
        if Image.registered_extensions()[f".{suffix}"] not in readable_formats():
            pytest.skip(f"this Pillow was built without {suffix}")
        frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        with Image.open(path) as opened:
            assert getattr(opened, "n_frames", 1) == 3
        red = torch.tensor([1.0, 0, 0])[:, None, None].expand(3, 32, 32)
        torch.testing.assert_close(load_images(path, 32)[0], red, rtol=0, atol=0.02)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, tmp_path: Path, orientation: int) -> None:
        # A camera that is held this way stores the upright picture so: EXIF asks for the inverse.
        store: Callable[[Image.Image], Image.Image] = {
            1: lambda image: image,
            2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
            4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
            5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
            6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
            7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
            8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
        }[orientation]
        exif = Image.Exif()
        exif[0x0112] = orientation
        store(picture()).save(tmp_path / "a.png", exif=exif)
        loaded = load_images(tmp_path / "a.png", 32, fit="crop")[0]
        torch.testing.assert_close(loaded, resized(picture(), 32, "crop"), rtol=0, atol=1e-6)
