"""Any number of images, as they come, one explanation after the other."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from explainers import assert_same_bits, cartoonx
from helpers import smooth_images, tiny_cnn
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset
from torchvision.transforms.functional import to_pil_image

import rcx
from rcx.explain import EmptyExplanationWarning, Explanation, UnexplainedImage
from rcx.images import ImageError, ImageWarning

IMAGES = smooth_images(5)
CLASSIFIER = rcx.load_classifier(tiny_cnn(), class_names=["ant", "bee", "cat", "dog", "elk"])
EXPLAINER = cartoonx(CLASSIFIER, batch_size=2)


def outcomes(images: Any, *arguments: Any, **options: Any) -> list[Explanation | UnexplainedImage]:
    return list(rcx.explain_all(EXPLAINER, images, *arguments, on_error="yield", **options))


def assert_explained(images: Any, expected: Tensor = IMAGES) -> None:
    """Assert that each image is explained as it would be alone, in order."""
    explanations = outcomes(images, size=24)
    assert len(explanations) == len(expected)
    for explanation, alone in zip(explanations, EXPLAINER.explain(expected), strict=True):
        assert isinstance(explanation, Explanation)
        assert len(explanation) == 1
        assert torch.equal(explanation.target, alone.target)
        torch.testing.assert_close(explanation.mask, alone.mask, atol=1e-4, rtol=1e-3)


class Failing(Dataset[tuple[Tensor, int]]):
    """Images with their number as label, of which the third cannot be read."""

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        if number == 2:
            raise OSError("the disk is gone")
        return IMAGES[number], number


class Stream(IterableDataset[Tensor]):
    def __iter__(self) -> Iterator[Tensor]:
        return iter(IMAGES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, image in enumerate(IMAGES[:3]):
        to_pil_image(image).save(tmp_path / f"{number}.png")
    return tmp_path


# --- what may be explained


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        list(IMAGES),
        [IMAGES[:3], IMAGES[3:]],
        DataLoader(TensorDataset(IMAGES), 2),
        DataLoader(TensorDataset(IMAGES, torch.arange(5)), 3),
        TensorDataset(IMAGES, torch.arange(5)),
        DataLoader(Stream(), 2),
        Stream(),
        DataLoader(TensorDataset(IMAGES), 2, collate_fn=list),
        [{"pixel_values": IMAGES[:2], "labels": torch.arange(2)}, {"image": IMAGES[2:]}],
        [(image, "name") for image in IMAGES],
    ],
    ids=lambda images: type(images).__name__,
)
def test_tensors_however_they_come(images: Any) -> None:
    assert_explained(images)


def test_an_iterator_is_read_once() -> None:
    assert_explained(image for image in IMAGES)


def test_one_image_is_an_image() -> None:
    assert_explained(IMAGES[0], IMAGES[:1])


def test_files_folders_and_images_of_pillow(folder: Path) -> None:
    files = sorted(folder.iterdir())
    expected = rcx.load_images(files, size=24)
    for images in (folder, str(folder), files, map(str, files), [folder]):
        assert_explained(images, expected)
    assert_explained(DataLoader([str(file) for file in files], 2), expected)  # type: ignore[arg-type]
    assert_explained([Image.open(file) for file in files], expected)
    assert_explained([{"image": Image.open(file), "label": 3} for file in files], expected)


def test_an_image_of_pillow_is_read_as_its_file(tmp_path: Path) -> None:
    colours = Image.new("RGB", (30, 20), (200, 20, 30))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"):
        image = Image.new(mode, (30, 20), 1) if mode in ("I;16", "F") else colours.convert(mode)
        image.save(tmp_path / "image.tiff")
        expected = rcx.load_images(tmp_path / "image.tiff", size=24)
        (explanation,) = rcx.explain_all(EXPLAINER, [image], size=24)
        assert_same_bits(explanation, EXPLAINER.explain(expected, warn=False))


def test_files_have_the_classifiers_size_by_default(folder: Path) -> None:
    classifier = rcx.load_classifier(tiny_cnn(), input_size=40)
    explanation = next(rcx.explain_all(cartoonx(classifier), folder))
    assert explanation.images.shape == (1, 3, 40, 40)


def test_images_of_several_sizes() -> None:
    images = [IMAGES[0], IMAGES[1, :, :20], IMAGES[2, :, :20], IMAGES[3]]
    sizes = [tuple(one.images.shape[2:]) for one in rcx.explain_all(EXPLAINER, images)]
    assert sizes == [(24, 24), (20, 24), (20, 24), (24, 24)]


def test_nothing_at_all() -> None:
    assert outcomes([]) == []


@pytest.mark.parametrize("images", [5, None, {"a": IMAGES}, b"dog.jpg"])
def test_what_holds_no_images_is_refused(images: Any) -> None:
    with pytest.raises(TypeError, match="images must be paths, tensors, a Dataset or a DataLoader"):
        rcx.explain_all(EXPLAINER, images)


# --- targets


def test_labels_are_explained_only_if_asked_for() -> None:
    labels = torch.tensor([4, 3, 2, 1, 0])
    loader = DataLoader(TensorDataset(IMAGES, labels), 2)
    predicted = EXPLAINER.explain(IMAGES).target.tolist()
    explanations = list(rcx.explain_all(EXPLAINER, loader))
    assert [int(explanation.target) for explanation in explanations] == predicted
    explanations = list(rcx.explain_all(EXPLAINER, loader, use_labels=True))
    assert [int(explanation.target) for explanation in explanations] == labels.tolist()
    named = [{"image": IMAGES[:2], "label": ["dog", "bee"]}, {"image": IMAGES[2], "label": "elk"}]
    explanations = list(rcx.explain_all(EXPLAINER, named, use_labels=True))
    assert [int(explanation.target) for explanation in explanations] == [3, 1, 4]


def test_one_target_for_all() -> None:
    explanations = list(rcx.explain_all(EXPLAINER, IMAGES, "dog"))
    assert [int(explanation.target) for explanation in explanations] == [3] * 5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": "dgo"}, ValueError, "did you mean 'dog'"),
        ({"target": True}, TypeError, "one index or name"),
        ({"target": [1, 2, 3, 4, 0]}, TypeError, "pairs of image and label, and use_labels=True"),
        ({"target": 1, "use_labels": True}, ValueError, "either a target or use_labels"),
        ({"on_error": "ignore"}, ValueError, "on_error must be"),
        ({"size": 3}, ValueError, "size must be"),
    ],
)
def test_arguments_are_checked_at_once(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rcx.explain_all(EXPLAINER, IMAGES, **options)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:1], "it has no label"),
        ([(IMAGES[0],)], "it has no label"),
        ([(IMAGES[:2], [1])], "2 images, but 1 labels"),
        ([{"image": IMAGES[0]}], "none may be the label"),
        ([(IMAGES[0], 99)], "target must be from 0 to 4, got 99"),
        ([(IMAGES[0], None)], "its label is None"),
    ],
)
def test_labels_that_are_missing_are_told(images: Any, message: str) -> None:
    (failure,) = outcomes(images, use_labels=True)
    assert isinstance(failure, UnexplainedImage)
    assert message in failure.reason


# --- failures


def names(results: list[Explanation | UnexplainedImage]) -> list[str]:
    return [str(result) for result in results if isinstance(result, UnexplainedImage)]


def explained(results: list[Explanation | UnexplainedImage]) -> list[bool]:
    return [isinstance(result, Explanation) for result in results]


def test_one_bad_image_does_not_stop_the_rest(folder: Path) -> None:
    images = IMAGES.clone()
    images[1] = 255 * images[1]
    results = outcomes(images)
    assert explained(results) == [
        True,
        False,
        True,
        True,
        True,
    ]
    assert names(results)[0].startswith("image 1: images must be in [0, 1]")
    (folder / "1.png").write_bytes(b"no image")
    results = outcomes([*sorted(folder.iterdir()), folder / "gone.png"], size=24)
    bad, gone = names(results)
    assert bad.startswith(str(folder / "1.png: not an image"))
    assert gone == f"{folder / 'gone.png'}: No such file or directory"
    assert explained(results) == [True, False, True, False]


def test_a_dataset_that_fails_loses_one_image_and_its_loader_the_batch() -> None:
    assert names(outcomes(Failing())) == ["image 2: the disk is gone"]
    failures = names(outcomes(DataLoader(Failing(), 2)))
    assert failures == ["image 2: the disk is gone", "image 3: the disk is gone"]


def test_an_iterator_that_fails_is_told() -> None:
    def images() -> Iterator[Tensor]:
        yield IMAGES[0]
        raise RuntimeError("the camera is gone")

    results = outcomes(images())
    assert isinstance(results[0], Explanation)
    assert names(results) == ["image 1: the camera is gone"]


def test_an_iterator_that_always_fails_is_left() -> None:
    class Broken:
        def __iter__(self) -> Broken:
            return self

        def __next__(self) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        outcomes(Broken())


def test_a_classifier_that_fails_at_one_image() -> None:
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = tiny_cnn()

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.model(images)
            return logits.where(images.amax((1, 2, 3))[:, None] < 2, torch.nan)

    normalised = rcx.load_classifier(Picky(), mean=[0.0], std=[0.45])  # 1 becomes more than 2
    images = 0.5 * IMAGES
    images[3, :, 0, 0] = 1
    results = list(rcx.explain_all(cartoonx(normalised), images, on_error="yield"))
    assert explained(results) == [
        True,
        True,
        True,
        False,
        True,
    ]
    assert "image 3: the classifier Picky returned NaN or infinite logits for it" in names(results)


def test_failures_are_warned_of_or_raised() -> None:
    images = IMAGES.clone()
    images[1, 0, 0, 0] = torch.nan
    with pytest.warns(ImageWarning, match="left out image 1: images must be in"):
        assert len(list(rcx.explain_all(EXPLAINER, images))) == 4
    with pytest.raises(ImageError, match="image 1: images must be in"):
        list(rcx.explain_all(EXPLAINER, images, on_error="raise"))
    with (
        pytest.warns(ImageWarning),
        pytest.raises(ImageError, match="no image could be explained; the last is image 0"),
    ):
        list(rcx.explain_all(EXPLAINER, images[1:2]))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"image": IMAGES[0], "img": IMAGES[0]}, "entries 'image', 'img', of which 2 may be"),
        ({"a": IMAGES[0]}, "of which none may be the image"),
        (IMAGES[0].numpy(), "got ndarray; use torch.from_numpy"),
        ((255 * IMAGES[0]).byte(), "use images / 255"),
        (IMAGES[0].permute(1, 2, 0), "channels last"),
        (3, "got int"),
        ((), "it is empty"),
    ],
)
def test_items_that_are_no_images_are_told(item: Any, message: str) -> None:
    good, bad = outcomes([IMAGES[0], item])
    assert isinstance(good, Explanation)
    assert isinstance(bad, UnexplainedImage)
    assert bad.name == "image 1"
    assert message in bad.reason


def test_an_empty_explanation_is_told_with_the_images_name() -> None:
    start = torch.zeros(EXPLAINER.representation((24, 24)).length)
    explainer = cartoonx(CLASSIFIER, start=start, solver=rcx.SolverSettings(steps=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(rcx.explain_all(explainer, IMAGES[:2]))
    assert [warning.category for warning in caught] == [EmptyExplanationWarning] * 2
    assert "the explanation of image 1 is empty" in str(caught[1].message)
    assert caught[0].filename == __file__


# --- memory


def test_images_are_read_as_they_are_wanted_and_let_go() -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def images() -> Iterator[Tensor]:
        nonlocal most
        for number in range(30):
            image = IMAGES[number % 5].clone()
            alive.append(weakref.ref(image))
            yield image
            del image
            most = max(most, sum(reference() is not None for reference in alive))

    iterator = rcx.explain_all(EXPLAINER, images())
    next(iterator)
    assert len(alive) == EXPLAINER.images_at_a_time
    assert sum(1 for _ in iterator) == 29
    assert most <= EXPLAINER.images_at_a_time + 1
