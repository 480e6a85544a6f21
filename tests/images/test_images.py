"""Every kind of image file becomes one shape; what cannot be read is named with its reason."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional

from rcx.images.imagenet import study_images
from rcx.images.reading import (
    IMAGE_SUFFIXES,
    ImageError,
    ImageFailure,
    ImageWarning,
    find_images,
    load_images,
    read_images,
)


def photo(height=40, width=60, channels=3):
    """Smooth colours with a bright corner, so that no two orientations look alike."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = np.stack([x, y, (1 - x) * y, 0.5 + 0.5 * x][:channels], axis=-1)
    planes[: height // 4, : width // 4] = 1
    return (255 * planes).astype(np.uint8)


def rgb(height=40, width=60):
    return Image.fromarray(photo(height, width))


def oracle(image, size, fit="stretch"):
    """torchvision's own reading and resizing."""
    tensor = functional.to_tensor(image)
    if fit == "stretch":
        return torchvision.transforms.Resize((size, size), antialias=True)(tensor)
    resized = torchvision.transforms.Resize(size, antialias=True)(tensor)
    return torchvision.transforms.CenterCrop(size)(resized)


def load_one(image, path, size=32, **options):
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
    def test_equals_torchvision(self, tmp_path, height, width, size, fit):
        noise = np.random.default_rng(height * width).integers(0, 256, (height, width, 3))
        image = Image.fromarray(noise.astype(np.uint8))
        image.save(tmp_path / "image.png")
        loaded = load_images(tmp_path / "image.png", size, fit=fit)
        assert loaded.shape == (1, 3, size, size)
        assert loaded.dtype == torch.float32
        torch.testing.assert_close(loaded[0], oracle(image, size, fit), rtol=0, atol=1e-6)

    def test_stretch_at_the_same_size_changes_nothing(self, tmp_path):
        image = rgb(32, 32)
        assert torch.equal(load_one(image, tmp_path / "a.png"), functional.to_tensor(image))

    def test_thread_is_not_blown_up_by_crop(self, tmp_path):
        Image.new("RGB", (60_000, 1)).save(tmp_path / "thread.png")
        with pytest.raises(ImageError, match="60000x1 pixels are too elongated"):
            load_images(tmp_path / "thread.png", 64, fit="crop")
        assert load_images(tmp_path / "thread.png", 64).shape == (1, 3, 64, 64)

    @pytest.mark.parametrize("size", [0, 7, 4097, -3, 32.0, "32", None, True])
    def test_size_out_of_range(self, tmp_path, size):
        with pytest.raises(ValueError, match="size must be an integer from 8 to 4096"):
            load_images(tmp_path, size)

    def test_unknown_options(self, tmp_path):
        with pytest.raises(ValueError, match="fit must be 'stretch' or 'crop', not 'pad'"):
            load_images(tmp_path, fit="pad")
        with pytest.raises(ValueError, match="on_error must be"):
            load_images(tmp_path, on_error="ignore")


class TestModes:
    @pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm", "jp2", "gif", "jpg"])
    def test_formats(self, tmp_path, suffix):
        if f".{suffix}" not in IMAGE_SUFFIXES:
            pytest.skip(f"this Pillow was built without {suffix}")
        options = {"lossless": True} if suffix == "webp" else {}
        loaded = load_one(rgb(), tmp_path / f"a.{suffix}", **options)
        # GIF has 256 colours, JPEG blocks.
        tolerance = 0.2 if suffix in ("gif", "jpg") else 1e-6
        torch.testing.assert_close(loaded, oracle(rgb(), 32), rtol=0, atol=tolerance)

    @pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr"])
    def test_pillow_modes(self, tmp_path, mode):
        image = rgb().convert(mode)
        suffix = "tiff" if mode in ("CMYK", "YCbCr") else "png"
        loaded = load_one(image, tmp_path / f"a.{suffix}")
        expected = oracle(image.convert("RGB"), 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=1e-6)

    def test_cmyk_jpeg(self, tmp_path):
        loaded = load_one(Image.new("CMYK", (9, 9), (255, 0, 0, 0)), tmp_path / "a.jpg")
        expected = torch.tensor([0.0, 1.0, 1.0])[:, None, None].expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=0.02)

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparent_pixels_are_white(self, tmp_path, mode):
        image = Image.new(mode, (16, 16), (10, 20, 30, 0)[-len(mode) :] if mode == "LA" else 0)
        assert (load_one(image, tmp_path / "clear.png") == 1).all()

    def test_half_transparent_black_is_grey(self, tmp_path):
        loaded = load_one(Image.new("RGBA", (16, 16), (0, 0, 0, 128)), tmp_path / "a.png")
        torch.testing.assert_close(loaded, torch.full((3, 32, 32), 127 / 255), rtol=0, atol=0.005)

    def test_opaque_alpha_changes_nothing(self, tmp_path):
        loaded = load_one(rgb().convert("RGBA"), tmp_path / "a.png")
        torch.testing.assert_close(loaded, oracle(rgb(), 32), rtol=0, atol=1e-6)

    def test_palette_with_transparency(self, tmp_path):
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
    def test_16_bit_keeps_its_gradient(self, tmp_path, mode, suffix):
        values = np.linspace(0, 65535, 32 * 32).reshape(32, 32)
        kind = np.uint16 if mode == "I;16" else np.int32
        image = Image.fromarray(values.astype(kind))
        assert image.mode == mode
        loaded = load_one(image, tmp_path / f"a.{suffix}")
        expected = torch.from_numpy(values / 65535).float().expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=2e-5)

    def test_big_endian_16_bit(self, tmp_path):
        rows = np.full((8, 8), 65535, ">u2").tobytes()
        Image.frombytes("I;16B", (8, 8), rows).save(tmp_path / "a.tiff")
        assert (load_images(tmp_path / "a.tiff", 8) == 1).all()

    @pytest.mark.parametrize("white", [1, 255])
    def test_float_tiff(self, tmp_path, white):
        values = np.linspace(0, white, 32 * 32, dtype=np.float32).reshape(32, 32)
        loaded = load_one(Image.fromarray(values), tmp_path / "a.tiff")
        expected = torch.from_numpy(values / white).expand(3, 32, 32)
        torch.testing.assert_close(loaded, expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize(
        "values", [[-1.0, 1], [0, 1e6], [0, float("nan")]], ids=["negative", "huge", "nan"]
    )
    def test_float_without_a_known_white(self, tmp_path, values):
        Image.fromarray(np.array([values] * 8, np.float32)).save(tmp_path / "a.tiff")
        with pytest.raises(ImageError, match="white is not known"):
            load_images(tmp_path / "a.tiff")

    @pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
    def test_animation_shows_its_first_frame(self, tmp_path, suffix):
        if f".{suffix}" not in IMAGE_SUFFIXES:
            pytest.skip(f"this Pillow was built without {suffix}")
        frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        with Image.open(path) as opened:
            assert opened.n_frames == 3
        red = torch.tensor([1.0, 0, 0])[:, None, None].expand(3, 32, 32)
        torch.testing.assert_close(load_images(path, 32)[0], red, rtol=0, atol=0.02)

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_exif_orientation(self, tmp_path, orientation):
        # How a camera held each way stores the upright picture: the inverse of what EXIF asks.
        stored = {
            1: lambda image: image,
            2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
            4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
            5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
            6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
            7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
            8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
        }[orientation](rgb())
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(tmp_path / "a.png", exif=exif)
        loaded = load_images(tmp_path / "a.png", 32, fit="crop")[0]
        torch.testing.assert_close(loaded, oracle(rgb(), 32, "crop"), rtol=0, atol=1e-6)


def truncated(path):
    rgb(200, 200).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:1500])


