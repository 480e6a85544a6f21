"""Scenes of one shaded shape over a textured background with clutter, drawn from a seed."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rcx.images.scenes.backgrounds import (
    REFERENCE_SIZE,
    Canvas,
    Dice,
    paint_background,
    rotate,
)
from rcx.images.scenes.shapes import SHAPES, shape_area
from rcx.system.isolation import isolated

SAMPLE_CLASSES: tuple[str, ...] = tuple(SHAPES)
"""Names of the classes; a label is an index into this tuple."""

SAMPLE_SIZE = 128
"""Height and width of a scene in pixels."""

_MIN_SIZE = 32  # In smaller scenes, the smallest shapes look alike.
_AREA_RANGE = (0.05, 0.28)  # shares of the scene that an object can cover
_REACH = (
    0.88  # This share of the bounding radius stays in the frame, and 88 % of any shape with it.
)


class Scenes(NamedTuple):
    """A batch of scenes.

    Attributes
    ----------
    images : Tensor
        ``(N, 3, H, W)`` float32 in [0, 1].
    labels : Tensor
        ``(N,)`` int64, the classes of the objects as indices into `SAMPLE_CLASSES`.
    object_masks : Tensor
        ``(N, H, W)`` bool, True where the object is.
    """

    images: Tensor
    labels: Tensor
    object_masks: Tensor


def _draw_object(
    canvas: Canvas, background: Tensor, name: str, hue: float, value: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """Lay a shaded shape over a background, and return the image (3, H, W) and its mask (H, W)."""
    dice = canvas.dice
    low, high = (math.log(area) for area in _AREA_RANGE)
    area = math.exp(dice.uniform(low, high)) * REFERENCE_SIZE**2
    radius = math.sqrt(area / shape_area(name))
    x, y = (
        (axis - dice.uniform(_REACH * radius, REFERENCE_SIZE - _REACH * radius)) / radius
        for axis in (canvas.x, canvas.y)
    )
    distance = radius * SHAPES[name](*rotate(x, y, dice.uniform(0, 2 * math.pi)))

    # The shape is shaded by Lambert's law, as a dome over its bounding circle that is lit from a
    # random side, and its rim is darker.
    side, bulge = dice.uniform(0, 2 * math.pi), dice.uniform(0.5, 1.1)
    across = bulge * (x * math.cos(side) + y * math.sin(side))
    lambert = (0.6 * across + 0.8) / torch.sqrt(1 + bulge**2 * (x.square() + y.square()))
    rim = (-distance / (0.22 * radius)).clamp(0, 1)
    shade = (0.45 + 0.55 * lambert) * (0.78 + 0.22 * rim * (2 - rim))
    blend = torch.sigmoid(2 * rotate(x, y, dice.uniform(0, 2 * math.pi))[0])
    first, second = (
        dice.colour(hue + dice.uniform(-0.07, 0.07), (0.35, 0.85), value) for _ in range(2)
    )
    image = canvas.paint(background, distance, torch.lerp(first, second, blend) * shade)
    return image, distance < 0


def _draw_scene(
    seed: int, index: int, size: int, labels: Sequence[int]
) -> tuple[Tensor, int, Tensor]:
    """Draw one scene. Without `labels`, it is a background without an object, labelled -1."""
    dice = Dice(seed, index)
    axis = (torch.arange(size, dtype=torch.float32) + 0.5) * (REFERENCE_SIZE / size)
    canvas = Canvas(dice, axis[:, None], axis[None, :])
    hue = dice.uniform(0, 1)
    dark, bright = (0.12, 0.42), (0.72, 1.0)
    # The object differs from its background in brightness and hue, so that it can be seen. Neither
    # depends on the class.
    behind, front = (dark, bright) if dice.choice(3) else (bright, (0.2, 0.55))
    label = labels[dice.choice(len(labels))] if labels else -1
    image = paint_background(canvas, hue, behind)
    mask = torch.zeros(size, size, dtype=torch.bool)
    if labels:
        image, mask = _draw_object(
            canvas, image, SAMPLE_CLASSES[label], hue + dice.uniform(0.25, 0.75), front
        )
    return image.clamp(0, 1), label, mask


@isolated()
def _draw_many(n: int, seed: int, size: int, labels: Sequence[int], first: int = 0) -> Scenes:
    images = torch.empty(n, 3, size, size, dtype=torch.float32)
    targets = torch.empty(n, dtype=torch.int64)
    masks = torch.empty(n, size, size, dtype=torch.bool)
    for index in range(n):
        images[index], targets[index], masks[index] = _draw_scene(seed, first + index, size, labels)
    return Scenes(images, targets, masks)


def draw_scenes(
    n: int,
    *,
    seed: int,
    size: int = SAMPLE_SIZE,
    classes: Sequence[str] | None = None,
    first: int = 0,
) -> Scenes:
    """Draw scenes with one object each.

    A scene depends only on the seed, the size, the classes and its number. A longer batch therefore
    begins with the scenes of a shorter one.

    Parameters
    ----------
    n : int
        Number of scenes, at least 1.
    seed : int
        Seed of every random draw, at least 0.
    size : int
        Height and width in pixels, at least 32.
    classes : sequence of str, optional
        Names of the classes to draw from, among `SAMPLE_CLASSES`. By default, all are drawn. The
        labels are indices into `SAMPLE_CLASSES` in either case.
    first : int
        Number of the first scene, at least 0.

    Returns
    -------
    Scenes
        The images, the labels and the masks of the objects.

    Raises
    ------
    TypeError
        If a number is no int, or ``classes`` is a single string.
    ValueError
        If a number is too small, or a class is unknown.
    """
    for name, number, least in (
        ("n", n, 1),
        ("seed", seed, 0),
        ("size", size, _MIN_SIZE),
        ("first", first, 0),
    ):
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{name} must be an int, not {type(number).__name__}")
        if number < least:
            raise ValueError(f"{name} must be at least {least}, not {number}")
    if isinstance(classes, str):
        raise TypeError("classes must be a sequence of class names, not one string")
    names = SAMPLE_CLASSES if classes is None else tuple(classes)
    if not names or not set(names) <= set(SAMPLE_CLASSES):
        raise ValueError(f"classes must be a non-empty selection of {SAMPLE_CLASSES}, not {names}")
    return _draw_many(n, seed, size, [SAMPLE_CLASSES.index(name) for name in names], first)


def draw_backgrounds(n: int, *, seed: int, size: int = SAMPLE_SIZE) -> Tensor:
    """Draw backgrounds with their clutter, like those of `draw_scenes` but without an object.

    Parameters
    ----------
    n : int
        Number of backgrounds, at least 1.
    seed : int
        Seed of every random draw, at least 0.
    size : int
        Height and width in pixels.

    Returns
    -------
    Tensor
        ``(n, 3, size, size)`` float32 in [0, 1].
    """
    return _draw_many(n, seed, size, []).images
