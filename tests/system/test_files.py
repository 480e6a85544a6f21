"""Files of results: the same content gives the same bytes, and every flipped bit is noticed."""

import json

import pytest
import torch
from safetensors.torch import save

from rcx.system.files import DamagedError, packed, unpacked, verified

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor([True, False])}
NOTES = {"z": "1", "format": "é", "a": '{"x": 1}'}


def test_tensors_and_notes_come_back() -> None:
    tensors, notes = unpacked(packed(TENSORS, NOTES), checked=True)
    assert notes == NOTES
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_the_order_of_what_is_packed_does_not_matter() -> None:
    reversed_order = packed(dict(reversed(TENSORS.items())), dict(reversed(NOTES.items())))
    assert reversed_order == packed(TENSORS, NOTES)


def test_views_of_one_memory_can_be_packed() -> None:
    whole = torch.arange(12.0).view(3, 4)
    tensors, _ = unpacked(packed({"whole": whole, "part": whole[:, 1]}, {}))
    assert torch.equal(tensors["part"], whole[:, 1])


def test_every_flipped_bit_is_noticed() -> None:
    content = packed(TENSORS, NOTES)
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            with pytest.raises(DamagedError):
                verified(bytes(damaged))


def test_every_truncation_is_noticed() -> None:
    content = packed(TENSORS, NOTES)
    for length in range(len(content)):
        with pytest.raises(DamagedError):
            verified(content[:length])


@pytest.mark.parametrize(
    "header", ["[]", '{"__metadata__": 3}', "nonsense", "[" * 100_000, '{"a": {"dtype": "X"}}']
)
def test_headers_of_every_kind(header: str) -> None:
    text = header.encode()
    with pytest.raises(DamagedError):
        unpacked(len(text).to_bytes(8, "little") + text)


def test_a_file_that_safetensors_wrote_has_no_checksum() -> None:
    content = save(TENSORS, {"format": "pt"})
    assert json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert unpacked(content)[1] == {"format": "pt"}
    with pytest.raises(DamagedError, match="no checksum"):
        unpacked(content, checked=True)