def flipped(path):
    rgb(200, 200).save(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)


def bomb(path):
    Image.new("1", (20_000, 20_000)).save(path, format="PNG")


def small_bomb(path):
    """Between Pillow's limit and twice the limit, where Pillow itself only warns."""
    Image.new("1", (10_000, 10_000)).save(path, format="PNG")


def postscript(path):
    rgb().save(path, format="EPS")


def loop(path):
    path.symlink_to(path)


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "text": (lambda path: path.write_text("no image at all\n" * 50), "not an image"),
    "header": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "not an image|damaged"),
    "truncated": (truncated, "truncated"),
    "flipped": (flipped, "damaged"),
    "bomb": (bomb, r"400000000 pixels\) exceeds limit of \d+"),
    "small bomb": (small_bomb, r"100000000 pixels\) exceeds limit of \d+"),
    "postscript": (postscript, "not an image, or damaged, or of an unsupported format"),
    "missing": (lambda path: None, "No such file"),
    "loop": (loop, "symbolic links"),
    "pipe": (os.mkfifo, "not a file"),
    "folder": (lambda path: path.mkdir(), "no image files"),
}


@pytest.mark.skipif(os.name != "posix", reason="makes pipes and links")
class TestFailures:
    @pytest.mark.parametrize("kind", BAD)
    def test_each_is_named_and_the_rest_goes_on(self, tmp_path, kind):
        make, reason = BAD[kind]
        bad, good = tmp_path / "bad.png", tmp_path / "good.png"
        make(bad)
        rgb().save(good)
        with pytest.warns(
            ImageWarning, match=rf"1 of 2 images cannot be read: .*bad\.png: .*{reason}"
        ):
            images = load_images([bad, good], 32)
        torch.testing.assert_close(images[0], oracle(rgb(), 32), rtol=0, atol=1e-6)
        found = read_images([good, bad], 32)
        assert found.paths == [good]
        assert [failure.path for failure in found.failures] == [bad]
        assert "\n" not in found.failures[0].reason

    @pytest.mark.parametrize("kind", BAD)
    def test_alone_is_an_error(self, tmp_path, kind):
        make, reason = BAD[kind]
        make(tmp_path / "bad.png")
        with pytest.raises(ImageError, match=reason):
            load_images(tmp_path / "bad.png")

    def test_raise_names_all(self, tmp_path):
        rgb().save(tmp_path / "good.png")
        paths = [tmp_path / "one.png", tmp_path / "good.png", tmp_path / "two.png"]
        with pytest.raises(ImageError, match=r"2 of 3 .*one\.png: No such.*two\.png: No such"):
            load_images(paths, on_error="raise")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
    def test_no_permission(self, tmp_path):
        rgb().save(tmp_path / "secret.png")
        (tmp_path / "secret.png").chmod(0)
        with pytest.raises(ImageError, match="Permission denied"):
            load_images(tmp_path / "secret.png")

    def test_nothing_given(self):
        with pytest.raises(ImageError, match="no images were given"):
            load_images([])
        assert read_images([], 16).images.shape == (0, 3, 16, 16)

    def test_name_that_is_no_path(self):
        with pytest.raises(ImageError, match="null"):
            load_images("a\0b.png")
        with pytest.raises(TypeError):
            load_images([3])

    def test_control_characters_in_names_are_escaped(self):
        assert str(ImageFailure(Path("a\n\x1b[2Jb.png"), "why")) == r"'a\n\x1b[2Jb.png': why"

    @settings(
        deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"]),
        start=st.floats(0, 1),
        noise=st.binary(min_size=1, max_size=60),
    )
    def test_damage_anywhere_never_escapes(self, tmp_path, kind, start, noise):
        path = tmp_path / "damaged"
        rgb(16, 16).save(path, format=kind)
        data = bytearray(path.read_bytes())
        at = int(start * (len(data) - 1))
        data[at : at + len(noise)] = noise
        path.write_bytes(data)
        found = read_images(path, 16)
        assert len(found.paths) + len(found.failures) == 1
        assert ((found.images >= 0) & (found.images <= 1)).all()


