"""A folder of some hundred files of every kind, drawn from a seed, for the tests of image files."""

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from profiles import ADOBE_RGB, DISPLAY_P3, cmyk_profile, grey_profile

from rcx.images.formats import readable_formats

MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpg": ("L", "RGB", "CMYK"),
    "gif": ("L", "P", "RGB"),
    "bmp": ("1", "L", "P", "RGB"),
    "tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"),
    "webp": ("RGB", "RGBA"),
    "jp2": ("L", "RGB"),
    "ppm": ("RGB",),
    "pgm": ("L", "I"),
    "ico": ("RGBA",),
    "avif": ("RGB", "RGBA"),
    "qoi": ("RGB",),
}
NAMES = (
    "plain", "ünïcode", "名前", "emoji😀", "new\nline", "tab\there", "quo'te\"", "$(touch x)",
    "-dash", "%s", "{0}", "a b  c", "[red]", "<b>", "a" * 200, "dots.in.name", "UPPER", "\x1b[31m",
    "#hash", "~tilde", "*star?",
)  # fmt: skip
PASSED_OVER = (
    "notes.txt", "photo.xmp", "photo.json", ".DS_Store", "Thumbs.db", "._photo.jpg", ".hidden.png",
    "README", "video.mov", "IMG_0001.AAE",
)  # fmt: skip


class FuzzedFolder(NamedTuple):
    """Names of the files in a folder that can be read, and of those that cannot."""

    readable: set[str]
    unreadable: set[str]


def fuzzed_folder(folder: Path, seed: int, *, count: int = 40) -> FuzzedFolder:
    """Fill a folder.

    Parameters
    ----------
    folder : Path
        An empty folder.
    seed : int
        Draws formats, modes, sizes, metadata and damage.
    count : int
        Number of images that can be read, beside the rarer kinds of which there is one each.
    """
    draw = random.Random(seed)
    files: dict[str, bytes] = {}
    writable = {*readable_formats()} & {*Image.SAVE}
    suffixes = [suffix for suffix in MODES if _format(suffix) in writable]
    for number in range(count):
        suffix = suffixes[number % len(suffixes)]
        name = f"{number}{draw.choice(NAMES)}.{draw.choice((suffix, suffix.upper()))}"
        files[name] = _image(draw, suffix)
    files |= _rare_images(draw)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / os.fsdecode(b"bytes\xff.png")).write_bytes(_image(draw, "png"))
    damaged = _damaged(draw)
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
    special = _special(folder)
    for name in PASSED_OVER:
        (folder / name).write_bytes(draw.randbytes(40))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "inside.png").write_bytes(_image(draw, "png"))
    readable = {*files, os.fsdecode(b"bytes\xff.png")}
    return FuzzedFolder(readable, {*damaged, *special})


def _format(suffix: str) -> str:
    return Image.registered_extensions().get("." + suffix, "")


def _pixels(draw: random.Random, mode: str) -> Image.Image:
    """Random clouds in a mode and of a size."""
    noise = np.random.default_rng(draw.randrange(2**32))
    size = (draw.randrange(1, 70), draw.randrange(1, 70))
    clouds = Image.fromarray(noise.integers(0, 256, (4, 4, 4), dtype=np.uint8)).resize(size)
    greys = np.asarray(clouds.convert("L")).astype(np.float32) / 255
    if mode == "I;16":
        return Image.fromarray((greys * 65535).astype(np.uint16))
    if mode == "I":
        return Image.fromarray((greys * 65535).astype(np.int32))
    if mode == "F":
        return Image.fromarray(greys * np.float32(draw.choice((1, 255))))
    if mode in ("LAB", "YCbCr"):
        return Image.merge(mode, clouds.split()[:3])
    return clouds if mode == "RGBA" else clouds.convert("RGB").convert(mode)


def _image(draw: random.Random, suffix: str) -> bytes:
    """An image that can be read, with any metadata, sound or broken."""
    mode = draw.choice(MODES[suffix])
    options: dict[str, Any] = {}
    if suffix in ("png", "jpg", "webp"):
        exif = Image.Exif()
        exif[0x0112] = draw.randrange(12)
        block = bytearray(exif.tobytes())
        if draw.random() < 0.5:
            block[draw.randrange(6, len(block))] ^= draw.randrange(1, 256)
        options["exif"] = bytes(block)
    if suffix in ("png", "jpg", "tif", "webp") and draw.random() < 0.6:
        profile = draw.choice((ADOBE_RGB.profile(), DISPLAY_P3.profile(), grey_profile(2.2)))
        if mode == "CMYK":
            profile = cmyk_profile([(60, -20, -30), (50, 50, 0), (88, -5, 60)])
        options["icc_profile"] = profile[: draw.choice((None, None, 0, 9, 150))]
    if suffix == "tif" and mode not in ("F", "I", "LAB", "LA"):
        options["compression"] = draw.choice((None, "tiff_lzw", "tiff_adobe_deflate"))
    return _stored(_pixels(draw, mode), _format(suffix), **options)


