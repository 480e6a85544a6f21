"""A study of a folder in which nearly everything is wrong: what can be read is explained."""

from __future__ import annotations

import csv
import os
import struct
import zlib
from pathlib import Path

import pandas as pd
from PIL import Image
from typer.testing import CliRunner

from rcx.commands.main import app
from rcx.images.scenes import draw_scenes

SETTINGS = """
images = ["photos"]
solver = { steps = 2, samples = 2 }
[[runs]]
classifier = "sample/cnn"
methods = [{ method = "CartoonX" }]
"""


def png(width: int, height: int) -> bytes:
    """File that promises more pixels than it has."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def fill(folder: Path) -> tuple[set[str], set[str]]:
    """Make the photos; returns the names of those that can be read, and of those that cannot."""
    pixels = draw_scenes(1, seed=3, size=48).images[0].permute(1, 2, 0).mul(255).byte().numpy()
    scene = Image.fromarray(pixels)
    good = {
        "plain.png", "grey.png", "palette.gif", "cmyk.jpg", "alpha.png", "emoji😀.png",
        "ünïcode.png", "new\nline.png", "<b>bold<b>.png", "quo'te\".png",
        "-dash.png", "$(touch x).png", "a" * 240 + ".png", "dot.jpg",
    }  # fmt: skip
    modes = {"grey.png": "L", "palette.gif": "P", "cmyk.jpg": "CMYK", "alpha.png": "RGBA"}
    for name in good:
        scene.convert(modes.get(name, "RGB")).save(folder / name)
    scene.resize((1, 1)).save(folder / "dot.jpg")
    (folder / os.fsdecode(b"bytes\xff.png")).write_bytes((folder / "plain.png").read_bytes())
    whole = (folder / "cmyk.jpg").read_bytes()
    damaged = {
        "empty.jpg": b"",
        "text.jpg": b"hello",
        "half.jpg": whole[: len(whole) // 2],
        "noise.png": os.urandom(2000),
        "bomb.png": png(60_000, 60_000),
        "nothing.png": png(0, 0),
        "lies.png": png(500, 500),
    }
    for name, content in damaged.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere")
    # one photo by two names is one photo
    (folder / "zz-again.png").symlink_to("plain.png")
    return good, {*damaged, "pipe.jpg", "folder.jpg", "loop.jpg", "dangling.jpg"}


def test_what_can_be_read_is_explained_and_the_rest_is_named(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    good, bad = fill(photos)
    (tmp_path / "study.toml").write_text(SETTINGS)
    arguments = ["study", "--settings", str(tmp_path / "study.toml"), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    rows = pd.read_parquet(out / "tables" / "explanations.parquet")
    with (out / "failures.csv").open(encoding="utf-8", newline="") as file:
        failed = {Path(row["image"]).name for row in csv.DictReader(file)}
    assert failed == bad
    assert len(rows) == len(good) + 1  # and the one whose name is no text
    for name in bad:
        assert name in result.output
    assert not list(tmp_path.glob("**/x"))


def test_a_pattern_that_the_shell_expands(tmp_path: Path) -> None:
    pixels = draw_scenes(2, seed=3, size=48).images.permute(0, 2, 3, 1).mul(255).byte().numpy()
    names = ["a.png", os.fsdecode(b"bytes\xff.png"), "missing.png"]
    for name, scene in zip(names, pixels, strict=False):
        Image.fromarray(scene).save(tmp_path / name, "PNG")
    (tmp_path / "study.toml").write_text(SETTINGS)
    out = tmp_path / "out"
    paths = [str(tmp_path / name) for name in names]
    arguments = ["study", "--settings", str(tmp_path / "study.toml"), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--images", *paths])
    assert result.exit_code == 1, result.output
    assert "missing.png" in result.output
    assert len(pd.read_parquet(out / "tables" / "explanations.parquet")) == 2
    again = [*arguments, "--images", paths[0], "--images", *paths[1:2], "--n-images", "1"]
    result = CliRunner().invoke(app, again)
    assert result.exit_code == 0, result.output
    assert "0 new results" in result.output


def test_a_word_that_is_no_image(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["study", "imagenet", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "there are no images: imagenet: No such file" in result.output
