"""The classes of ImageNet, and where the published study's photographs are looked for."""

import os
from pathlib import Path

import pytest
from pictures import picture

from rcx.images.checks import ImageError
from rcx.images.imagenet import imagenet_class_names, imagenet_index, study_images
from rcx.images.reading import ImageWarning, load_images


def test_classes() -> None:
    assert imagenet_index("n01440764") == 0
    assert imagenet_index("n13040303") == 994
    assert len(set(imagenet_class_names())) == 1000
    assert imagenet_class_names()[9] == "ostrich"
    with pytest.raises(ValueError, match="'n1' is not the WordNet id"):
        imagenet_index("n1")


class TestStudy:
    def test_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("RCX_ASSETS", raising=False)
        with pytest.raises(ImageError, match=r"RCX_ASSETS is not set.*sample profile"):
            study_images()

    def test_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        with pytest.raises(ImageError, match=r"No such file.*images/imagenet100"):
            study_images()

    def test_badly_named_is_left_out(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        folder = tmp_path / "images" / "imagenet100"
        folder.mkdir(parents=True)
        picture(9, 9).save(folder / "n01443537_goldfish.JPEG")
        picture(9, 9).save(folder / "holiday.JPEG")
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        with pytest.warns(ImageWarning, match=r"left out .*holiday\.JPEG"):
            assert [(path.name, label) for path, label in study_images()] == [
                ("n01443537_goldfish.JPEG", 1)
            ]

    @pytest.mark.assets
    @pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
    def test_the_real_ones(self) -> None:
        images = study_images()
        labels = {path.stem: label for path, label in images}
        assert len(images) == len(set(labels.values())) == 100
        assert labels["n01518878_ostrich"] == 9
        assert labels["n13040303_stinkhorn"] == 994
        paths = [path for path, _ in images if "gasmask" in path.name or "beaker" in path.name]
        assert load_images(paths, 64).shape == (2, 3, 64, 64)
