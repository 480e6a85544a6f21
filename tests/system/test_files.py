"""Files of results: stable bytes, and every single flipped bit is found."""

import json

import pytest
import torch
from safetensors.torch import save

from rcx.system.files import DamagedError, packed, unpacked, verified

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor([True, False])}
NOTES = {"z": "1", "format": "é", "a": '{"x": 1}'}


def test_tensors_and_notes_come_back():
    tensors, notes = unpacked(packed(TENSORS, NOTES), checked=True)
    assert notes == NOTES
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_order_of_what_is_packed_does_not_matter():
    turned = packed(dict(reversed(TENSORS.items())), dict(reversed(NOTES.items())))
    assert turned == packed(TENSORS, NOTES)


def test_views_of_one_memory_can_be_packed():
    whole = torch.arange(12.0).view(3, 4)
    tensors, _ = unpacked(packed({"whole": whole, "part": whole[:, 1]}, {}))
    assert torch.equal(tensors["part"], whole[:, 1])


def test_every_flipped_bit_is_found():
    content = packed(TENSORS, NOTES)
    for place in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            with pytest.raises(DamagedError):
                verified(bytes(damaged))


def test_every_truncation_is_found():
    content = packed(TENSORS, NOTES)
    for left in range(len(content)):
        with pytest.raises(DamagedError):
            verified(content[:left])


@pytest.mark.parametrize(
    "header", ["[]", '{"__metadata__": 3}', "nonsense", "[" * 100_000, '{"a": {"dtype": "X"}}']
)
def test_headers_of_every_kind(header):
    text = header.encode()
    with pytest.raises(DamagedError):
        unpacked(len(text).to_bytes(8, "little") + text)


def test_a_file_of_the_library_has_no_checksum():
    content = save(TENSORS, {"format": "pt"})
    assert json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert unpacked(content)[1] == {"format": "pt"}
    with pytest.raises(DamagedError, match="no checksum"):
        unpacked(content, checked=True)
