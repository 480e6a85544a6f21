"""Explanations and their files, which are either whole or absent."""

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import seeded, smooth_images, tiny_cnn
from safetensors.torch import load_file, save_file

import rcx
from rcx.explain.explanation import Explanation
from rcx.system.machine import versions

SETTINGS = {"method": "CartoonX", "lambda_k": 20.0, "solver": {"steps": 5}, "seed": 0, "é": None}


def make(n: int = 3, steps: int = 5) -> Explanation:
    """An explanation of random numbers, of every type that a real one holds."""
    generator = seeded(n)
    rows = {
        field.name: torch.rand(n, generator=generator)
        for field in fields(Explanation)
        if field.name not in ("history", "class_names", "settings")
    }
    for name in ("target", "predicted", "predicted_after", "steps"):
        rows[name] = torch.randint(1000, (n,), generator=generator)
    for name in ("label_kept", "converged"):
        rows[name] = torch.rand(n, generator=generator) < 0.5
    rows["images"] = torch.randint(256, (n, 3, 5, 6), generator=generator, dtype=torch.uint8)
    rows["mask"] = torch.rand(n, 30, generator=generator)
    rows["picture"] = torch.rand(n, 1, 5, 6, generator=generator)
    curves = torch.rand(4, n, steps, generator=generator)
    curves[:, 0, -2:] = torch.nan
    names = ("distortion", "nonsparsity", "loss", "residual")
    return Explanation(
        **rows,
        history=dict(zip(names, curves, strict=True)),
        class_names={7: "hen", 300: "tiger beetle, é"},
        settings=dict(SETTINGS),
    )


def assert_same(first: Explanation, second: Explanation) -> None:
    """Assert that two explanations have the same bits, NaN included."""
    for (name, expected), (_, actual) in zip(first.tensors(), second.tensors(), strict=True):
        assert actual.dtype == expected.dtype, name
        assert torch.equal(actual, expected), name
    assert first.history.keys() == second.history.keys()
    for name, curve in first.history.items():
        torch.testing.assert_close(second.history[name], curve, rtol=0, atol=0, equal_nan=True)
    assert first.class_names == second.class_names
    assert first.settings == second.settings


def test_settled_at_is_the_first_step_below_the_tolerance() -> None:
    explanation = make(3)
    residual = torch.tensor(
        [[1, 0.3, 0.01, 0.3, torch.nan], [1, 0.4, 0.3, 0.2, 0.1], [0, 0, 0, 0, 0]]
    )
    explanation = replace(
        explanation,
        history={**explanation.history, "residual": residual},
        settings={"solver": {"tolerance": 0.02}},
    )
    assert explanation.settled_at.tolist() == [3, 0, 1]
    without_steps = replace(explanation, history={"residual": residual[:, :0]})
    assert without_steps.settled_at.tolist() == [0, 0, 0]


# --- files


@pytest.mark.parametrize("n", [1, 3])
def test_a_file_gives_back_the_same_bits(tmp_path: Path, n: int) -> None:
    explanation = make(n)
    path = explanation.save(tmp_path / "a.safetensors")
    assert path == tmp_path / "a.safetensors"
    assert_same(Explanation.load(path), explanation)
    assert_same(Explanation.load(str(path)), explanation)


@pytest.mark.parametrize("method", [rcx.CartoonX, rcx.PixelRDE])
def test_real_explanations_survive_a_file(
    tmp_path: Path, method: type[rcx.CartoonX | rcx.PixelRDE]
) -> None:
    solver = rcx.SolverSettings(steps=3)
    options: dict[str, Any] = {"levels": 1} if method is rcx.CartoonX else {}
    explainer = method(tiny_cnn(), solver=solver, evaluation_samples=4, **options)
    explanation = explainer.explain(smooth_images(2, (16, 19)))
    path = explanation.save(tmp_path / "a.safetensors")
    assert_same(Explanation.load(path), explanation)
    assert_same(Explanation.load(explanation[1].save(path)), explanation[1])


def test_parts_that_are_views_of_each_other_are_saved(tmp_path: Path) -> None:
    whole = make(4)
    assert_same(Explanation.load(whole[1:3].save(tmp_path / "a")), whole[1:3])
    tensors: dict[str, Any] = dict(whole.tensors()) | {"picture": whole.mask.reshape(-1, 1, 5, 6)}
    tensors["lambda_k"] = torch.tensor(2.0).expand(4)
    shared = replace(whole, **tensors)
    assert_same(Explanation.load(shared.save(tmp_path / "a")), shared)


