"""A folder of some hundred files of every kind: what can be read is read, and the rest is named."""

import os
from pathlib import Path

import pytest
import torch
from fuzzed import fuzzed_folder

from rcx.images.reading import find_images, read_images


@pytest.mark.skipif(os.name != "posix", reason="makes pipes and links")
@pytest.mark.parametrize("seed", range(3))
def test_each_file_is_read_or_named(tmp_path: Path, seed: int) -> None:
    expected = fuzzed_folder(tmp_path, seed)
    assert len(expected.readable) + len(expected.unreadable) > 80
    image_set = read_images(tmp_path, 24)
    reasons = {failure.path.name: failure.reason for failure in image_set.failures}
    unexpected = {name: reasons[name] for name in reasons if name in expected.readable}
    assert not unexpected
    assert {path.name for path in image_set.paths} == expected.readable
    assert set(reasons) == expected.unreadable
    assert all(reason.isprintable() and len(reason) < 200 for reason in reasons.values())
    assert bool(((image_set.images >= 0) & (image_set.images <= 1)).all())
    for path, image in zip(image_set.paths[::7], image_set.images[::7], strict=True):
        assert torch.equal(read_images(path, 24).images[0], image)


@pytest.mark.skipif(os.name != "posix", reason="makes pipes and links")
def test_files_are_listed_without_being_read(tmp_path: Path) -> None:
    expected = fuzzed_folder(tmp_path, 3, count=5)
    files, failures = find_images(tmp_path)
    assert not failures
    assert {file.name for file in files} == expected.readable | expected.unreadable