class TestFolders:
    def test_natural_order_and_only_images(self, tmp_path):
        for name in ["10.png", "2.PNG", "1.png", ".hidden.png"]:
            rgb(9, 9).save(tmp_path / name)
        (tmp_path / "notes.txt").write_text("not an image")
        (tmp_path / "deeper").mkdir()
        rgb(9, 9).save(tmp_path / "deeper" / "3.png")
        files, failures = find_images(tmp_path)
        assert [file.name for file in files] == ["1.png", "2.PNG", "10.png"]
        assert not failures

    def test_files_and_folders_in_the_order_given(self, tmp_path):
        (tmp_path / "folder").mkdir()
        rgb(9, 9).save(tmp_path / "z.png")
        rgb(9, 9).save(tmp_path / "folder" / "a.png")
        found = read_images([str(tmp_path / "z.png"), tmp_path / "folder"], 8)
        assert [path.name for path in found.paths] == ["z.png", "a.png"]
        assert found.images.shape == (2, 3, 8, 8)

    def test_a_file_without_a_suffix_is_read_when_named(self, tmp_path):
        rgb().save(tmp_path / "photo", format="PNG")
        assert load_images(str(tmp_path / "photo"), 8).shape == (1, 3, 8, 8)


class TestStudy:
    def test_not_set(self, monkeypatch):
        monkeypatch.delenv("RCX_ASSETS", raising=False)
        with pytest.raises(ImageError, match=r"RCX_ASSETS is not set.*sample profile"):
            study_images()

    def test_not_there(self, monkeypatch, tmp_path):
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        with pytest.raises(ImageError, match=r"No such file.*images/imagenet100"):
            study_images()

    def test_badly_named_is_left_out(self, monkeypatch, tmp_path):
        folder = tmp_path / "images" / "imagenet100"
        folder.mkdir(parents=True)
        rgb(9, 9).save(folder / "n01443537_goldfish.JPEG")
        rgb(9, 9).save(folder / "holiday.JPEG")
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        with pytest.warns(ImageWarning, match=r"left out .*holiday\.JPEG"):
            assert [(path.name, label) for path, label in study_images()] == [
                ("n01443537_goldfish.JPEG", 1)
            ]

    @pytest.mark.assets
    @pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
    def test_the_real_ones(self):
        images = study_images()
        labels = {path.stem: label for path, label in images}
        assert len(images) == len(set(labels.values())) == 100
        assert labels["n01518878_ostrich"] == 9
        assert labels["n13040303_stinkhorn"] == 994
        chosen = [path for path, _ in images if "gasmask" in path.name or "beaker" in path.name]
        assert load_images(chosen, 64).shape == (2, 3, 64, 64)
