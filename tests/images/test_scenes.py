"""Drawn scenes: their shapes, and objects that neither colour nor size gives away."""

import math

import pytest
import torch
from helpers import unseen_scenes
from torch import Tensor

from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE, Scenes, draw_scenes
from rcx.images.scenes.shapes import SHAPES, shape_area


@pytest.fixture
def scenes() -> Scenes:
    return unseen_scenes()


def grid(resolution: int = 400, reach: float = 1.2) -> tuple[Tensor, Tensor]:
    axis = torch.linspace(-reach, reach, resolution, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


# --- shapes


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_a_shape_fills_its_bounding_circle(name: str) -> None:
    x, y = grid()
    inside = SHAPES[name](x, y) < 0
    assert 0.97 < torch.hypot(x, y)[inside].max() <= 1


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_a_signed_distance_changes_by_at_most_the_distance_moved(name: str) -> None:
    x, y = grid()
    step = (x[0, 1] - x[0, 0]).item()
    distance = SHAPES[name](x, y)
    assert distance.diff(dim=0).abs().max() <= 1.001 * step
    assert distance.diff(dim=1).abs().max() <= 1.001 * step


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_nearly_all_of_any_shape_stays_in_the_frame(name: str) -> None:
    # Most of a shape is lost in a corner of the frame, 0.88 radii from the centre along both axes.
    x, y = grid()
    inside = SHAPES[name](x, y) < 0
    for angle in torch.linspace(0, 2 * math.pi, 48).tolist():
        right = x * math.cos(angle) + y * math.sin(angle)
        down = y * math.cos(angle) - x * math.sin(angle)
        assert (inside & (right < 0.88) & (down < 0.88)).sum() >= 0.88 * inside.sum()


def test_areas_of_shapes_known_in_closed_form() -> None:
    assert shape_area("disc") == pytest.approx(math.pi, rel=1e-3)
    assert shape_area("square") == pytest.approx(2, rel=1e-2)
    assert shape_area("triangle") == pytest.approx(3 * math.sqrt(3) / 4, rel=1e-2)
    assert shape_area("ring") == pytest.approx(math.pi * (1 - 0.52**2), rel=1e-3)


# --- scenes


@pytest.mark.parametrize(("n", "size"), [(1, 32), (3, 101), (2, SAMPLE_SIZE)])
def test_shapes_types_and_range(n: int, size: int) -> None:
    images, labels, masks = draw_scenes(n, seed=5, size=size)
    assert images.shape == (n, 3, size, size)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert (labels.shape, labels.dtype) == ((n,), torch.int64)
    assert (masks.shape, masks.dtype) == ((n, size, size), torch.bool)


def test_a_seed_gives_the_same_scenes_and_a_longer_batch_begins_with_the_shorter() -> None:
    torch.manual_seed(1)
    short, other = draw_scenes(4, seed=3), draw_scenes(4, seed=4)
    torch.manual_seed(2)
    long = draw_scenes(10, seed=3)
    for first, second in zip(short, long, strict=True):
        assert torch.equal(first, second[:4])
    assert not torch.equal(short.images, other.images)
    assert not torch.equal(long.images[0], long.images[1])


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    draw_scenes(1, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_all_classes_appear_about_equally_often(scenes: Scenes) -> None:
    counts = torch.bincount(scenes.labels, minlength=len(SAMPLE_CLASSES))
    assert len(SAMPLE_CLASSES) >= 8
    assert counts.min() > 0.4 * len(scenes.labels) / len(SAMPLE_CLASSES)


def test_objects_are_neither_tiny_nor_fill_the_scene(scenes: Scenes) -> None:
    areas = scenes.object_masks.float().mean((1, 2))
    assert areas.min() >= 0.04
    assert areas.max() <= 0.35


def test_masks_separate_the_object_from_its_surroundings(scenes: Scenes) -> None:
    def grow(masks: Tensor, pixels: int) -> Tensor:
        return torch.nn.functional.max_pool2d(masks, 2 * pixels + 1, stride=1, padding=pixels)

    masks = scenes.object_masks[:, None].float()
    inner = 1 - grow(1 - masks, 2)  # two pixels of the smooth edge belong to neither side
    rim = grow(masks, 8) - grow(masks, 2)
    inside, around = (
        (scenes.images * part).sum((2, 3)) / part.sum((2, 3)) for part in (inner, rim)
    )
    assert (inside - around).norm(dim=1).min() > 0.1


def test_colour_does_not_tell_the_class(scenes: Scenes) -> None:
    masks = scenes.object_masks[:, None]
    colours = (scenes.images * masks).sum((2, 3)) / masks.sum((2, 3))
    centred = colours - colours.mean(0)
    explained = torch.zeros(3)
    for label in range(len(SAMPLE_CLASSES)):
        group = centred[scenes.labels == label]
        explained += len(group) * group.mean(0).square()
    # If there is no relation, the expected share of the variance is 9 / 299.
    assert (explained / centred.square().sum(0)).max() < 0.08


def test_classes_can_be_chosen() -> None:
    labels = draw_scenes(30, seed=0, classes=["ring", "heart"]).labels
    names = {SAMPLE_CLASSES[label] for label in labels.tolist()}
    assert names == {"ring", "heart"}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"n": 0}, ValueError),
        ({"n": 2.0}, TypeError),
        ({"n": True}, TypeError),
        ({"seed": -1}, ValueError),
        ({"seed": "a"}, TypeError),
        ({"size": 16}, ValueError),
        ({"classes": []}, ValueError),
        ({"classes": ["disc", "dog"]}, ValueError),
        ({"classes": "disc"}, TypeError),
    ],
)
def test_bad_arguments_raise(wrong: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(wrong))):
        draw_scenes(**({"n": 1, "seed": 0} | wrong))  # type: ignore[arg-type]
