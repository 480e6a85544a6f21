"""Images of any number of channels: greys, and stacks of bands in TIFF files and arrays."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from pictures import picture, resized
from PIL import Image
from torch import Tensor

from rcx.images.checks import ImageError
from rcx.images.decoding import read_image
from rcx.images.reading import load_images, read_images

BANDS: npt.NDArray[np.float64] = np.random.default_rng(7).random((5, 32, 32))


def read_array(array: npt.NDArray[Any], folder: Path, channels: int = 5, size: int = 32) -> Tensor:
    np.save(folder / "a.npy", array)
    return read_image(folder / "a.npy", size, channels=channels)


def tiff(bands: npt.NDArray[Any], path: Path, **options: Any) -> Path:
    pages = [Image.fromarray(band) for band in bands]
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
    return path


class TestGreys:
    @pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1"])
    def test_one_channel_is_the_grey_of_pillow(self, tmp_path: Path, mode: str) -> None:
        image = picture().convert(mode)
        image.save(tmp_path / "a.tiff")
        found = read_image(tmp_path / "a.tiff", 32, channels=1)
        expected = resized(image.convert("RGB").convert("L"), 32)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

    def test_greys_keep_their_16_bits(self, tmp_path: Path) -> None:
        values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / "a.png")
        found = load_images(tmp_path / "a.png", 32, channels=1)
        assert found.shape == (1, 1, 32, 32)
        torch.testing.assert_close(found[0, 0], torch.from_numpy(values / 65535).float())

    def test_a_batch_has_the_channels(self, tmp_path: Path) -> None:
        assert read_images([], 16, channels=1).images.shape == (0, 1, 16, 16)
        picture().save(tmp_path / "a.png")
        assert load_images(tmp_path, 16, channels=1).shape == (1, 1, 16, 16)

    @pytest.mark.parametrize("channels", [0, -1, 2.0, "3", None, True])
    def test_channels_that_make_no_sense(self, tmp_path: Path, channels: Any) -> None:
        for reader in (load_images, read_images, read_image):
            with pytest.raises(ValueError, match="channels must be an integer from 1"):
                reader(tmp_path, 32, channels=channels)


class TestArrays:
    @pytest.mark.parametrize(
        ("dtype", "white"),
        [
            ("uint8", 255), ("uint16", 65535), (">u2", 65535), ("int32", 65535), ("int64", 65535),
            ("float32", 1), ("float64", 1), ("float16", 1), (">f4", 1), ("float32", 255),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("last", [False, True])
    def test_range_and_axes(self, tmp_path: Path, dtype: str, white: int, last: bool) -> None:
        array = (BANDS * white).astype(dtype)
        found = read_array(np.moveaxis(array, 0, -1) if last else array, tmp_path)
        expected = torch.from_numpy(array.astype(np.float64) / white).float()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

    def test_truth_values(self, tmp_path: Path) -> None:
        found = read_array(BANDS > 0.5, tmp_path)
        assert torch.equal(found, torch.from_numpy(BANDS > 0.5).float())

    def test_bands_are_resized(self, tmp_path: Path) -> None:
        array = np.asarray(picture()).astype(np.float32) / 255
        found = read_array(array, tmp_path, channels=3, size=16)
        torch.testing.assert_close(found, resized(picture(), 16), rtol=0, atol=1e-6)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_greys(self, tmp_path: Path, channels: int) -> None:
        found = read_array(BANDS[0], tmp_path, channels)
        expected = torch.from_numpy(BANDS[:1]).float().expand(channels, 32, 32)
        torch.testing.assert_close(found, expected)

    def test_memory_order_does_not_matter(self, tmp_path: Path) -> None:
        found = read_array(np.asfortranarray(BANDS), tmp_path)
        assert torch.equal(found, read_array(BANDS, tmp_path))

    @pytest.mark.parametrize(
        ("array", "channels", "reason"),
        [
            (np.zeros((3, 9, 3)), 3, r"\(3, 9, 3\) can be read in two ways"),
            (np.zeros((9, 9, 4)), 3, r"\(3, H, W\) or \(H, W, 3\), or greys \(H, W\); its shape"),
            (np.zeros((9, 9)), 4, r"\(4, H, W\) or \(H, W, 4\); its shape \(9, 9\) is another"),
            (np.zeros((2, 3, 9, 9)), 3, r"shape \(2, 3, 9, 9\) is another"),
            (np.zeros(9), 1, r"shape \(9,\) is another"),
            (np.zeros(()), 1, r"shape \(\) is another"),
            (np.zeros((3, 0, 9)), 3, "is empty"),
            (np.zeros((3, 9, 9), complex), 3, "holds complex128; save numbers"),
            (np.full((3, 9, 9), "a"), 3, "holds <U1; save numbers"),
            (np.full((3, 9, 9), -0.1), 3, "go from -0.1 to -0.1, so that white is not known"),
            (np.full((3, 9, 9), np.nan), 3, "white is not known"),
            (np.full((3, 9, 9), np.inf), 3, "white is not known"),
            (np.full((3, 9, 9), 256.0), 3, "white is not known"),
            (np.full((3, 9, 9), 70000), 3, "white is not known"),
            (np.full((3, 9, 9), 200), 3, "its int64 values end at 200, so that white may be"),
        ],
    )
    def test_refused(
        self, tmp_path: Path, array: npt.NDArray[Any], channels: int, reason: str
    ) -> None:
        with pytest.raises(ImageError, match=reason):
            read_array(array, tmp_path, channels)

    def test_too_many_pixels(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        with pytest.raises(ImageError, match=r"\(1024 pixels\) exceeds limit of 1000 pixels"):
            read_array(BANDS, tmp_path)

    def test_a_pickle_is_not_run(self, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> Any:
                return Path.touch, (tmp_path / "run",)

        np.save(tmp_path / "a.npy", np.array([Trap()]), allow_pickle=True)
        (tmp_path / "b.npy").write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ImageError, match=r"2 of 2 .*a\.npy: .*objects.*b\.npy: no array as"):
            load_images(tmp_path)
        assert not (tmp_path / "run").exists()

    def test_an_archive(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", image=BANDS)
        with pytest.raises(ImageError, match=r"archive of arrays; .* as \.npy"):
            load_images(tmp_path)

    def test_an_array_that_is_cut_short(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", BANDS)
        data = (tmp_path / "a.npy").read_bytes()
        for length in (10, 100, len(data) - 1):
            (tmp_path / "a.npy").write_bytes(data[:length])
            with pytest.raises(ImageError, match="damaged"):
                read_image(tmp_path / "a.npy", 32, channels=5)


class TestPages:
    @pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("f4", 1)])
    @pytest.mark.parametrize("channels", [2, 5])
    def test_each_page_is_a_band(
        self, tmp_path: Path, dtype: str, white: int, channels: int
    ) -> None:
        bands = (BANDS[:channels] * white).astype(dtype)
        found = read_image(tiff(bands, tmp_path / "a.tif"), 32, channels=channels)
        expected = torch.from_numpy(bands.astype(np.float64) / white).float()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)

    def test_truth_values_and_compression(self, tmp_path: Path) -> None:
        path = tiff(BANDS > 0.5, tmp_path / "a.tif", compression="tiff_lzw")
        found = read_image(path, 32, channels=5)
        assert torch.equal(found, torch.from_numpy(BANDS > 0.5).float())

    def test_the_bands_of_floats_have_one_white(self, tmp_path: Path) -> None:
        bands = np.stack([np.full((9, 9), value, np.float32) for value in (0.5, 100.0)])
        found = read_image(tiff(bands, tmp_path / "a.tif"), 8, channels=2)
        torch.testing.assert_close(found[:, 0, 0], torch.tensor([0.5, 100.0]) / 255)

    def test_photos_have_no_bands(self, tmp_path: Path) -> None:
        bands = (BANDS * 255).astype(np.uint8)
        tiff(bands, tmp_path / "a.tif")
        for channels in (2, 4, 6):
            with pytest.raises(ImageError, match=f"TIFF file of {channels} pages .* with 5 pages"):
                read_image(tmp_path / "a.tif", 32, channels=channels)
        picture().convert("RGBA").save(tmp_path / "a.png")
        with pytest.raises(ImageError, match=r"4 channels must be .*; this is PNG with 1 page$"):
            read_image(tmp_path / "a.png", 32, channels=4)
        frames = [Image.fromarray(band) for band in bands]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match="this is GIF with 5 pages"):
            read_image(tmp_path / "a.gif", 32, channels=5)

    @pytest.mark.parametrize(
        ("second", "reason"),
        [
            (Image.new("RGB", (32, 32)), "page 2 must be a single band, and has RGB"),
            (Image.new("L", (31, 32)), "page 2 has another size or type than the first"),
            (Image.new("I;16", (32, 32)), "page 2 has another size or type than the first"),
        ],
    )
    def test_pages_that_do_not_fit(self, tmp_path: Path, second: Image.Image, reason: str) -> None:
        Image.new("L", (32, 32)).save(tmp_path / "a.tif", save_all=True, append_images=[second])
        with pytest.raises(ImageError, match=reason):
            read_image(tmp_path / "a.tif", 32, channels=2)

    def test_the_first_page_of_a_photo(self, tmp_path: Path) -> None:
        bands = (BANDS * 255).astype(np.uint8)
        found = read_image(tiff(bands, tmp_path / "a.tif"), 32)
        expected = torch.from_numpy(bands[:1] / 255).float().expand(3, 32, 32)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
