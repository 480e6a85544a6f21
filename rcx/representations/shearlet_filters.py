"""Frequency responses of digital shearlets, compactly supported or band-limited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

ShearletSystem = Literal["compact", "meyer"]
"""``"compact"`` has filters of finite support in space, ``"meyer"`` of finite support in frequency,
whose squares sum to 1."""

_SHARPNESS = 4  # order of flatness of the fan filter


class Shearlet(NamedTuple):
    """The place of a shearlet filter in its system.

    Attributes
    ----------
    detail : int
        Scale, 1 for the finest.
    upright : bool
        Whether the direction is nearer to the rows' axis than to the columns'.
    level : int
        Shear level: slopes are multiples of ``2**-level``.
    shear : int
        Number of these multiples.
    """

    detail: int
    upright: bool
    level: int
    shear: int

    @property
    def angle(self) -> float:
        """Direction of the change in degrees, in (-90, 90], from the columns' axis downwards."""
        slope = float(np.degrees(np.arctan(self.shear / 2**self.level)))
        return slope if not self.upright else (90 - slope if self.shear >= 0 else -90 - slope)


def shearlets_of(shear_levels: Sequence[int]) -> list[Shearlet]:
    """List the filters of a system, without the low pass, from the coarsest scale to the finest.

    A level d has ``2 * 2**d + 1`` shears along the columns and, because both cones share their
    diagonals, two fewer along the rows.
    """
    return [
        Shearlet(len(shear_levels) - scale, upright, level, shear)
        for scale, level in enumerate(shear_levels)
        for upright in (False, True)
        for shear in range(-(2**level) + upright, 2**level - upright + 1)
    ]


