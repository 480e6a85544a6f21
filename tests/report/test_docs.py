"""The page on one's own classifier: each of its blocks runs, one after the other."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import torch

import rcx

PAGE = Path(__file__).parents[2] / "book" / "own_model.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_every_block_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        rcx.SolverSettings, "preset", lambda name: rcx.SolverSettings(steps=10, samples=2)
    )
    known: dict[str, Any] = {}
    with torch.random.fork_rng(), mpl.rc_context():
        for block in BLOCKS:
            exec(compile(block, str(PAGE), "exec"), known)
    assert len(BLOCKS) >= 8
    assert known["classifier"].label(1) == "dog"
    assert bool((rcx.Explanation.load(tmp_path / "dog.safetensors").target == 1).all())
    assert set(known["curves"]) > {"CartoonX", "GradCAM", "KernelSHAP"}
    assert known["relevance"].shape == (2, 3, 64, 64)
    assert known["arrays"].shape == (2, 1, 64, 64)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_files_and_names_that_the_page_mentions_are_there() -> None:
    text = PAGE.read_text()
    for name in re.findall(r"book/\w+\.py", text):
        assert (PAGE.parents[1] / name).is_file()
