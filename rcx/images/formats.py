"""Formats of image files: what can be read, what counts as an image, and what is amiss."""

from __future__ import annotations

import stat
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageFile

from rcx.images.checks import ImageError

Image.init()
# These are raster formats only. Pillow reads some others, such as EPS, with an external program.
# TGA is left out too, as nearly every file could pass for one.
_RASTER_FORMATS = (
    *("AVIF", "BMP", "DDS", "GIF", "ICO", "JPEG", "JPEG2000"),
    *("PCX", "PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP"),
)
# A file whose first bytes are of these formats is an image, whatever its suffix.
_RECOGNISABLE_FORMATS = ("AVIF", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_SEVERAL_PHOTOS = "MPO"  # Pillow opens it as JPEG
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_PREFIX = 64  # bytes; enough for the brands of an HEIF file

_HEIF = ".heic .heics .heif .heifs .hif"
_CAMERA_RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf "
    ".raw .rw2 .rwl .sr2 .srf .srw .x3f"
)
_DRAWINGS = ".ai .cdr .emf .eps .ps .svg .svgz .wmf"
_OTHER_FORMATS = (
    ".apng .avif .bpg .dcm .dds .djvu .exr .fits .flif .fts .hdr .icns .j2c .j2k .jp2 .jpx .jxl "
    ".jxr .kra .pct .pcx .pdn .pict .psb .psd .qoi .ras .tga .wdp .webp .xbm .xcf .xpm"
)
_REASONS = {
    _HEIF: "an HEIF photo, or damaged; reading HEIF photos needs pip install 'rcx[heif]'",
    _CAMERA_RAW: "raw data of a camera; save the photo as JPEG, PNG or TIFF",
    _DRAWINGS: "a drawing rather than pixels; save it as PNG",
    _OTHER_FORMATS: "damaged, or of a format that cannot be read; save the image as PNG",
    ".npy": "no array as numpy.save writes it with allow_pickle=False; save it so",
    ".npz": "an archive of arrays; save the one that is the image as .npy",
}
_REASON_OF_SUFFIX = {
    suffix: reason for suffixes, reason in _REASONS.items() for suffix in suffixes.split()
}


def readable_formats() -> list[str]:
    """List the formats that can be read now, as Pillow calls them.

    An opener that a program has registered with Pillow, such as that of pillow-heif, comes first.
    """
    registered = [
        name
        for name, (factory, _) in Image.OPEN.items()
        if not str(getattr(factory, "__module__", "")).startswith("PIL.")
    ]
    return registered + [name for name in _RASTER_FORMATS if name in Image.OPEN]


def is_image_file(file: Path) -> bool:
    """Tell whether a file in a folder counts as an image, be it readable or not.

    It does if its suffix is that of an image format, or if its content is an image. Other files,
    such as notes and data beside photos, and hidden files do not.
    """
    if file.name.startswith("."):
        return False
    suffix = file.suffix.lower()
    readable = {*readable_formats(), _SEVERAL_PHOTOS}
    return (
        suffix in _REASON_OF_SUFFIX
        or Image.registered_extensions().get(suffix) in readable
        or _is_image_by_content(file)
    )


def _is_image_by_content(file: Path) -> bool:
    try:
        # opening a pipe could wait for ever
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        prefix = first_bytes(file)
    except OSError:
        return False
    tests = [Image.OPEN[name][1] for name in _RECOGNISABLE_FORMATS if name in Image.OPEN]
    return is_heif(prefix) or any(accepts(prefix) for accepts in tests if accepts)


def first_bytes(file: Path) -> bytes:
    """Read the bytes by which the format of a file is recognised."""
    with file.open("rb") as opened:
        return opened.read(_PREFIX)


def is_heif(prefix: bytes) -> bool:
    """Tell by its first bytes whether a file is an HEIF image, as phones write them."""
    length = int.from_bytes(prefix[:4], "big")
    brands = {prefix[at : at + 4] for at in range(8, min(length, len(prefix)), 4)}
    return prefix[4:8] == b"ftyp" and bool(brands & _HEIF_BRANDS)


def open_heif(path: Path) -> ImageFile.ImageFile:
    """Open an HEIF image by pillow-heif, without registering it with Pillow.

    Raises
    ------
    ImageError
        If pillow-heif is not installed.
    """
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise ImageError("an HEIF photo; reading it needs pip install 'rcx[heif]'") from None
    image: ImageFile.ImageFile = HeifImageFile(str(path))
    return image


def check_not_raw(image: Image.Image, path: Path) -> None:
    """Raise ImageError for raw data of a camera, of which Pillow would show a small preview."""
    if image.format == "TIFF" and path.suffix.lower() in _CAMERA_RAW.split():
        raise ImageError(_REASONS[_CAMERA_RAW])


def unidentified(path: Path) -> str:
    """Say in one line why Pillow does not recognise a file, and what helps."""
    default = "not an image, or damaged, or of an unsupported format"
    suffix = path.suffix.lower()
    if suffix in _HEIF.split() and find_spec("pillow_heif") is not None:
        return default
    return _REASON_OF_SUFFIX.get(suffix, default)
