"""What the method has to know of a representation: the plug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Band(NamedTuple):
    """A named slice of the coefficient axis.

    Attributes
    ----------
    name : str
        ``"pixels"``, ``"approximation 5"``, ``"detail 5"``, ..., ``"detail 1"`` (coarse to fine).
    start, stop : int
        The slice ``[start, stop)`` of the coefficient axis.
    shape : tuple of int
        Shape of the slice: ``(h, w)``, or ``(3, h, w)`` for the horizontal, vertical and diagonal
        details of one level.
    """

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]

    @property
    def positions(self) -> slice:
        """The slice of the coefficient axis."""
        return slice(self.start, self.stop)


@runtime_checkable
class Representation(Protocol):
    """What the solver, the curves and the figures need to know of a representation."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def bands(self) -> tuple[Band, ...]: ...
    @property
    def length(self) -> int: ...
    def analyse(self, images: Tensor) -> Tensor: ...
    def synthesise(self, coefficients: Tensor) -> Tensor: ...
    def energy_inside(self, regions: Tensor) -> Tensor: ...


def _image_size(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least 1 pixel each way, got {height} x {width}")
    return int(height), int(width)


def _check(tensor: Tensor, trailing: tuple[int, ...], what: str) -> None:
    if tuple(tensor.shape[-len(trailing) :]) != trailing:
        raise ValueError(
            f"{what} must end in the axes {trailing}, got the shape {tuple(tensor.shape)}; "
            "make a representation for this image size"
        )
