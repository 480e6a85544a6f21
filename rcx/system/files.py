"""Safetensors files of results: the same result gives the same bytes, a damaged one is told."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


_METADATA, _CHECKSUM = "__metadata__", "checksum"
LONGEST_HEADER = 2**24
"""Bytes; a longer one is taken for damage and not read into memory."""


class DamagedError(ValueError):
    """A file is no whole result; the message says why, without the file's name."""


def packed(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> bytes:
    """Content of a safetensors file with a checksum over all of it among its metadata.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        By name, of any device; they may share memory.
    notes : mapping of str to str
        The metadata.

    Returns
    -------
    bytes
        The same for the same tensors and notes, whatever their order.
    """
    # safetensors refuses shared memory, such as Pixel RDE's picture, a view of its mask
    apart = {
        name: tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        for name in sorted(tensors)
    }
    return with_notes(save(apart), notes)


def with_notes(content: bytes, notes: Mapping[str, str]) -> bytes:
    """The same tensors with other metadata, as `packed` gives it."""
    header, data = _split(content)
    header[_METADATA] = dict(notes)
    header[_METADATA][_CHECKSUM] = _checksum(header, data)
    return _joined(header, data)


def unpacked(content: bytes, *, checked: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file's content.

    Parameters
    ----------
    content : bytes
        What `packed` gave, or another safetensors file.
    checked : bool
        Whether a file without a checksum is taken for damaged.

    Raises
    ------
    DamagedError
        If it is no safetensors file, or its checksum does not fit.
    """
    notes = verified(content, checked=checked)
    try:
        return load(content), notes
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(f"not a readable safetensors file: {error}") from error


def verified(content: bytes, *, checked: bool = True) -> dict[str, str]:
    """Metadata of a file's content, if its checksum fits; errors as `unpacked`."""
    header, data = _split(content)
    notes = header.get(_METADATA, {})
    if _CHECKSUM in notes:
        given = notes.pop(_CHECKSUM)
        if given != _checksum(header, data):
            raise DamagedError("its checksum does not fit: it was changed or damaged")
        header[_METADATA] = {**notes, _CHECKSUM: given}
        if _joined(header, data) != content:
            raise DamagedError("its header was changed or damaged")
    elif checked:
        raise DamagedError("it has no checksum")
    return notes


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= min(len(content) - 8, LONGEST_HEADER):
        raise DamagedError("not a readable safetensors file: truncated or of another kind")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise DamagedError("not a readable safetensors file: its header is no JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get(_METADATA, {}), dict):
        raise DamagedError("not a readable safetensors file: its header is no table")
    return header, content[8 + length :]


def _joined(header: Mapping[str, Any], data: bytes) -> bytes:
    text = _text(header)
    text += b" " * (-len(text) % 8)  # the data are to begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + data


def _checksum(header: Mapping[str, Any], data: bytes) -> str:
    return hashlib.sha256(_text(header) + data).hexdigest()


def _text(header: Mapping[str, Any]) -> bytes:
    # the library writes metadata in a random order
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def writable_folder(path: Path) -> Path:
    """Make a folder, with its parents, and make sure that files can be written there.

    Raises
    ------
    OSError
        If they cannot; the message names the folder and the reason.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"rcx")
    except OSError as error:
        raise OSError(f"cannot write to the folder {path}: {error.strerror or error}") from error
    return path


def write_together(folder: Path, writers: Mapping[str, Callable[[Path], object]]) -> None:
    """Write several files; none of them appears before all of them are complete.

    Parameters
    ----------
    folder : Path
        Where they go.
    writers : mapping of str to callable
        By file name; each is called with the path of a temporary file.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".rcx-") as scratch:
        for number, write in enumerate(writers.values()):
            write(Path(scratch, str(number)))
        for number, name in enumerate(writers):
            Path(scratch, str(number)).replace(folder / name)
