"""Textured backgrounds with clutter, and the random draws and the canvas of a scene."""

import colorsys
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

REFERENCE_SIZE = 128
"""Height and width of the scene in whose pixels all lengths are given, whatever the real size."""


class Dice:
    """The random draws of one scene, which its seed and its index determine."""

    def __init__(self, seed: int, index: int) -> None:
        state = np.random.SeedSequence((seed, index)).generate_state(1)
        self.generator = torch.Generator().manual_seed(int(state[0]))

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between two others."""
        share = torch.rand((), generator=self.generator, dtype=torch.float32).item()
        return low + (high - low) * share

    def choice(self, count: int) -> int:
        """Draw an index from 0 to the count less one."""
        return int(torch.randint(count, (), generator=self.generator).item())

    def noise(self, rows: int, columns: int) -> Tensor:
        """Draw white noise of unit deviation, of shape (rows, columns)."""
        return torch.randn(rows, columns, generator=self.generator, dtype=torch.float32)

    def colour(
        self, hue: float, saturation: tuple[float, float], value: tuple[float, float]
    ) -> Tensor:
        """Draw a colour (3, 1, 1) of a hue, with a saturation and a value from two ranges."""
        rgb = colorsys.hsv_to_rgb(hue % 1, self.uniform(*saturation), self.uniform(*value))
        return torch.tensor(rgb, dtype=torch.float32).view(3, 1, 1)


class Canvas(NamedTuple):
    """What a scene is drawn on, and with.

    Attributes
    ----------
    dice : Dice
        The scene's random draws.
    y, x : Tensor
        Coordinates of the pixel centres, ``(H, 1)`` and ``(1, W)``, in pixels of the reference
        size.
    """

    dice: Dice
    y: Tensor
    x: Tensor

    @property
    def pixel(self) -> float:
        """Length of a pixel's side, in pixels of the reference size."""
        return REFERENCE_SIZE / self.x.numel()

    def random_axes(self) -> tuple[Tensor, Tensor]:
        """Return coordinates (H, W) in axes with a random origin and a random direction."""
        angle = self.dice.uniform(0, 2 * math.pi)
        x = self.x - self.dice.uniform(0, REFERENCE_SIZE)
        y = self.y - self.dice.uniform(0, REFERENCE_SIZE)
        return rotate(x, y, angle)

    def smooth_noise(self, cells: int) -> Tensor:
        """Draw smooth noise (H, W) of about unit deviation, from `cells` values along each axis."""
        size = self.x.numel()
        coarse = self.dice.noise(cells, cells)[None, None]
        smooth = interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)[0, 0]
        return 1.4 * smooth

    def paint(self, image: Tensor, distance: Tensor, colour: Tensor) -> Tensor:
        """Lay a colour over an image (3, H, W) where a signed distance (H, W) is negative."""
        cover = (0.5 - distance / self.pixel).clamp(0, 1)  # The smooth edge is one pixel wide.
        return torch.lerp(image, colour, cover)


def rotate(x: Tensor, y: Tensor, angle: float) -> tuple[Tensor, Tensor]:
    """Return the coordinates of points in axes that are turned by an angle in radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x + sin * y, cos * y - sin * x


def _stripes(canvas: Canvas) -> Tensor:
    x, _ = canvas.random_axes()
    wave = torch.sin(x * (2 * math.pi / canvas.dice.uniform(7, 20)))
    return 0.5 + 0.5 * torch.tanh(canvas.dice.uniform(0.8, 5) * wave)


def _checks(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    # The fields stay far smaller than any object of the class "square".
    wave = 2 * math.pi / canvas.dice.uniform(11, 22)
    fields = torch.sin(wave * x) * torch.sin(wave * y)
    return 0.5 + 0.5 * torch.tanh(canvas.dice.uniform(2, 8) * fields)


def _blobs(canvas: Canvas) -> Tensor:
    steepness, cells = canvas.dice.uniform(3, 8), 12 + canvas.dice.choice(9)
    return torch.sigmoid(steepness * canvas.smooth_noise(cells))


def _clouds(canvas: Canvas) -> Tensor:
    octaves = [canvas.smooth_noise(3 * 2**k) / 2**k for k in range(3)]
    return torch.sigmoid(torch.stack(octaves).sum(0))


def _gradient(canvas: Canvas) -> Tensor:
    x, _ = canvas.random_axes()
    return torch.sigmoid(x / canvas.dice.uniform(25, 60))


def _grain(canvas: Canvas) -> Tensor:
    return 0.5 + canvas.dice.uniform(0.12, 0.25) * canvas.smooth_noise(32 + canvas.dice.choice(33))


_TEXTURES: tuple[Callable[[Canvas], Tensor], ...] = (
    _stripes,
    _checks,
    _blobs,
    _clouds,
    _gradient,
    _grain,
)


def _speck(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    return torch.hypot(x, y) - canvas.dice.uniform(0.8, 2.2)


def _line(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    beyond = (x.abs() - canvas.dice.uniform(4, 18)).clamp(min=0)
    return torch.hypot(beyond, y) - canvas.dice.uniform(0.6, 1.4)


def _pebble(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    bent = y + canvas.dice.uniform(-0.06, 0.06) * x.square()
    return torch.hypot(x * canvas.dice.uniform(0.4, 0.7), bent) - canvas.dice.uniform(2, 3.5)


def _arc(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    radius, opening = canvas.dice.uniform(8, 30), canvas.dice.uniform(0.3, 0.8)
    circle = (torch.hypot(x, y) - radius).abs() - canvas.dice.uniform(0.7, 1.5)
    return torch.maximum(circle, radius * (torch.atan2(y, x).abs() - opening))


def _splinter(canvas: Canvas) -> Tensor:
    x, y = canvas.random_axes()
    length = canvas.dice.uniform(5, 10)
    return torch.maximum(y.abs() - 0.25 * (length - x), -x)


_CLUTTER: tuple[Callable[[Canvas], Tensor], ...] = (_speck, _line, _pebble, _arc, _splinter)


def paint_background(canvas: Canvas, hue: float, value: tuple[float, float]) -> Tensor:
    """Paint a texture in two colours near a hue, with clutter of any colour, as (3, H, W)."""
    dice = canvas.dice
    texture = _TEXTURES[dice.choice(len(_TEXTURES))](canvas).clamp(0, 1)
    first, second = (
        dice.colour(hue + dice.uniform(-0.12, 0.12), (0.1, 0.6), value) for _ in range(2)
    )
    image = torch.lerp(first, second, texture)
    for _ in range(3 + dice.choice(9)):
        distance = _CLUTTER[dice.choice(len(_CLUTTER))](canvas)
        image = canvas.paint(image, distance, dice.colour(dice.uniform(0, 1), (0.2, 0.8), (0.2, 1)))
    light = 1 + 0.1 * canvas.smooth_noise(2).clamp(-2, 2)
    size = canvas.x.numel()
    return image * light + dice.uniform(0.005, 0.03) * dice.noise(size, size)
