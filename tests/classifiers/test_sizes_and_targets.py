"""Size, class and device that fit a classifier."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn
from torchvision.models import VisionTransformer

from rcx.classifiers.classifier import ClassifierError
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sizes import image_size
from rcx.classifiers.targets import checked_targets, class_index


def small_cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def timm_transformer() -> nn.Module:
    return timm.create_model(
        "vit_tiny_patch16_224", pretrained=False, depth=1, embed_dim=12, num_heads=1
    )


def torchvision_transformer() -> nn.Module:
    model: nn.Module = VisionTransformer(
        image_size=224, patch_size=32, num_layers=1, num_heads=1, hidden_dim=8, mlp_dim=8
    )
    return model


@pytest.mark.parametrize(
    ("model", "input_size", "expected"),
    [
        (small_cnn, 224, 224),
        (small_cnn, None, 224),
        (small_cnn, 299, 299),
        (small_cnn, 128, 128),
        (timm_transformer, 224, 224),
        (torchvision_transformer, 224, 224),
    ],
)
def test_the_size_that_the_model_was_made_for(
    model: Callable[[], nn.Module], input_size: int | None, expected: int
) -> None:
    assert image_size(load_classifier(model(), input_size=input_size)) == expected


def test_a_wanted_size_is_taken_or_refused() -> None:
    assert image_size(load_classifier(small_cnn(), input_size=224), 100) == 100
    transformer = load_classifier(timm_transformer(), input_size=224)
    assert image_size(transformer, 224) == 224
    with pytest.raises(ClassifierError, match="cannot take 256x256 images, it was made for 224"):
        image_size(transformer, 256)


def test_asking_leaves_the_model_as_it_was() -> None:
    norm = nn.BatchNorm2d(3)
    assert norm.running_mean is not None
    before = norm.running_mean.clone()
    model = nn.Sequential(norm, small_cnn()).train()
    image_size(load_classifier(model, input_size=224))
    assert model.training
    assert torch.equal(norm.running_mean, before)


NAMES = ("goldfish", "great white shark", "jack-o'-lantern", "crane", "crane", "7")


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("goldfish", 0),
        ("Great_White-Shark", 1),
        (" great  white shark ", 1),
        ("jack-o'-lantern", 2),
        ("crane", 3),
        ("4", 4),
        ("0", 0),
    ],
)
def test_a_class_by_name_or_index(wanted: str, index: int) -> None:
    assert class_index(load_classifier(small_cnn(), class_names=NAMES), wanted) == index


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("goldfisch", "did you mean 'goldfish'"),
        ("zebra", "give a name or 0 to 5"),
        ("6", "has the classes 0 to 5"),
        ("-1", "unknown class '-1'"),
        ("", "unknown class ''"),
    ],
)
def test_an_unknown_class_is_refused(wanted: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_index(load_classifier(small_cnn(), class_names=NAMES), wanted)


def test_without_class_names_an_index_is_needed() -> None:
    classifier = load_classifier(small_cnn())
    assert class_index(classifier, "3") == 3
    with pytest.raises(ValueError, match="no class names, give an index"):
        class_index(classifier, "crane")


def test_a_target_is_an_index_or_a_name_for_all_images_or_an_index_for_each() -> None:
    classifier = load_classifier(small_cnn(), class_names=NAMES)
    logits = torch.eye(6)[[5, 2, 0]]
    for target, expected in (
        (None, [5, 2, 0]),
        (4, [4, 4, 4]),
        ("Great_White-Shark", [1, 1, 1]),
        ([1, 2, 3], [1, 2, 3]),
        (torch.tensor([3, 2, 1]), [3, 2, 1]),
    ):
        assert checked_targets(target, logits, classifier).tolist() == expected
    with pytest.raises(ValueError, match="did you mean 'goldfish'"):
        checked_targets("goldfisch", logits, classifier)


def test_devices() -> None:
    assert usable_device("cpu") == torch.device("cpu") == usable_device(torch.device("cpu"))
    assert usable_device("auto").type in ("cpu", "cuda")
    for name in ("toaster", "meta", "cuda:99"):
        with pytest.raises(ValueError, match=f"device '{name}' cannot be used here"):
            usable_device(name)
