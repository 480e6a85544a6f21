"""Models by name: unknown names, weights in the assets folder, and the real models."""

import os
import re
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from networks import batch_norms, normalise, random_images
from safetensors.torch import save_file

from rcx.classifiers.classifier import checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sample import SAMPLE_MEAN
from rcx.classifiers.weights import WeightsError
from rcx.images.imagenet import study_images
from rcx.images.reading import load_images
from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE

TIMM = "test_vit"  # one of timm's models for tests, with 0.4 million parameters
VISION = "squeezenet1_1"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("torchvision/mobilenet_v3_smal", "mean torchvision/mobilenet_v3_small?"),
            ("torchvision/fasterrcnn_resnet50_fpn", "unknown model"),
            ("timm/deit_tiny", "timm/deit_tiny_patch16_224"),
            ("timm/deit_tiny_patch16_224.nope", "timm/deit_tiny_patch16_224.fb_in1k"),
            ("resnet18", "mean torchvision/resnet18 or timm/resnet18"),
            ("keras/resnet18", "unknown model source"),
            ("sample/resnet", "sample/cnn or sample/vit"),
            ("timm/", "unknown model"),
            ("", "unknown model source"),
        ],
    )
    def test_an_unknown_name(self, name: str, message: str) -> None:
        with pytest.raises(ValueError, match=re.escape(message)):
            load_classifier(name)

    @pytest.mark.parametrize(
        "escape", ["../secret", "../../x", f"{TIMM}.../../secret", f"{TIMM}/../../secret", "/etc/x"]
    )
    def test_a_name_cannot_leave_the_weights_folder(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, escape: str
    ) -> None:
        (tmp_path / "assets" / "weights").mkdir(parents=True)
        save_file(timm.create_model(TIMM).state_dict(), tmp_path / "assets" / "secret.safetensors")
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path / "assets"))
        with pytest.raises(ValueError, match="unknown model"):
            load_classifier(f"timm/{escape}")

    @pytest.mark.parametrize("name", ["cnn", "vit"])
    def test_the_sample(self, name: str) -> None:
        classifier = load_classifier(f"sample/{name}")
        assert checked_logits(classifier, random_images(2, SAMPLE_SIZE)).shape == (
            2,
            len(SAMPLE_CLASSES),
        )
        assert classifier.class_names == tuple(SAMPLE_CLASSES)
        assert classifier.mean is not None
        torch.testing.assert_close(classifier.mean.flatten(), torch.tensor(SAMPLE_MEAN))


class TestAssetFiles:
    @pytest.fixture
    def file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setenv("RCX_ASSETS", str(tmp_path))
        (tmp_path / "weights").mkdir()
        return tmp_path / "weights" / f"{TIMM}.safetensors"

    def test_timms_are_read_before_any_download(self, file: Path) -> None:
        model = timm.create_model(TIMM).eval()
        save_file(model.state_dict(), file)
        classifier = load_classifier(f"timm/{TIMM}")
        assert not classifier.training
        assert classifier.input_size == 160
        assert classifier.label(1) == "goldfish"
        normalised = normalise(classifier, random_images(2, 160))
        torch.testing.assert_close(classifier(random_images(2, 160)), model(normalised))
        raw = load_classifier(f"timm/{TIMM}", normalize=False)
        torch.testing.assert_close(raw(random_images(2, 160)), model(random_images(2, 160)))

    def test_batch_counters_may_be_missing(self, file: Path) -> None:
        weights = timm.create_model("test_resnet").state_dict()
        uncounted = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
        assert len(uncounted) < len(weights)
        save_file(uncounted, file.with_name("test_resnet.safetensors"))
        assert load_classifier("timm/test_resnet").name == "timm/test_resnet"

    def test_weights_of_another_model(self, file: Path) -> None:
        weights = timm.create_model(TIMM).state_dict()
        weights["head.extra"] = weights.pop("head.bias")
        save_file(weights, file)
        with pytest.raises(WeightsError, match=r"missing head\.bias, unexpected head\.extra"):
            load_classifier(f"timm/{TIMM}")

    def test_weights_of_another_shape(self, file: Path) -> None:
        save_file(timm.create_model(TIMM, num_classes=7).state_dict(), file)
        with pytest.raises(WeightsError, match=r"does not fit the model: .*head\.bias"):
            load_classifier(f"timm/{TIMM}")

    def test_damaged_weights(self, file: Path) -> None:
        file.write_bytes(b"not safetensors")
        with pytest.raises(WeightsError, match=r"test_vit\.safetensors cannot be read"):
            load_classifier(f"timm/{TIMM}")

    def test_torchvisions_are_read_before_any_download(self, file: Path) -> None:
        model = torchvision.models.get_model(VISION).eval()
        file = file.parent / "torchvision" / f"{VISION}.safetensors"
        file.parent.mkdir()
        save_file(model.state_dict(), file)
        classifier = load_classifier(f"torchvision/{VISION}")
        assert not classifier.training
        assert classifier.input_size == 224
        assert classifier.label(9) == "ostrich"
        normalised = normalise(classifier, random_images(1, 64))
        torch.testing.assert_close(classifier(random_images(1, 64)), model(normalised))
        file.write_bytes(b"not safetensors")
        with pytest.raises(WeightsError, match="cannot be read"):
            load_classifier(f"torchvision/{VISION}")

    @pytest.mark.slow
    def test_networks_that_torchvision_builds_with_special_options(self, file: Path) -> None:
        model = torchvision.models.googlenet(
            weights=None, aux_logits=True, transform_input=True, init_weights=False
        ).eval()
        file = file.parent / "torchvision" / "googlenet.safetensors"
        file.parent.mkdir()
        save_file(model.state_dict(), file)
        classifier = load_classifier("torchvision/googlenet")
        normalised = normalise(classifier, random_images(1, 64))
        torch.testing.assert_close(classifier(random_images(1, 64)), model(normalised))


@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
class TestRealModels:
    NAMES = ("timm/tf_mobilenetv3_small_100", "timm/deit_tiny_patch16_224")

    @pytest.mark.parametrize(("name", "size"), [(NAMES[0], 256), (NAMES[1], 224)])
    def test_recognise_the_studys_images(self, name: str, size: int) -> None:
        classifier = load_classifier(name)
        paths, classes = zip(*study_images()[::10], strict=True)
        images, labels = load_images(paths, size), torch.tensor(classes)
        with torch.no_grad():
            expected = checked_logits(classifier, images)
            answer = checked_logits(inference_copy(classifier), images)
        # Both classifiers are right on three quarters of the hundred photographs.
        assert (expected.argmax(-1) == labels).sum() >= 6
        torch.testing.assert_close(answer, expected, rtol=0, atol=1e-3)

    def test_the_copy_has_no_batch_norms_left(self) -> None:
        assert batch_norms(inference_copy(load_classifier(self.NAMES[0]))) == 0
