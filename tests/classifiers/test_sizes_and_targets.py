"""Size, class and device that fit a classifier."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torchvision.models import VisionTransformer

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.classifier import Classifier
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sizes import image_size
from rcx.classifiers.targets import checked_targets, class_index
from rcx.images.imagenet import imagenet_class_names, imagenet_labels


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


# --- targets as people write them


class Flag(IntEnum):
    THIRD = 2


def imagenet_classifier(class_names: Sequence[str] = imagenet_class_names()) -> Classifier:
    return load_classifier(small_cnn(), class_names=class_names)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (["goldfish", "Crane", "4"], [0, 3, 4]),
        (("goldfish", 2, np.int64(5)), [0, 2, 5]),
        (np.array(["crane", "goldfish", "crane"]), [3, 0, 3]),
        (np.array([1, 2, 3], dtype=np.uint16), [1, 2, 3]),
        (np.int32(4), [4, 4, 4]),
        (np.array(4), [4, 4, 4]),
        (torch.tensor([1, 2, 3], dtype=torch.uint8), [1, 2, 3]),
        (torch.tensor(2, dtype=torch.int16), [2, 2, 2]),
        ([torch.tensor(1), torch.tensor(2), torch.tensor(0)], [1, 2, 0]),
        (range(3), [0, 1, 2]),
        (Flag.THIRD, [2, 2, 2]),
    ],
)
def test_targets_of_many_types(target: Any, expected: list[int]) -> None:
    classifier = load_classifier(small_cnn(), class_names=NAMES)
    targets = checked_targets(target, torch.zeros(3, 6), classifier)
    assert targets.tolist() == expected
    assert targets.dtype == torch.int64


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (True, "True is a truth value"),
        ([0, False, 1], "False is a truth value"),
        (np.bool_(True), "True is a truth value"),
        (torch.tensor([True, False, True]), "truth value"),
        (2.0, r"names or whole numbers, got 2.0 \(float\)"),
        (np.array([0.5, 1, 2]), "whole numbers, got 0.5"),
        (torch.tensor([0.0, 1.0, 2.0]), "whole numbers"),
        ([1, None, 2], r"whole numbers, got None \(NoneType\)"),
        ([[0], [1], [2]], "whole numbers"),
        ({"class": 1}, "whole numbers"),
        ((index for index in range(3)), "whole numbers, got <generator"),
        (b"goldfish", "whole numbers"),
        (-1, "from 0 to 5, got -1"),
        (2**70, "from 0 to 5"),
        ([0, 1], "one class or 3, one for each image, got 2"),
        ([], "one class or 3, one for each image, got 0"),
        (torch.zeros(3, 6), r"the shape \(3, 6\); of one-hot labels, take .argmax\(1\)"),
        (torch.zeros(3, dtype=torch.int64, device="meta"), "has no values"),
        ("goldfish, crane", "unknown class 'goldfish, crane'"),
        (["goldfish", "goldfisch", "crane"], "did you mean 'goldfish'"),
    ],
)
def test_targets_that_name_no_class_are_refused(target: Any, message: str) -> None:
    classifier = load_classifier(small_cnn(), class_names=NAMES)
    with pytest.raises(ValueError, match=message):
        checked_targets(target, torch.zeros(3, 6), classifier)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("n02123045", 281),
        ("tabby, tabby cat", 281),
        ("tabby_cat", 281),
        ("Tabby", 281),
        ("n01440764", 0),
        ("maillot, tank suit", 639),
        ("crane bird", 134),
        ("Cardigan", 264),
        ("cardigan", 474),
    ],
)
def test_a_class_of_imagenet_has_an_id_and_synonyms(name: str, index: int) -> None:
    assert class_index(imagenet_classifier(), name) == index


def test_every_id_and_every_label_of_imagenet_is_its_class() -> None:
    labels = imagenet_labels()
    for classifier in (imagenet_classifier(), imagenet_classifier([*labels.values()])):
        for index, (wnid, label) in enumerate(labels.items()):
            assert class_index(classifier, wnid) == index
            if label not in ("crane", "maillot"):  # two classes have each of these names
                assert class_index(classifier, label) == index, label


def test_the_larger_sets_of_imagenet_have_ids_too() -> None:
    labels = imagenet_labels(21841)
    names = [label.split(",")[0] for label in labels.values()]
    wnid = list(labels)[777]
    assert class_index(imagenet_classifier(names), wnid) == 777


def test_synonyms_of_two_classes_and_ids_of_other_classifiers_are_refused() -> None:
    for name in ("tabby, tiger cat", "n99999999", "tabby, nothing", ",", "cat,dog"):
        with pytest.raises(ValueError, match="unknown class"):
            class_index(imagenet_classifier(), name)
    with pytest.raises(ValueError, match=r"means the classes 60 .* and 96 .*give an index"):
        names = [f"class number {index}" for index in range(1000)]
        names[60], names[96] = "night snake, one", "toucan, one"
        class_index(imagenet_classifier(names), "one")
    with pytest.raises(ValueError, match="unknown class 'n02123045'"):
        class_index(load_classifier(small_cnn(), class_names=NAMES), "n02123045")


# --- class names as people write them


@pytest.mark.parametrize(
    "names",
    [
        {0: "cat", 1: "dog"},
        {"1": "dog", "0": "cat"},
        ["cat", "dog"],
        np.array(["cat", "dog"]),
        (name for name in ("cat", "dog")),
        {0: "cat", 1: "dog"}.values(),
    ],
)
def test_class_names_in_order_or_by_index(names: Any) -> None:
    class_names = load_classifier(nn.Identity(), class_names=names).class_names
    assert class_names == ("cat", "dog")
    assert all(type(name) is str for name in class_names)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("cat,dog", TypeError, "not one text 'cat,dog'; write .*'cat', 'dog'"),
        ("classes.txt", TypeError, "not one text"),
        (Path("classes.txt"), TypeError, "not one text"),
        ({0: "cat", 2: "dog"}, ValueError, "2 names, but none for class 1"),
        ({1: "cat", 2: "dog"}, ValueError, "none for class 0"),
        ({"cat": 0, "dog": 1}, ValueError, "'cat' is no index; turn a mapping"),
        ({0: "cat", "0": "dog"}, ValueError, "name each class once"),
        ({0.5: "cat"}, ValueError, "name each class once, by its index"),
        ({"cat", "dog"}, TypeError, "not a set"),
        (["cat", None], TypeError, "that of class 1 is None"),
        ([0, 1], TypeError, "that of class 0 is 0"),
        ([], ValueError, "class_names is empty"),
        (3, TypeError, "not a int"),
    ],
)
def test_class_names_that_are_no_names_are_refused(
    names: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load_classifier(nn.Identity(), class_names=names)


def test_devices() -> None:
    assert usable_device("cpu") == torch.device("cpu") == usable_device(torch.device("cpu"))
    assert usable_device("auto").type in ("cpu", "cuda")
    for name in ("toaster", "meta", "cuda:99"):
        with pytest.raises(ValueError, match=f"device '{name}' cannot be used here"):
            usable_device(name)
