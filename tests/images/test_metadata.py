"""Broken metadata beside sound pixels: the pixels are read."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import picture
from PIL import ExifTags, Image, PngImagePlugin
from profiles import DISPLAY_P3

from rcx.images.checks import ImageError
from rcx.images.decoding import read_image
from rcx.images.formats import readable_formats

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF></rdf:RDF></x:xmpmeta>'


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[ExifTags.Base.Orientation] = orientation
    block[ExifTags.Base.Make] = "maker"
    block[ExifTags.Base.XResolution] = 72.0
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2020:01:01 00:00:00"
    return block


def stored(kind: str, **options: Any) -> bytes:
    """A file of a picture."""
    buffer = io.BytesIO()
    options |= {"lossless": True} if kind == "WEBP" else {}
    picture(32, 32).save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes, folder: Path) -> torch.Tensor:
    path = folder / "photo"
    path.write_bytes(data)
    return read_image(path, 32)


def same_pixels(data: bytes, whole: bytes, folder: Path) -> bool:
    return torch.equal(read(data, folder), read(whole, folder))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("damage", ["header", "zeros", "cut", "text"])
def test_broken_exif(tmp_path: Path, kind: str, damage: str) -> None:
    block = exif(6).tobytes()
    start = len(b"Exif\0\0")
    broken = {
        "header": block[:start] + b"XX" + block[start + 2 :],
        "zeros": block[:start] + bytes(len(block) - start),
        "cut": block[: start + 11],
        "text": b"no EXIF at all",
    }[damage]
    assert same_pixels(stored(kind, exif=broken), stored(kind), tmp_path)


@pytest.mark.skipif("AVIF" not in readable_formats(), reason="this Pillow was built without AVIF")
def test_broken_exif_of_avif(tmp_path: Path) -> None:
    whole = stored("AVIF", exif=exif())
    at = whole.index(b"MM\0*")
    assert same_pixels(whole[:at] + bytes(8) + whole[at + 8 :], stored("AVIF"), tmp_path)


def png_chunk(name: bytes, content: bytes, checksum: int | None = None) -> bytes:
    checksum = zlib.crc32(name + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


HEADER_OF_PNG = 8 + 25  # signature and IHDR


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"tEXt", b"Title\0words", checksum=7),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no compressed text"),
        png_chunk(b"iTXt", b"Title"),
        png_chunk(b"zTXt", b"Title\0\7words"),
        png_chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(3 * 2**20))),
        png_chunk(b"iCCP", b"name\0\0" + b"no compressed profile"),
        png_chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(3 * 2**20))),
        png_chunk(b"iCCP", DISPLAY_P3.profile(), checksum=7),
        png_chunk(b"pHYs", b"\0"),
        png_chunk(b"gAMA", b""),
        png_chunk(b"cHRM", b"\0"),
        png_chunk(b"sRGB", b""),
        png_chunk(b"eXIf", exif().tobytes(), checksum=7),
        png_chunk(b"acTL", b"\0"),
        png_chunk(b"sBIT", b"", checksum=7),
    ],
    ids=lambda chunk: chunk[4:12].decode("latin1"),
)
def test_broken_chunks_of_png(tmp_path: Path, chunk: bytes) -> None:
    whole = stored("PNG")
    for at in (HEADER_OF_PNG, len(whole) - 12):
        assert same_pixels(whole[:at] + chunk + whole[at:], whole, tmp_path)


def test_a_broken_text_costs_neither_the_colours_nor_the_orientation(tmp_path: Path) -> None:
    whole = stored("PNG", exif=exif(6), icc_profile=DISPLAY_P3.profile())
    bad = png_chunk(b"tEXt", b"Title\0words", checksum=7)
    assert same_pixels(whole[:HEADER_OF_PNG] + bad + whole[HEADER_OF_PNG:], whole, tmp_path)
    assert not same_pixels(whole, stored("PNG", exif=exif(6)), tmp_path)
    assert not same_pixels(whole, stored("PNG", icc_profile=DISPLAY_P3.profile()), tmp_path)


def test_broken_pixels_and_transparency_of_png_are_not_passed_over(tmp_path: Path) -> None:
    whole = stored("PNG")
    at = whole.index(b"IDAT") + 20
    with pytest.raises(ImageError, match="damaged"):
        read(whole[:at] + b"\0\1\2" + whole[at + 3 :], tmp_path)
    bad = png_chunk(b"tRNS", bytes(6), checksum=7)
    with pytest.raises(ImageError, match="damaged"):
        read(whole[:HEADER_OF_PNG] + bad + whole[HEADER_OF_PNG:], tmp_path)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE1, b"Exif\0\0"),
        (0xE1, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmp"),
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"ICC_PROFILE\0\0"),
        (0xE2, b"ICC_PROFILE\0\1\3" + bytes(40)),
        (0xE2, b"MPF\0MM\0*\0\0\0\x08"),
        (0xED, b"Photoshop 3.0\0008BIM\x03\xed\0\0\0\0\0\x10"),
        (0xEE, b"Adobe"),
        (0xE0, b"JFIF\0"),
        (0xFE, b"\xff\xff"),
    ],
)
def test_broken_segments_of_jpeg(tmp_path: Path, mode: str, marker: int, content: bytes) -> None:
    buffer = io.BytesIO()
    picture(32, 32).convert(mode).save(buffer, "JPEG")
    whole = buffer.getvalue()
    segment = bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content
    at = whole.index(b"\xff\xdb")  # the first table
    assert same_pixels(whole[:at] + segment + whole[at:], whole, tmp_path)


def entries_of_tiff() -> tuple[bytearray, str, dict[int, int]]:
    """A file, its byte order, and where its directory has each tag."""
    block = exif()
    block[700] = XMP
    options = {"dpi": (72, 72), "software": "s" * 9, "icc_profile": b"x" * 50, "exif": block}
    data = bytearray(stored("TIFF", **options))
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    places = range(at + 2, at + 2 + 12 * count, 12)
    return data, order, {struct.unpack_from(order + "H", data, at)[0]: at for at in places}


@pytest.mark.parametrize("tag", [282, 283, 296, 305, 700, 34675])
@pytest.mark.parametrize("damage", [(2, 2), (2, 7), (2, 99), (4, 255), (8, 255), (11, 255)])
def test_broken_entries_of_tiff(tmp_path: Path, tag: int, damage: tuple[int, int]) -> None:
    data, _, entries = entries_of_tiff()
    data[entries[tag] + damage[0]] = damage[1]
    assert same_pixels(bytes(data), stored("TIFF"), tmp_path)


@pytest.mark.parametrize("tag", [34665, 34853])
@pytest.mark.parametrize("place", [0, 3, 10**9])
def test_lost_directories_of_tiff(tmp_path: Path, tag: int, place: int) -> None:
    data, order, entries = entries_of_tiff()
    struct.pack_into(order + "HHII", data, entries[305], tag, 4, 1, place)
    assert same_pixels(bytes(data), stored("TIFF"), tmp_path)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP"]),
    at=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=40),
)
def test_noise_anywhere_in_the_metadata(tmp_path: Path, kind: str, at: float, noise: bytes) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", XMP.decode())
    data = bytearray(stored(kind, exif=exif(), xmp=XMP, pnginfo=notes))
    blocks = [block for block in (XMP, exif().tobytes()[6:]) if block in data]
    assert blocks
    for block in blocks:
        start = data.index(block) + int(at * (len(block) - len(noise)))
        data[start : start + len(noise)] = noise
    image = read(bytes(data), tmp_path)
    turned = [torch.rot90(image, turns, (1, 2)) for turns in range(4)]
    turned += [each.flip(1) for each in turned]  # the noise may be an orientation
    whole = read(stored(kind), tmp_path)
    assert any(torch.equal(each, whole) for each in turned)
