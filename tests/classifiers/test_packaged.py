"""The classifier that is installed with rcx, on photographs that scikit-image packages."""

import re
from pathlib import Path

import pytest
import skimage.data
import torch

from rcx.classifiers.classifier import checked_logits
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.packaged import packaged_network
from rcx.images.reading import load_images

NAME = "packaged/efficientnet_lite0"
PHOTOGRAPHS = Path(skimage.data.__file__).parent


@pytest.mark.parametrize(
    ("file", "class_name"), [("chelsea.png", "Egyptian cat"), ("coffee.png", "espresso")]
)
def test_it_knows_a_photograph_without_any_download(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, class_name: str
) -> None:
    monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    classifier = load_classifier(NAME)
    images = load_images([PHOTOGRAPHS / file], size=224, fit="crop", on_error="raise")
    answer = int(checked_logits(classifier, images).argmax())
    assert classifier.class_names is not None
    assert classifier.class_names[answer] == class_name
    assert classifier.input_size == 224


def test_it_is_ready_to_be_asked_and_normalises() -> None:
    classifier = load_classifier(NAME)
    assert not classifier.model.training
    assert classifier.mean is not None
    torch.testing.assert_close(classifier.mean.flatten(), torch.full((3,), 0.5))


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"_fc.weight": torch.zeros(1)}, file)
    with pytest.raises(RuntimeError, match=re.escape(f"{file} is not the expected file")):
        packaged_network(file)
    with pytest.raises(OSError, match="no_such"):
        packaged_network(tmp_path / "no_such.pth")