def frequency_responses(
    size: tuple[int, int], shear_levels: Sequence[int], system: ShearletSystem
) -> Array:
    """Compute all filters at the frequencies of the real Fourier transform.

    Parameters
    ----------
    size : (int, int)
        Height and width of the images.
    shear_levels : sequence of int
        Shear level of each scale, from the coarsest to the finest.
    system : {"compact", "meyer"}
        The kind of filters.

    Returns
    -------
    ndarray
        ``(B, H, W // 2 + 1)``, real: the low pass, then the filters of `shearlets_of`.

    References
    ----------
    G. Kutyniok, W.-Q. Lim, R. Reisenhofer, "ShearLab 3D: Faithful Digital Shearlet Transforms Based
    on Compactly Supported Shearlets", ACM TOMS 2016, Section 3, for ``"compact"``; S. Häuser, G.
    Steidl, "Fast Finite Shearlet Transform: a tutorial", 2012, Section 3, for ``"meyer"``.
    """
    height, width = size
    rows = 2 * np.pi * np.fft.fftfreq(height)[:, None]
    columns = 2 * np.pi * np.fft.fftfreq(width)[None, :]
    low: Array
    response: Callable[[Array, Array, Shearlet], Array]
    if system == "compact":
        response = _compact
        low = _low_pass(rows, len(shear_levels)) * _low_pass(columns, len(shear_levels))
    else:
        response = _meyer
        low = _meyer_low_pass(np.maximum(abs(rows), abs(columns)), len(shear_levels) - 1)
    filters = [low] + [
        response(rows, columns, shearlet) if shearlet.upright else response(columns, rows, shearlet)
        for shearlet in shearlets_of(shear_levels)
    ]
    stacked = np.stack([np.broadcast_to(part, size) for part in filters])
    if system == "meyer":
        stacked = _even(stacked)
    return np.ascontiguousarray(stacked[..., : width // 2 + 1])


def _even(filters: Array) -> Array:
    """Make filters even at the highest frequency too, which stands for both of its signs."""
    opposite = np.roll(filters[:, ::-1, ::-1], (1, 1), (1, 2))
    root: Array = np.sqrt((filters**2 + opposite**2) / 2)
    return root


def _maximally_flat(frequency: Array) -> Array:
    """Low pass of 9 taps: flat to the sixth order at 0, 0 at pi, and half the energy at pi / 2."""
    cosine = np.cos(frequency)
    middle = 1 - np.sqrt(0.5)
    response: Array = 1 - (1 - cosine) ** 3 * (middle + (middle - 1 / 8) * cosine)
    return response


def _low_pass(frequency: Array, levels: int) -> Array:
    """Low pass of a wavelet pyramid of so many levels, which ends at ``pi / 2**levels``."""
    response = np.ones_like(frequency)
    for level in range(levels):
        response = response * _maximally_flat(2**level * frequency)
    return response


def _fan(main: Array, cross: Array) -> Array:
    """Pass frequencies with ``abs(cross) < abs(main)``, as a trigonometric polynomial.

    A mapping from frequencies to [-1, 1] is 0 at the edges of the fan and flat in its middle. A
    quadratic turns its values -1, 0 and 1 into 0, the root of 1/2, and 1. Both are in the manner of
    A. da Cunha, J. Zhou, M. Do, "The Nonsubsampled Contourlet Transform", IEEE TIP 2006, Section
    III. The mapping here is the addition theorem of tanh, its geometric series cut off.
    """
    x, y = -np.cos(main), np.cos(cross)
    rest = (1 - x * y) / 2
    mapping = (x + y) / 2 * sum(rest**order for order in range(_SHARPNESS))
    root = np.sqrt(0.5)
    polynomial: Array = root + mapping / 2 + mapping**2 * (1 / 2 - root)
    return polynomial


def _compact(main: Array, cross: Array, shearlet: Shearlet) -> Array:
    """A compactly supported shearlet, sheared on a grid that is finer along the main axis.

    The grid is refined by ``2**level``, so that the shear moves by whole samples. In frequency,
    this makes a mean over aliases, weighted by the filter of the refinement.
    """
    pyramid, level = shearlet.detail - 1, shearlet.level
    fineness = 2**level
    narrow = pyramid + 1 + level
    band = _maximally_flat(2**pyramid * main + np.pi) * _low_pass(main, pyramid)
    wedge: Any = 0.0
    for alias in range(fineness):
        unfolded = main + 2 * np.pi * alias
        sheared = cross - shearlet.shear / fineness * unfolded
        weight = _low_pass(unfolded / fineness, level) ** 2
        fan = _fan(2**pyramid * main, 2**narrow * sheared)
        wedge = wedge + weight * fan * _low_pass(sheared, narrow)
    response: Array = band * wedge
    return response


def _smooth_step(position: Array) -> Array:
    """Rise from 0 at 0 to 1 at 1 with three continuous derivatives, as Meyer's wavelets do."""
    x = np.clip(position, 0, 1)
    step: Array = x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)
    return step


def _meyer_low_pass(radius: Array, pyramid: int) -> Array:
    """Low pass that falls from 1 to 0 around ``pi / 2**(pyramid + 1)``."""
    response: Array = np.cos(np.pi / 2 * _smooth_step(3 * 2**pyramid * radius / np.pi - 1))
    return response


def _meyer(main: Array, cross: Array, shearlet: Shearlet) -> Array:
    """A band-limited shearlet; those along the diagonals belong to both cones."""
    pyramid, fineness = shearlet.detail - 1, 2**shearlet.level
    radius = np.maximum(abs(main), abs(cross))
    below = _meyer_low_pass(radius, pyramid) ** 2
    above = _meyer_low_pass(radius, pyramid - 1) ** 2 if pyramid else np.ones_like(radius)
    band = np.sqrt(np.clip(above - below, 0, None))

    def wedge(along: Array, across: Array) -> Array:
        slope = np.divide(across, along, out=np.zeros_like(radius), where=along != 0)
        window: Array = np.sqrt(_smooth_step(1 - abs(fineness * slope - shearlet.shear)))
        return window

    own = abs(cross) < abs(main) if shearlet.upright else abs(cross) <= abs(main)
    response = np.where(own, wedge(main, cross), 0)
    if abs(shearlet.shear) == fineness:
        response = np.where(own, response, wedge(cross, main))
    result: Array = band * response
    return result
