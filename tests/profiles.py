"""ICC profiles written from the definitions of colour spaces, and numpy's own conversion."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]

D65, D50 = (0.3127, 0.3290), (0.3457, 0.3585)
_WHITE = np.array([0.9642, 1.0, 0.8249])  # D50, to which profiles refer
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _xyz(chromaticity: Point) -> Floats:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def srgb_encoded(linear: Floats) -> Floats:
    """Encode linear values as sRGB does, after cutting them to [0, 1]."""
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_from_xyz(xyz: Floats) -> Floats:
    """Colours ``(..., 3)`` in sRGB of XYZ under D50."""
    return srgb_encoded(xyz @ np.linalg.inv(SRGB.matrix).T)


@dataclass(frozen=True)
class ColourSpace:
    """A colour space of three primaries; without a gamma, its curve is that of sRGB."""

    red: Point
    green: Point
    blue: Point
    white: Point = D65
    gamma: float | None = None

    @property
    def matrix(self) -> Floats:
        """From linear colours to XYZ under D50."""
        columns = np.stack([_xyz(each) for each in (self.red, self.green, self.blue)], axis=1)
        columns *= np.linalg.solve(columns, _xyz(self.white))
        gains = (_BRADFORD @ _WHITE) / (_BRADFORD @ _xyz(self.white))
        return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ columns)

    def in_srgb(self, colours: Floats) -> Floats:
        """Convert colours ``(..., 3)`` in [0, 1] to sRGB."""
        if self.gamma is None:
            low = colours / 12.92
            linear = np.where(colours <= 0.04045, low, ((colours + 0.055) / 1.055) ** 2.4)
        else:
            linear = colours**self.gamma
        return srgb_from_xyz(linear @ self.matrix.T)

    def profile(self) -> bytes:
        """The profile of this space."""
        columns = zip(("rXYZ", "gXYZ", "bXYZ"), self.matrix.T, strict=True)
        tags = {name: _xyz_tag(column) for name, column in columns}
        return _profile("mntr", "RGB ", "XYZ ", tags | dict.fromkeys(_CURVES, _curve(self.gamma)))


SRGB = ColourSpace((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
DISPLAY_P3 = ColourSpace((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ColourSpace((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), gamma=563 / 256)
PROPHOTO = ColourSpace((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50, gamma=1.8)
_CURVES = ("rTRC", "gTRC", "bTRC")


def grey_profile(gamma: float) -> bytes:
    """The profile of greys with a gamma."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _curve(gamma)})


def cmyk_profile(inks: Sequence[tuple[float, float, float]]) -> bytes:
    """The profile of a press.

    Parameters
    ----------
    inks : sequence of tuple
        L*, a* and b* of cyan, magenta and yellow on white paper. Several inks multiply in L* and
        add in a* and b*; black ink gives black.
    """
    corners = []
    for cyan, magenta, yellow, black in np.ndindex(2, 2, 2, 2):
        amounts = (cyan, magenta, yellow)
        used = [ink for ink, amount in zip(inks, amounts, strict=True) if amount and not black]
        lightness = 0 if black else 100 * np.prod([ink[0] / 100 for ink in used])
        a, b = (sum(ink[axis] for ink in used) for axis in (1, 2))
        corners += [round(lightness * 2.55), round(a + 128), round(b + 128)]
    ramp = bytes(range(256))
    one = struct.pack(">9i", *(65536 * (at % 4 == 0) for at in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + one
    table += ramp * 4 + bytes(np.clip(corners, 0, 255).tolist()) + ramp * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": table})


def lab_in_srgb(lab: tuple[float, float, float]) -> Floats:
    """A colour in L*, a* and b* as sRGB."""
    lightness = (lab[0] + 16) / 116
    cubes = np.array([lightness + lab[1] / 500, lightness, lightness - lab[2] / 200])
    linear = np.where(cubes > 6 / 29, cubes**3, 3 * (6 / 29) ** 2 * (cubes - 4 / 29))
    return srgb_from_xyz(linear * _WHITE)


def _fixed(value: float) -> int:
    return round(value * 65536)


def _xyz_tag(values: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *map(_fixed, values))


def _curve(gamma: float | None) -> bytes:
    if gamma is not None:
        return b"para\0\0\0\0\0\0\0\0" + struct.pack(">i", _fixed(gamma))
    terms = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0\0\3\0\0" + struct.pack(">5i", *map(_fixed, terms))


def _profile(kind: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    tags = {"wtpt": _xyz_tag(_WHITE), **tags}
    at = 128 + 4 + 12 * len(tags)
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        padded = tag + bytes(-len(tag) % 4)
        table += struct.pack(">4sII", name.encode(), at + len(content), len(tag))
        content += padded
    header = struct.pack(">I4sI", at + len(content), b"test", 0x04200000)
    header += kind.encode() + space.encode() + connection.encode() + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", *map(_fixed, _WHITE))
    return header.ljust(128, b"\0") + table + content
