"""Metadata of image files: the orientation, and reading pixels whose metadata are broken."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from PIL import ExifTags, Image

_Transpose = Image.Transpose
_TURNS = {
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_270,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_90,
}
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_PNG_COLOURS = {b"iCCP", b"eXIf"}
# Markers of JPEG segments.
_JFIF, _ADOBE, _LAST_OF_APPLICATIONS, _COMMENT, _SCAN = 0xE0, 0xEE, 0xEF, 0xFE, 0xDA
# Tags of TIFF that say nothing of pixels: texts, resolution, XMP, IPTC, Photoshop, EXIF, GPS.
_TIFF_METADATA = {
    *(269, 270, 271, 272, 282, 283, 285, 296, 305, 306, 315, 316),
    *(700, 33432, 33723, 34377, 34665, 34853, 37724),
}


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF orientation says. Broken EXIF is ignored."""
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises errors of many types; the pixels are sound all the same.
        turn = None
    return image if turn is None else image.transpose(turn)


def without_metadata(data: bytes) -> Iterator[bytes]:
    """Write a file again without the metadata that Pillow may fail on.

    Pillow refuses some files because of a text, a resolution or a profile in them.

    Parameters
    ----------
    data : bytes
        The file.

    Yields
    ------
    bytes
        The same pixels, first with the colour profile and the EXIF where these look sound, then
        without. Files of most formats yield nothing.
    """
    for kept in (True, False):
        if data.startswith(_PNG):
            yield _png(data, kept)
        elif data.startswith(_JPEG):
            yield _jpeg(data, kept)
        elif kept and data[:4] in (b"II*\0", b"MM\0*"):
            yield _tiff(data)
        elif kept and data[4:8] == b"ftyp":
            # an item of an unknown type is passed over
            yield re.sub(rb"(infe.{8,10}?)Exif", rb"\1none", data, flags=re.DOTALL)


def _png(data: bytes, colours_kept: bool) -> bytes:
    parts, at = [_PNG], len(_PNG)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunk = data[at : at + 12 + length]
        name, checksum = chunk[4:8], int.from_bytes(chunk[-4:], "big")
        is_sound = zlib.crc32(chunk[4:-4]) == checksum
        if name in _PNG_PIXELS or (colours_kept and name in _PNG_COLOURS and is_sound):
            parts.append(chunk)
        at += len(chunk)
    return b"".join(parts)


def _jpeg(data: bytes, colours_kept: bool) -> bytes:
    parts, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        is_metadata = _JFIF <= marker <= _LAST_OF_APPLICATIONS or marker == _COMMENT
        has_colours = body.startswith((b"Exif\0\0", b"ICC_PROFILE\0")) and len(body) > 14
        # these two say which channels the pixels have
        has_channels = marker in (_JFIF, _ADOBE) and len(body) >= 12
        if not is_metadata or has_channels or (colours_kept and has_colours):
            parts.append(data[at : at + 2 + length])
        at += 2 + length
    return b"".join([*parts, data[at:]])


def _tiff(data: bytes) -> bytes:
    """Leave the metadata's entries out of the first directory, which stays where it is."""
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    end = at + 2 + 12 * count
    entries = [data[entry : entry + 12] for entry in range(at + 2, end, 12)]
    kept = [
        entry
        for entry in entries
        if len(entry) == 12 and struct.unpack_from(order + "H", entry)[0] not in _TIFF_METADATA
    ]
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + data[end : end + 4]
    return data[:at] + directory + data[at + len(directory) :]