def test_settings_can_be_read_without_rcx(tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(make().save(tmp_path / "a.safetensors"), framework="np") as file:
        assert json.loads(file.metadata()["settings"]) == SETTINGS
        assert file.get_tensor("mask").shape == (3, 30)


def test_saving_replaces_an_older_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    make(2).save(tmp_path / "a.safetensors")
    make(3).save(tmp_path / "a.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
    assert len(Explanation.load(tmp_path / "a.safetensors")) == 3


def test_a_missing_folder_is_an_error_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        make().save(tmp_path / "missing" / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="folder"):
        make().save(folder)
    assert list(tmp_path.rglob("*")) == [folder]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_leaves_the_older_file(tmp_path: Path) -> None:
    older = make(2)
    path = older.save(tmp_path / "a.safetensors")
    # The name of the temporary file belongs to a device on which every write fails.
    (tmp_path / f".a.safetensors.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        make(3).save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert_same(Explanation.load(path), older)


def test_settings_that_are_no_json_leave_no_file(tmp_path: Path) -> None:
    explanation = make()
    explanation.settings["start"] = torch.ones(3)
    with pytest.raises(TypeError, match="JSON"):
        explanation.save(tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", [0, 4, 200, 0.5, -1])
def test_a_truncated_file(tmp_path: Path, left: float) -> None:
    path = make().save(tmp_path / "a.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content)) if 0 < left < 1 else int(left)])
    with pytest.raises(ValueError, match=r"a\.safetensors is damaged: "):
        Explanation.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(64)])
def test_a_foreign_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable safetensors file"):
        Explanation.load(path)


@pytest.mark.parametrize("header", [None, {"format": "pt"}, {"format": "rcx curve 1"}])
def test_safetensors_of_something_else(tmp_path: Path, header: dict[str, str] | None) -> None:
    save_file({"mask": torch.ones(2, 3)}, tmp_path / "weights.safetensors", header)
    with pytest.raises(ValueError, match="no rcx explanation"):
        Explanation.load(tmp_path / "weights.safetensors")


def test_an_earlier_format_is_recognised_and_not_misread(tmp_path: Path) -> None:
    path = make().save(tmp_path / "a.safetensors")
    tensors = load_file(path)
    del tensors["images"]
    save_file(tensors, path, {"format": "rcx explanation 1", "settings": "{}"})
    with pytest.raises(
        ValueError, match=r"a\.safetensors is of an earlier format of rcx: explain the images again"
    ):
        Explanation.load(path)


@pytest.mark.parametrize("change", ["missing", "surplus"])
def test_attributes_of_another_version_are_named(tmp_path: Path, change: str) -> None:
    path = make().save(tmp_path / "a.safetensors")
    tensors = load_file(path)
    if change == "missing":
        del tensors["residual"]
    else:
        tensors["sharpness"] = torch.ones(3)
    notes = {"format": "rcx explanation 2", "settings": "{}", "class_names": "{}"}
    save_file(tensors, path, notes)
    with pytest.raises(ValueError, match="residual" if change == "missing" else "sharpness"):
        Explanation.load(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Explanation.load(tmp_path / "a.safetensors")


# --- rows


def test_an_integer_gives_a_batch_of_one() -> None:
    whole = make(3)
    for row in (0, 2, -1, -3):
        part = whole[row]
        assert len(part) == 1
        assert torch.equal(part.mask, whole.mask[row][None])
        assert torch.equal(part.steps, whole.steps[row][None])
        curve = whole.history["loss"][row]
        torch.testing.assert_close(part.history["loss"][0], curve, rtol=0, atol=0, equal_nan=True)
        assert part.settings == whole.settings


def test_slices_and_tensors_choose_rows() -> None:
    whole = make(4)
    assert_same(whole[1:3], whole[torch.tensor([1, 2])])
    assert_same(whole[torch.tensor([False, True, True, False])], whole[1:3])
    assert len(whole[4:]) == 0
    assert_same(whole[:], whole)


def test_iterating_gives_each_image_once() -> None:
    whole = make(3)
    parts = list(whole)
    assert len(parts) == len(whole) == 3
    for row, part in enumerate(parts):
        assert_same(part, whole[row])


def test_parts_can_be_joined_again() -> None:
    whole = make(3)
    assert_same(Explanation.cat(list(whole)), whole)
    assert_same(Explanation.cat([whole]), whole)


def test_shorter_curves_are_continued_by_nan() -> None:
    joined = Explanation.cat([make(2, steps=3), make(1, steps=5)])
    assert len(joined) == 3
    for name, curve in joined.history.items():
        assert curve.shape == (3, 5)
        assert curve[:2, 3:].isnan().all()
        expected = make(1, steps=5).history[name][0]
        torch.testing.assert_close(curve[2], expected, rtol=0, atol=0, equal_nan=True)


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="no explanation to join"):
        Explanation.cat([])


@pytest.mark.parametrize("row", [3, -4])
def test_rows_that_are_not_there(row: int) -> None:
    with pytest.raises(IndexError):
        make(3)[row]


def test_printing_is_free_of_curves() -> None:
    assert "history" not in repr(make())


def test_versions_name_what_a_result_depends_on() -> None:
    assert versions().keys() >= {"python", "rcx", "torch", "timm", "PyWavelets"}
    assert versions()["torch"].split("+")[0] == torch.__version__.split("+")[0]
