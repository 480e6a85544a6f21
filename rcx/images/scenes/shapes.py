"""The shapes of the objects in drawn scenes, each as a signed distance function."""

import math
from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

ShapeDistance = Callable[[Tensor, Tensor], Tensor]
"""Function from coordinates x and y to the signed distance from a shape, negative inside."""


def _disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def _fold(x: Tensor, y: Tensor, sectors: int) -> tuple[Tensor, Tensor]:
    """Fold the plane by rotations and mirrors into half a sector at the positive x axis."""
    sector = 2 * math.pi / sectors
    angle = torch.remainder(torch.atan2(y, x) + sector / 2, sector) - sector / 2
    radius = torch.hypot(x, y)
    return radius * torch.cos(angle), radius * torch.sin(angle).abs()


def _star(x: Tensor, y: Tensor, points: int, inner: float) -> Tensor:
    """Star of outer radius 1, which is a regular polygon if ``inner = cos(pi / points)``."""
    x, y = _fold(x, y, points)
    # Every edge is folded onto the line from the tip (1, 0) to the notch.
    edge_x, edge_y = inner * math.cos(math.pi / points) - 1, inner * math.sin(math.pi / points)
    return (edge_y * (x - 1) - edge_x * y) / math.hypot(edge_x, edge_y)


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    x, y = x.abs() - half_width, y.abs() - half_height
    return torch.hypot(x.clamp(min=0), y.clamp(min=0)) + torch.maximum(x, y).clamp(max=0)


def _cross(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(_box(x, y, 0.95, 0.3), _box(x, y, 0.3, 0.95))


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.76).abs() - 0.24


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(torch.hypot(x, y) - 1, 0.82 - torch.hypot(x - 0.45, y))


def _heart(x: Tensor, y: Tensor) -> Tensor:
    # In the coordinates below, the tip is at the origin, and the lobes are circles of radius
    # sqrt(2) / 4 around (+-1/4, 3/4). The bounding circle has the radius 0.637 and the centre
    # (0, 0.62).
    scale = 0.637
    x, y = (scale * x).abs(), 0.62 - scale * y
    lobe = torch.hypot(x - 0.25, y - 0.75) - math.sqrt(2) / 4
    along = 0.5 * (x + y).clamp(min=0)
    side = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - along, y - along))
    return torch.where(x + y > 1, lobe, side * torch.sign(x - y)) / scale


def _arrow(x: Tensor, y: Tensor) -> Tensor:
    slope_x, slope_y = 0.8, 0.95  # the normal of the head's edge from (1, 0) to (0.05, 0.8)
    edge = (slope_x * (x - 1) + slope_y * y.abs()) / math.hypot(slope_x, slope_y)
    head = torch.maximum(edge, 0.05 - x)
    return torch.minimum(head, _box(x + 0.4, y, 0.55, 0.22))


def _flower(x: Tensor, y: Tensor) -> Tensor:
    folded_x, folded_y = _fold(x, y, 5)
    return torch.minimum(torch.hypot(folded_x - 0.64, folded_y) - 0.36, torch.hypot(x, y) - 0.5)


SHAPES: dict[str, ShapeDistance] = {
    "disc": _disc,
    "square": partial(_star, points=4, inner=math.cos(math.pi / 4)),
    "triangle": partial(_star, points=3, inner=math.cos(math.pi / 3)),
    "star": partial(_star, points=5, inner=0.45),
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _arrow,
    "flower": _flower,
}
"""Signed distance from the shape of every class. Each shape's bounding circle has the radius 1."""


@cache
def shape_area(name: str, resolution: int = 512) -> float:
    """Integrate the area of a shape whose bounding circle has the radius 1.

    Parameters
    ----------
    name : str
        One of the keys of `SHAPES`.
    resolution : int
        Number of grid points along each axis of the numerical integration.

    Returns
    -------
    float
        The area, at most pi.
    """
    axis = (torch.arange(resolution, dtype=torch.float32) + 0.5) * (2 / resolution) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return 4 * (SHAPES[name](x, y) < 0).double().mean().item()
