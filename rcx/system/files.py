"""Files that are written whole, and safetensors files that show any damage.

The same tensors and notes always give the same bytes. A file that was changed or cut off is
recognised by its checksum.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

# torch and safetensors are imported inside the functions that need them, because the command line
# imports this module before it prints its help, and importing torch takes seconds.

Made = TypeVar("Made")

LONGEST_HEADER = 2**24
"""Longest accepted header of a safetensors file, in bytes. A longer one is taken for damage, so
that a damaged length cannot fill the memory."""

_METADATA, _CHECKSUM = "__metadata__", "checksum"


class DamagedError(ValueError):
    """A file is damaged or incomplete. The message says why, without the file's name."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name with all of its content, or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_together(folder: Path, writers: Mapping[str, Callable[[Path], object]]) -> None:
    """Write several files, none of which appears in the folder before all of them are complete.

    Parameters
    ----------
    folder : Path
        The folder to write to.
    writers : mapping of str to callable
        The function that writes each file, by file name. It is called with the path of a temporary
        file.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".rcx-") as scratch:
        for number, write in enumerate(writers.values()):
            write(Path(scratch, str(number)))
        for number, name in enumerate(writers):
            Path(scratch, str(number)).replace(folder / name)


def writable_folder(path: Path) -> Path:
    """Make a folder, with its parents, and make sure that files can be written there.

    Raises
    ------
    OSError
        If they cannot be written. The message names the folder and the reason.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"rcx")
    except OSError as error:
        raise OSError(f"cannot write to the folder {path}: {error.strerror or error}") from error
    return path


def packed(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> bytes:
    """Pack tensors and notes as the content of a safetensors file with a checksum.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        The tensors by name, on any device. They may share memory.
    notes : mapping of str to str
        The metadata. The checksum is added to them; it covers the whole file.

    Returns
    -------
    bytes
        The content. It does not depend on the order of the tensors and notes.
    """
    import torch
    from safetensors.torch import save

    # safetensors refuses tensors that share memory, such as Pixel RDE's picture and its mask.
    separate = {
        name: tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        for name in sorted(tensors)
    }
    return with_notes(save(separate), notes)


def with_notes(content: bytes, notes: Mapping[str, str]) -> bytes:
    """Replace the metadata of a safetensors file's content, and add the checksum as `packed` does.

    Raises
    ------
    DamagedError
        If the content is not that of a safetensors file.
    """
    header, data = _split(content)
    header[_METADATA] = dict(notes)
    header[_METADATA][_CHECKSUM] = _checksum(header, data)
    return _joined(header, data)


def unpacked(content: bytes, *, checked: bool = False) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and the metadata from a file's content.

    Parameters
    ----------
    content : bytes
        What `packed` returned, or the content of another safetensors file.
    checked : bool
        Whether a file without a checksum counts as damaged.

    Returns
    -------
    tensors : dict of str to Tensor
        The tensors by name, on the CPU.
    notes : dict of str to str
        The metadata without the checksum.

    Raises
    ------
    DamagedError
        If the content is not that of a safetensors file, or its checksum does not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    notes = verified(content, checked=checked)
    try:
        return load(content), notes
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(f"not a readable safetensors file: {error}") from error


def verified(content: bytes, *, checked: bool = True) -> dict[str, str]:
    """Read the metadata from a file's content after checking it, without reading the tensors.

    Parameters
    ----------
    content : bytes
        As for `unpacked`.
    checked : bool
        Whether a file without a checksum counts as damaged.

    Returns
    -------
    dict of str to str
        The metadata without the checksum.

    Raises
    ------
    DamagedError
        If the content is not that of a safetensors file, or its checksum does not fit.
    """
    header, data = _split(content)
    notes: dict[str, str] = header.get(_METADATA, {})
    if _CHECKSUM in notes:
        checksum = notes.pop(_CHECKSUM)
        if checksum != _checksum(header, data):
            raise DamagedError("its checksum does not fit: it was changed or damaged")
        header[_METADATA] = {**notes, _CHECKSUM: checksum}
        if _joined(header, data) != content:
            raise DamagedError("its header was changed or damaged")
    elif checked:
        raise DamagedError("it has no checksum")
    return notes


def read_whole(
    path: str | Path, build: Callable[[dict[str, Tensor], dict[str, str]], Made]
) -> Made:
    """Read what `write_whole` wrote of `packed` tensors and notes, and build an object of it.

    Parameters
    ----------
    path : str or Path
        The file.
    build : callable
        Makes the object of the tensors and the notes. Where they are those of something else, it
        raises ValueError with a message that goes on after the file's name, see `check_format`.

    Returns
    -------
    object
        What ``build`` returns.

    Raises
    ------
    ValueError
        If the file is damaged or holds something else. The message names the file.
    """
    try:
        return build(*unpacked(Path(path).read_bytes()))
    except DamagedError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def check_format(notes: Mapping[str, str], expected: str, remedy: str) -> None:
    """Raise ValueError unless the notes of a file name the expected format.

    Parameters
    ----------
    notes : mapping of str to str
        The notes. The one named ``"format"`` counts.
    expected : str
        A kind and a number, such as ``"rcx explanation 2"``.
    remedy : str
        What to do about a file of the same kind and another number.
    """
    kind, actual = expected.rpartition(" ")[0], notes.get("format", "")
    if actual.startswith(f"{kind} ") and actual != expected:
        raise ValueError(f"is of an earlier format of rcx: {remedy}")
    if actual != expected:
        raise ValueError(f"is a safetensors file, but no {kind}")


def _split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Separate the header of a safetensors file from its data."""
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
    """Put a header and data together as a safetensors file."""
    text = _text(header)
    text += b" " * (-len(text) % 8)  # The data must begin at a multiple of 8 bytes.
    return len(text).to_bytes(8, "little") + text + data


def _checksum(header: Mapping[str, Any], data: bytes) -> str:
    return hashlib.sha256(_text(header) + data).hexdigest()


def _text(header: Mapping[str, Any]) -> bytes:
    # The keys are sorted because safetensors writes the metadata in a random order.
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
