"""Which files of a folder are images, which can be read, and what is said of the others."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pictures import picture, resized
from PIL import Image, ImageFile

from rcx.images.checks import ImageError
from rcx.images.decoding import read_image
from rcx.images.reading import find_images, read_images

HEIF_IS_NEEDED = r"an HEIF photo; reading it needs pip install 'rcx\[heif\]'"


@pytest.fixture
def own_pillow() -> Iterator[None]:
    """Take back what a test registers with Pillow."""
    openers, names, suffixes = dict(Image.OPEN), list(Image.ID), dict(Image.EXTENSION)
    yield
    Image.OPEN.clear()
    Image.OPEN.update(openers)
    Image.ID[:] = names
    Image.EXTENSION.clear()
    Image.EXTENSION.update(suffixes)


def reasons(folder: Path) -> dict[str, str]:
    return {failure.path.name: failure.reason for failure in read_images(folder, 8).failures}


class TestFolders:
    @pytest.mark.parametrize(
        ("names", "reason"),
        [
            ("a.CR2 a.dng a.nef a.arw a.raw", "raw data of a camera; save the photo as JPEG"),
            ("a.svg a.EPS a.ai", "a drawing rather than pixels; save it as PNG"),
            ("a.psd a.jxl a.exr a.tga a.fits a.dcm", "of a format that cannot be read; save"),
            ("a.heic a.HEIF a.hif", r"HEIF photos needs pip install 'rcx\[heif\]'"),
            ("a.npz", "an archive of arrays; save the one that is the image as .npy"),
            ("a.npy", "no array as numpy.save writes it with allow_pickle=False"),
            ("a.avif a.webp a.jp2", "damaged, or of a format that cannot be read"),
            ("a.jpg a.png a.bmp a.mpo a.tif", "not an image, or damaged"),
        ],
    )
    def test_images_that_cannot_be_read_are_named(
        self, tmp_path: Path, names: str, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        for name in names.split():
            (tmp_path / name).write_bytes(b"%no image, but named as one\0\1\2")
        found = reasons(tmp_path)
        assert sorted(found) == sorted(names.split())
        for text in found.values():
            assert re.search(reason, text)

    def test_other_files_are_passed_over(self, tmp_path: Path) -> None:
        names = (
            "notes.txt photo.xmp photo.json photo.AAE Thumbs.db desktop.ini README list.csv BM.md "
            "P5 video.mov video.mp4 paper.pdf weights.h5 result.safetensors a.zip .DS_Store "
            ".hidden.jpg ._photo.jpg .raw"
        )
        for name in names.split():
            content = b"\0\0\0\x18ftypqt  \0\0\0\0" if name.startswith("video") else name.encode()
            (tmp_path / name).write_bytes(content + b" and more")
        picture().save(tmp_path / ".hidden.png")
        picture().save(tmp_path / "photo.jpg")
        files, failures = find_images(tmp_path)
        assert [file.name for file in files] == ["photo.jpg"]
        assert not failures

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
    @pytest.mark.parametrize("name", ["photo", "photo.jpg_large", "photo.txt", "photo.png~"])
    def test_an_image_is_one_by_its_content(self, tmp_path: Path, kind: str, name: str) -> None:
        picture().save(tmp_path / name, kind)
        files, _ = find_images(tmp_path)
        assert [file.name for file in files] == [name]
        assert read_image(files[0], 8).shape == (3, 8, 8)

    @pytest.mark.parametrize("suffix", ["heic", "cr3", "psd", "npy", "bmp"])
    def test_a_wrong_suffix_does_not_matter(self, tmp_path: Path, suffix: str) -> None:
        picture().save(tmp_path / f"a.{suffix}", "PNG")
        image = read_image(tmp_path / f"a.{suffix}", 32)
        torch.testing.assert_close(image, resized(picture(), 32), rtol=0, atol=1e-6)

    def test_the_preview_in_raw_data_is_not_taken_for_the_photo(self, tmp_path: Path) -> None:
        picture().save(tmp_path / "photo.dng", "TIFF")
        with pytest.raises(ImageError, match="raw data of a camera"):
            read_image(tmp_path / "photo.dng", 32)

    def test_several_photos_in_one_file(self, tmp_path: Path) -> None:
        picture().save(tmp_path / "a.mpo", save_all=True, append_images=[picture()])
        (file,), _ = find_images(tmp_path)
        torch.testing.assert_close(read_image(file, 32), resized(picture(), 32), rtol=0, atol=0.2)


@pytest.mark.parametrize("suffix", ["dds", "pcx", "qoi", "sgi"])
def test_rarer_formats(tmp_path: Path, suffix: str) -> None:
    if suffix.upper() not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {suffix}")
    image = picture(64, 64)
    image.save(tmp_path / f"a.{suffix}")
    (file,), _ = find_images(tmp_path)
    torch.testing.assert_close(read_image(file, 64), resized(image, 64), rtol=0, atol=1e-6)


class Notes(ImageFile.ImageFile):
    """A format of a program's own, of which Pillow knows nothing."""

    format = "NOTES"

    def _open(self) -> None:
        self._mode, self._size = "L", (16, 16)
        self.tile = []

    def load(self) -> None:
        self.im = Image.new("L", (16, 16), 51).im


