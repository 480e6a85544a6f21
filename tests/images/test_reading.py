"""Files and folders of images: files that cannot be read are named with their reasons."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import picture, resized
from PIL import Image

from rcx.images.checks import ImageError
from rcx.images.reading import (
    ImageFailure,
    ImageWarning,
    find_images,
    load_images,
    read_images,
)


def truncated(path: Path) -> None:
    picture(200, 200).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:1500])


def flipped(path: Path) -> None:
    picture(200, 200).save(path, format="PNG")
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path, format="PNG")


def smaller_bomb(path: Path) -> None:
    """An image between Pillow's limit and twice the limit, of which Pillow only warns."""
    Image.new("1", (10_000, 10_000)).save(path, format="PNG")


def postscript(path: Path) -> None:
    picture().save(path, format="EPS")


def loop(path: Path) -> None:
    path.symlink_to(path)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "text": (lambda path: path.write_text("no image at all\n" * 50), "not an image"),
    "header": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "not an image|damaged"),
    "truncated": (truncated, "truncated"),
    "flipped": (flipped, "damaged"),
    "bomb": (bomb, r"400000000 pixels\) exceeds limit of \d+"),
    "smaller bomb": (smaller_bomb, r"100000000 pixels\) exceeds limit of \d+"),
    "postscript": (postscript, "not an image, or damaged, or of an unsupported format"),
    "missing": (lambda path: None, "No such file"),
    "loop": (loop, "symbolic links"),
    "pipe": (os.mkfifo, "not a file"),
    "folder": (lambda path: path.mkdir(), "no image files"),
}


@pytest.mark.skipif(os.name != "posix", reason="makes pipes and links")
class TestFailures:
    @pytest.mark.parametrize("kind", BAD)
    def test_each_is_named_and_the_rest_goes_on(self, tmp_path: Path, kind: str) -> None:
        make, reason = BAD[kind]
        bad, good = tmp_path / "bad.png", tmp_path / "good.png"
        make(bad)
        picture().save(good)
        with pytest.warns(
            ImageWarning, match=rf"1 of 2 images cannot be read: .*bad\.png: .*{reason}"
        ):
            images = load_images([bad, good], 32)
        torch.testing.assert_close(images[0], resized(picture(), 32), rtol=0, atol=1e-6)
        image_set = read_images([good, bad], 32)
        assert image_set.paths == [good]
        assert [failure.path for failure in image_set.failures] == [bad]
        assert "\n" not in image_set.failures[0].reason

    @pytest.mark.parametrize("kind", BAD)
    def test_alone_is_an_error(self, tmp_path: Path, kind: str) -> None:
        make, reason = BAD[kind]
        make(tmp_path / "bad.png")
        with pytest.raises(ImageError, match=reason):
            load_images(tmp_path / "bad.png")

    def test_raise_names_all(self, tmp_path: Path) -> None:
        picture().save(tmp_path / "good.png")
        paths = [tmp_path / "one.png", tmp_path / "good.png", tmp_path / "two.png"]
        with pytest.raises(ImageError, match=r"2 of 3 .*one\.png: No such.*two\.png: No such"):
            load_images(paths, on_error="raise")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
    def test_no_permission(self, tmp_path: Path) -> None:
        picture().save(tmp_path / "secret.png")
        (tmp_path / "secret.png").chmod(0)
        with pytest.raises(ImageError, match="Permission denied"):
            load_images(tmp_path / "secret.png")

    def test_nothing_given(self) -> None:
        with pytest.raises(ImageError, match="no images were given"):
            load_images([])
        assert read_images([], 16).images.shape == (0, 3, 16, 16)

    def test_name_that_is_no_path(self) -> None:
        with pytest.raises(ImageError, match="null"):
            load_images("a\0b.png")
        with pytest.raises(TypeError):
            load_images([3])  # type: ignore[list-item]

    def test_control_characters_in_names_are_escaped(self) -> None:
        assert str(ImageFailure(Path("a\n\x1b[2Jb.png"), "why")) == r"'a\n\x1b[2Jb.png': why"

    @settings(
        deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF"]),
        start=st.floats(0, 1),
        noise=st.binary(min_size=1, max_size=60),
    )
    def test_damage_anywhere_never_escapes(
        self, tmp_path: Path, kind: str, start: float, noise: bytes
    ) -> None:
        path = tmp_path / "damaged"
        picture(16, 16).save(path, format=kind)
        data = bytearray(path.read_bytes())
        at = int(start * (len(data) - 1))
        data[at : at + len(noise)] = noise
        path.write_bytes(data)
        image_set = read_images(path, 16)
        assert len(image_set.paths) + len(image_set.failures) == 1
        assert ((image_set.images >= 0) & (image_set.images <= 1)).all()


class TestFolders:
    def test_natural_order_and_only_images(self, tmp_path: Path) -> None:
        for name in ["10.png", "2.PNG", "1.png", ".hidden.png"]:
            picture(9, 9).save(tmp_path / name)
        (tmp_path / "notes.txt").write_text("not an image")
        (tmp_path / "deeper").mkdir()
        picture(9, 9).save(tmp_path / "deeper" / "3.png")
        files, failures = find_images(tmp_path)
        assert [file.name for file in files] == ["1.png", "2.PNG", "10.png"]
        assert not failures

    def test_files_and_folders_in_the_order_given(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        picture(9, 9).save(tmp_path / "z.png")
        picture(9, 9).save(tmp_path / "folder" / "a.png")
        image_set = read_images([str(tmp_path / "z.png"), tmp_path / "folder"], 8)
        assert [path.name for path in image_set.paths] == ["z.png", "a.png"]
        assert image_set.images.shape == (2, 3, 8, 8)

    def test_a_file_without_a_suffix_is_read_when_named(self, tmp_path: Path) -> None:
        picture().save(tmp_path / "photo", format="PNG")
        assert load_images(str(tmp_path / "photo"), 8).shape == (1, 3, 8, 8)

    def test_a_file_that_is_named_twice_can_be_listed_once(self, tmp_path: Path) -> None:
        picture(9, 9).save(tmp_path / "a.png")
        (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
        files, _ = find_images([tmp_path / "a.png", tmp_path], unique=True)
        assert files == [tmp_path / "a.png"]
        files, _ = find_images([tmp_path / "a.png", tmp_path])
        assert [file.name for file in files] == ["a.png", "a.png", "link.png"]