def _stored(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _rare_images(draw: random.Random) -> dict[str, bytes]:
    """One image of each rarer kind that can be read."""
    frames = [_pixels(draw, "RGB").resize((20, 20)) for _ in range(3)]
    several: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    palette = _pixels(draw, "P")
    array = io.BytesIO()
    np.save(array, np.random.default_rng(draw.randrange(99)).random((3, 9, 8)))
    whole = _image(draw, "png")
    text = b"\0\0\0\5tEXtabcde\0\0\0\0"  # with a wrong checksum
    return {
        "animated.gif": _stored(frames[0], "GIF", **several),
        "animated.png": _stored(frames[0], "PNG", **several),
        "animated.webp": _stored(frames[0], "WEBP", **several),
        "pages.tiff": _stored(frames[0], "TIFF", **several),
        "big.tiff": _stored(frames[0], "TIFF", big_tiff=True),
        "photos.mpo": _stored(frames[0], "MPO", **several),
        "progressive.jpeg": _stored(frames[0], "JPEG", progressive=True),
        "clear.png": _stored(palette, "PNG", transparency=draw.randrange(4)),
        "clear.gif": _stored(palette, "GIF", transparency=draw.randrange(4)),
        "keyed.png": _stored(frames[0], "PNG", transparency=(1, 2, 3)),
        "text.png": whole[:33] + text + whole[33:],
        "array.npy": array.getvalue(),
        "png-named.jpg": _image(draw, "png"),
        "jpeg-named.heic": _image(draw, "jpg"),
        "gif-named.psd": _image(draw, "gif"),
        "no-suffix": _image(draw, "jpg"),
        "photo.jpg_large": _image(draw, "jpg"),
        "dot.png": _stored(Image.new("RGB", (1, 1)), "PNG"),
        "thin.png": _stored(Image.new("L", (3000, 1)), "PNG"),
    }


def _damaged(draw: random.Random) -> dict[str, bytes]:
    """Files with the suffix of an image that cannot be read."""
    whole = {suffix: _stored(_noise(draw), _format(suffix)) for suffix in ("png", "jpg", "tif")}
    files = {f"half.{suffix}": data[: len(data) // 2] for suffix, data in whole.items()}
    flipped = bytearray(whole["png"])
    at = flipped.index(b"IDAT") + 90
    flipped[at : at + 30] = bytes(30)
    heif = struct.pack(">I", 24) + b"ftypheic\0\0\0\0heicmif1" + draw.randbytes(200)
    archive = io.BytesIO()
    np.savez(archive, image=np.zeros((3, 9, 9)))
    named = ("a.svg", "b.eps", "c.psd", "d.jxl", "e.cr2", "f.dng", "g.exr", "h.NEF", "i.tga")
    nothing = np.full((9, 9), np.nan, np.float32)
    return files | dict.fromkeys(named, b"<svg/> or %! or anything else") | {
        "empty.jpg": b"",
        "text.jpg": b"hello, I am no image",
        "noise.png": draw.randbytes(500),
        "header.gif": b"GIF89a",
        "flipped.png": bytes(flipped),
        "bomb.png": _promise(60_000, 60_000),
        "half-bomb.png": _promise(10_000, 10_000),
        "nothing.png": _promise(0, 0),
        "lies.png": _promise(500, 500),
        "photo.heic": heif,
        "photo-named.jpg": heif,
        "nan.tif": _stored(Image.fromarray(nothing), "TIFF"),
        "archive.npz": archive.getvalue(),
        "text.npy": b"no array",
    }  # fmt: skip


def _noise(draw: random.Random) -> Image.Image:
    noise = np.random.default_rng(draw.randrange(2**32))
    return Image.fromarray(noise.integers(0, 256, (64, 64, 3), dtype=np.uint8))


def _promise(width: int, height: int) -> bytes:
    """A PNG file that promises more pixels than it has."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


def _special(folder: Path) -> set[str]:
    """Make what is no regular file, and a file without permissions."""
    makers: dict[str, Callable[[Path], object]] = {
        "folder.jpg": lambda path: path.mkdir(),
        "loop.jpg": lambda path: path.symlink_to("loop.jpg"),
        "dangling.png": lambda path: path.symlink_to("nowhere"),
        "pipe.png": os.mkfifo,
    }
    if os.geteuid() != 0:  # root reads all
        makers["secret.png"] = lambda path: path.touch(mode=0)
    for name, make in makers.items():
        make(folder / name)
    return set(makers)