@pytest.mark.usefixtures("own_pillow")
def test_an_opener_of_the_program_is_respected(tmp_path: Path) -> None:
    (tmp_path / "a.notes").write_bytes(b"NOTES")
    (tmp_path / "b.cr2").write_bytes(b"NOTES")
    assert [file.name for file in find_images(tmp_path)[0]] == ["b.cr2"]
    Image.register_open("NOTES", Notes, lambda prefix: prefix.startswith(b"NOTES"))
    Image.register_extension("NOTES", ".notes")
    image_set = read_images(tmp_path, 8)
    assert [path.name for path in image_set.paths] == ["a.notes", "b.cr2"]
    torch.testing.assert_close(image_set.images, torch.full((2, 3, 8, 8), 0.2))


class TestHeif:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Photos as phones write them, under right and wrong names."""
        pillow_heif = pytest.importorskip("pillow_heif")
        exif = Image.Exif()
        exif[0x0112] = 6
        for name, image, options in [
            ("IMG_1.HEIC", picture(64, 64), {}),
            ("IMG_2.heif", picture(64, 64).convert("L"), {}),
            ("IMG_3.jpg", picture(64, 64), {}),
            ("IMG_4", picture(64, 64), {"exif": exif.tobytes()}),
        ]:
            file = pillow_heif.from_pillow(image)
            file.info.update(options)
            file.save(tmp_path / name, quality=-1, chroma=444)
        return tmp_path

    def test_photos_are_read_without_registering_anything(self, folder: Path) -> None:
        before = dict(Image.OPEN)
        image_set = read_images(folder, 64)
        assert not image_set.failures
        assert dict(Image.OPEN) == before
        first, grey, third, turned = image_set.images
        expected = resized(picture(64, 64), 64)
        torch.testing.assert_close(first, expected, rtol=0, atol=0.02)
        assert torch.equal(third, first)
        torch.testing.assert_close(turned, first.rot90(-1, (1, 2)), rtol=0, atol=0.02)
        torch.testing.assert_close(
            grey, resized(picture(64, 64).convert("L").convert("RGB"), 64), rtol=0, atol=0.02
        )

    @pytest.mark.usefixtures("own_pillow")
    def test_a_registered_opener_gives_the_same(self, folder: Path) -> None:
        before = read_images(folder, 64).images
        pytest.importorskip("pillow_heif").register_heif_opener()
        assert torch.equal(read_images(folder, 64).images, before)

    def test_without_the_extra_each_photo_is_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        picture().save(folder / "good.png")
        found = reasons(folder)
        assert sorted(found) == ["IMG_1.HEIC", "IMG_2.heif", "IMG_3.jpg", "IMG_4"]
        for text in found.values():
            assert re.fullmatch(HEIF_IS_NEEDED, text)

    def test_a_cut_photo_is_damaged(self, folder: Path) -> None:
        data = (folder / "IMG_1.HEIC").read_bytes()
        (folder / "IMG_1.HEIC").write_bytes(data[: len(data) // 2])
        assert "damaged" in reasons(folder)["IMG_1.HEIC"]

    def test_too_many_pixels(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        assert reasons(folder)["IMG_1.HEIC"].endswith("(4096 pixels) exceeds limit of 1000 pixels")


def test_pillow_heif_is_not_imported_for_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "pillow_heif", raising=False)
    picture().save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_text("no photo")
    assert len(read_images(tmp_path, 8).paths) == 1
    assert "pillow_heif" not in sys.modules
