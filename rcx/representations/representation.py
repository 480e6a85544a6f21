"""The plug: what the method needs to know of a representation of images by coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Band(NamedTuple):
    """A named slice of the coefficient axis, whose noise has one mean and one deviation.

    Attributes
    ----------
    name : str
        Name of the band, such as ``"pixels"``, ``"approximation 5"`` or ``"detail 1"``.
    start, stop : int
        The slice ``[start, stop)`` of the coefficient axis.
    shape : tuple of int
        Shape of the slice as pictures: ``(h, w)`` for one picture, or ``(3, h, w)`` for the
        horizontal, vertical and diagonal details of one wavelet level. Its product is
        ``stop - start``.
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
    """What a class must offer so that the method works on its coefficients.

    A class need not inherit from this one; it only needs members of these names and types. An
    object of the class represents images of one size. Both of its transforms act on the last axes
    of a tensor and leave all axes before them as they are, so that one call transforms many colours
    and images. They return a tensor of the type and on the device of the tensor that they are
    given.

    The method relies on the following properties.

    - ``synthesise`` is linear. Several noise samples then share the synthesis of the same part.
    - ``synthesise`` is differentiable by autograd. The solver follows its gradient.
    - ``synthesise(analyse(images))`` equals ``images`` up to rounding. A mask of ones then keeps
      the classifier's answer.

    The solver, the curves and `rcx.explain_func` use all members but ``name``, which stands in
    settings and messages. The starts ``"foreground"`` and ``"foreground-uniform"`` also need a
    `LocalisedRepresentation`.

    See Also
    --------
    Pixels : the smallest example.
    """

    @property
    def name(self) -> str:
        """Name of the representation with the settings that distinguish it, such as its levels."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width ``(H, W)`` of the images, in pixels."""

    @property
    def length(self) -> int:
        """Number K of coefficients of one colour. A mask has as many entries."""

    @property
    def bands(self) -> tuple[Band, ...]:
        """Bands in the order of the coefficient axis.

        They cover ``[0, length)`` without gaps and without overlaps, and their names differ. Where
        a coefficient is not kept, noise with the mean and the deviation of its band replaces it. A
        band should therefore hold coefficients of similar sizes.
        """

    def analyse(self, images: Tensor) -> Tensor:
        """Turn images ``(..., H, W)`` into coefficients ``(..., K)``.

        Raises
        ------
        ValueError
            If the images have another size.
        """

    def synthesise(self, coefficients: Tensor) -> Tensor:
        """Turn coefficients ``(..., K)`` into images ``(..., H, W)``.

        The coefficients need not be those of an image, so the values can lie outside [0, 1].

        Raises
        ------
        ValueError
            If there is another number of coefficients.
        """


@runtime_checkable
class LocalisedRepresentation(Representation, Protocol):
    """A representation whose coefficients each have a place in the image.

    The starts ``"foreground"`` and ``"foreground-uniform"`` ask for that place. Nothing else does.
    """

    def energy_inside(self, regions: Tensor) -> Tensor:
        """Measure how much of each coefficient's energy lies inside regions of the image.

        Parameters
        ----------
        regions : Tensor
            ``(..., H, W)`` in [0, 1], 1 inside the region and 0 outside.

        Returns
        -------
        Tensor
            ``(..., K)`` in [0, 1]. A coefficient alone synthesises an image; the value is the share
            of that image's squared pixels that lies inside the region.
        """


def height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    """Return an image size as height and width. One number stands for a square.

    Raises
    ------
    ValueError
        If the height or the width is less than 1 pixel.
    """
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height < 1 or width < 1:
        raise ValueError(f"size must be at least 1 pixel each way, got {height} x {width}")
    return int(height), int(width)


def check_last_axes(tensor: Tensor, axes: tuple[int, ...], what: str) -> None:
    """Raise ValueError unless the last axes of a tensor have these lengths.

    Parameters
    ----------
    tensor : Tensor
        ``(..., *axes)`` if it is right.
    axes : tuple of int
        The expected lengths.
    what : str
        What the message calls the tensor.
    """
    if tuple(tensor.shape[-len(axes) :]) != axes:
        raise ValueError(
            f"{what} must end in the axes {axes}, got the shape {tuple(tensor.shape)}; "
            "make a representation for this image size"
        )
