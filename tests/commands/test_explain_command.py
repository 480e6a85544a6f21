"""``rcx explain`` as users type it: results, names, failures, exit codes, interruption."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from fuzzed import fuzzed_folder
from PIL import Image
from safetensors.torch import load_file
from studies import RCX, Command, typed
from torch import Tensor, nn
from torchvision.transforms.functional import to_pil_image

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.weights import WeightsUnavailableError
from rcx.commands.photos import output_names
from rcx.explain.explanation import Explanation
from rcx.images.imagenet import study_images
from rcx.images.scenes import SAMPLE_CLASSES, draw_scenes

QUICK = ["--model", "sample/cnn", "--steps", "3", "--samples", "2"]
SMALL = [*QUICK, "--size", "64"]


@pytest.fixture(scope="session")
def scenes() -> list[Image.Image]:
    """Two scenes as Pillow images."""
    return [to_pil_image(image) for image in draw_scenes(2, seed=5).images]


@pytest.fixture
def photos(tmp_path: Path, scenes: list[Image.Image]) -> Path:
    """A folder with scene0.png and scene1.png."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, scene in enumerate(scenes):
        scene.save(folder / f"scene{number}.png")
    return folder


def explain(*arguments: object) -> tuple[int, str]:
    """Run ``rcx explain`` in this process; the exit code, and what it printed."""
    return typed("explain", *arguments)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_picture_and_explanation_of_each_photo(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    code, output = explain(photos, *QUICK, "--out", out)
    assert code == 0
    assert files(out) == ["scene0.png", "scene0.safetensors", "scene1.png", "scene1.safetensors"]
    for name in ("scene0", "scene1"):
        explanation = Explanation.load(out / f"{name}.safetensors")
        assert len(explanation) == 1
        assert explanation.picture.shape == (1, 1, 128, 128)
        assert explanation.settings["lambda_k"] == 20
        assert explanation.settings["solver"]["steps"] == 3
        assert f"{float(explanation.probability):.3f}" in output
        assert SAMPLE_CLASSES[int(explanation.target)] in output
        with Image.open(out / f"{name}.png") as picture:
            picture.load()
    assert "4 files are in" in output


def test_pixel_rde_is_a_second_file(photos: Path, tmp_path: Path) -> None:
    code, output = explain(
        photos / "scene0.png",
        *SMALL,
        "--method",
        "cartoonx",
        "--method",
        "pixel-rde",
        "--out",
        tmp_path / "o",
    )
    assert code == 0
    assert files(tmp_path / "o") == [
        "scene0.pixel-rde.safetensors",
        "scene0.png",
        "scene0.safetensors",
    ]
    pixels = Explanation.load(tmp_path / "o" / "scene0.pixel-rde.safetensors")
    assert (pixels.settings["method"], pixels.settings["lambda_k"]) == ("Pixel RDE", 4)
    assert "CartoonX" in output
    assert "Pixel RDE" in output


def test_same_seed_same_bytes(photos: Path, tmp_path: Path) -> None:
    names = {"first": 0, "again": 0, "other": 1}
    for name, seed in names.items():
        arguments = [photos / "scene0.png", *SMALL, "--seed", seed, "--out", tmp_path / name]
        assert explain(*arguments)[0] == 0
    first, again, other = (load_file(tmp_path / name / "scene0.safetensors") for name in names)
    assert first.keys() == again.keys()
    for key, tensor in first.items():
        assert tensor.numpy().tobytes() == again[key].numpy().tobytes(), key
    assert not torch.equal(first["mask"], other["mask"])


def test_photos_explained_together_are_explained_as_alone(photos: Path, tmp_path: Path) -> None:
    for size in (1, 2):
        arguments = [photos, *SMALL, "--batch-size", size, "--out", tmp_path / str(size)]
        assert explain(*arguments)[0] == 0
    for name in ("scene0.safetensors", "scene1.safetensors"):
        alone, together = (Explanation.load(tmp_path / size / name) for size in "12")
        torch.testing.assert_close(together.mask, alone.mask, atol=1e-3, rtol=0)


def test_options_reach_the_explanation(photos: Path, tmp_path: Path) -> None:
    options = (
        "--lambda-k 7 --distortion probability --size 96 --wavelet haar --levels 3 --no-normalize "
        "--fit crop"
    )
    arguments = [*options.split(), "--target", "Star", "--out", tmp_path]
    assert explain(photos / "scene0.png", *SMALL, *arguments)[0] == 0
    explanation = Explanation.load(tmp_path / "scene0.safetensors")
    assert explanation.picture.shape[-2:] == (96, 96)
    assert float(explanation.lambda_k) == 7
    assert explanation.settings["distortion"] == "probability"
    assert int(explanation.target) == SAMPLE_CLASSES.index("star")
    assert explanation.settings["normalize"] is False
    assert "haar" in explanation.settings["representation"]


def test_a_function_in_a_file_is_the_answer(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.py").write_text("def rather(z):\n    return z[:, 0] - z[:, 1]\n")
    answer = ["--answer", f"{tmp_path / 'scores.py'}:rather", "--scale", "2"]
    code, output = explain(photos, *SMALL, *answer, "--out", tmp_path / "out")
    assert code == 0, output
    assert "score" in output
    explanation = Explanation.load(tmp_path / "out" / "scene0.safetensors")
    assert explanation.settings["answer"] == "scores:rather"
    assert explanation.settings["scale"] == 2
    code, output = explain(photos, *SMALL, "--answer", "softplus", "--out", tmp_path / "out")
    assert code == 2
    assert "unknown answer 'softplus'" in output


def test_an_empty_explanation_is_told_with_the_reason_and_the_remedy(
    photos: Path, tmp_path: Path
) -> None:
    options = ["--steps", 60, "--lambda-k", 1000, "--distortion", "probability"]
    code, output = explain(photos / "scene0.png", *SMALL, *options, "--out", tmp_path)
    assert code == 0
    assert bool(Explanation.load(tmp_path / "scene0.safetensors").empty)
    reason = (
        r"at lambda_k = 1000, keeping \w+ \(probability 0\.\d{3}\) costs more than losing it; use "
        "a smaller --lambda-k or --distortion relative"
    )
    assert re.search(rf"scene0.png: CartoonX, .*, label lost, .* s, empty: {reason}\n", output)
    assert re.search(r"^scene0.png .* lost, empty ", output, re.MULTILINE)
    assert re.search(rf"1 explanation is empty, that of scene0.png: {reason}\.", output)
    assert "lost the label" not in output
    assert "EmptyExplanationWarning" not in output


def test_a_lost_label_is_told_with_the_remedy(photos: Path, tmp_path: Path) -> None:
    options = [
        "--target",
        "star",
        "--method",
        "cartoonx",
        "--method",
        "pixel-rde",
        "--out",
        tmp_path,
    ]
    code, output = explain(photos, *SMALL, *options)
    assert code == 0
    names = ("scene0", "scene0.pixel-rde", "scene1", "scene1.pixel-rde")
    explanations = [Explanation.load(tmp_path / f"{name}.safetensors") for name in names]
    lost = [each for each in explanations if not bool(each.label_kept)]
    assert lost and not any(bool(each.empty) for each in lost)
    assert f"{len(lost)} explanations lost the label: a smaller" in output
    assert "a smaller --lambda-k keeps more" in output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--lambda-k", "-1"], 2, "lambda-k"),
        (["--lambda-k", "nan"], 2, "lambda"),
        (["--lambda-k", "many"], 2, "lambda-k"),
        (["--model", "sample/cn"], 2, "did you mean sample/cnn"),
        (["--model", "torchvision/mobilenet_v3_smal"], 2, "torchvision/mobilenet_v3_small"),
        (["--target", "zebra"], 2, "unknown class 'zebra'"),
        (["--target", "crescnt"], 2, "did you mean 'crescent'"),
        (["--target", "1000"], 2, "has the classes 0 to"),
        (["--size", "3"], 2, "size must be an integer from 8"),
        (["--size", "big"], 2, "--size"),
        (["--levels", "9"], 2, "levels must be a whole number from 1 to 7"),
        (["--size", "16"], 2, "levels must be a whole number from 1 to 4"),
        (["--wavelet", "db99"], 2, "unknown wavelet 'db99'"),
        (["--fit", "squeeze"], 2, "fit must be 'stretch' or 'crop'"),
        (["--preset", "slow"], 2, "unknown solver preset 'slow'"),
        (["--device", "toaster"], 2, "device 'toaster' cannot be used"),
        (["--steps", "-1"], 2, "--steps"),
        (["--nonsense"], 2, "nonsense"),
    ],
)
def test_a_parameter_that_makes_no_sense(
    photos: Path, tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    result, output = explain(photos, *QUICK, "--out", tmp_path / "o", *arguments)
    assert result == code
    assert sentence in output
    assert not (tmp_path / "o").exists() or not files(tmp_path / "o")


def test_no_photos_and_no_network(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output = explain()
    assert code == 2
    assert "no photos were given; name files or folders" in output

    def unavailable(name: str) -> nn.Module:
        raise WeightsUnavailableError(f"{name} needs its weights")

    monkeypatch.setattr("rcx.classifiers.loading.named_model", unavailable)
    code, output = explain(photos, "--out", tmp_path)
    assert code == 1
    assert "Error: packaged/efficientnet_lite0 needs its weights" in output


def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", pytest.fail)
    for out in (photos / "scene0.png", photos / "scene0.png" / "inside"):
        code, output = explain(photos, *SMALL, "--out", out)
        assert code == 2
        assert f"cannot write to the folder {out}" in output


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(photos: Path, tmp_path: Path) -> None:
    whole = (photos / "scene0.png").read_bytes()
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("not an image")
    (photos / "half.png").write_bytes(whole[: len(whole) // 2])
    (photos / "folder.png").mkdir()
    (tmp_path / "hollow").mkdir()
    missing = tmp_path / "missing.png"
    code, output = explain(photos, missing, tmp_path / "hollow", *SMALL, "--out", tmp_path / "o")
    assert code == 1
    assert len(files(tmp_path / "o")) == 4
    for line in (
        "empty.png: the file is empty",
        "text.jpg: not an image",
        "half.png: damaged",
        "folder.png: not a file",
        "missing.png: No such file",
        "hollow: the folder has no image files",
    ):
        assert line in output
    assert output.count("Failed: ") == 6


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="makes pipes and links")
def test_a_folder_of_every_kind_of_file(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    expected = fuzzed_folder(folder, seed=11)
    options = [*QUICK, "--size", 16, "--levels", 2, "--steps", 1, "--samples", 1]
    process = subprocess.run(
        [RCX, "explain", folder, *map(str, options), "--out", "o"],
        text=True,
        cwd=tmp_path,
        capture_output=True,
        errors="replace",
        check=False,
    )
    failed = [line for line in process.stderr.splitlines() if line.startswith("Failed: ")]
    assert process.returncode == 1, process.stderr
    assert len(failed) == len(expected.unreadable), failed
    for name in expected.unreadable:
        assert sum(f"{os.sep}{name}: " in line for line in failed) == 1, name
    assert len(files(tmp_path / "o")) == 2 * len(expected.readable)
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("options", [["--images"], []])
def test_a_pattern_that_the_shell_expands(photos: Path, tmp_path: Path, options: list[str]) -> None:
    paths = sorted(photos.iterdir())
    code, output = explain(*options, *paths, *SMALL, "--out", tmp_path / "o")
    assert code == 0, output
    assert len(files(tmp_path / "o")) == 4


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    code, output = explain(tmp_path / "a.png", *SMALL, "--out", tmp_path / "o")
    assert code == 1
    assert "a.png: No such file" in output


class Moody(nn.Module):
    """Logits from the mean colours; NaN for bright images, or for batches above a size."""

    def __init__(self, brightest: float = 2.0, largest: int = 10**6) -> None:
        super().__init__()
        self.brightest, self.largest = brightest, largest

    def forward(self, images: Tensor) -> Tensor:
        logits = images.mean((2, 3))
        bad = (images.mean((1, 2, 3)) > self.brightest) | (len(images) > self.largest)
        return torch.where(bad[:, None], torch.nan, logits)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_photo_that_cannot_be_explained_does_not_stop_the_rest(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    Image.new("RGB", (64, 64), "white").save(photos / "scene0b.png")
    moody = load_classifier(Moody(brightest=0.95), input_size=64)
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", lambda *_, **__: moody)
    arguments = [*SMALL, "--levels", 3, "--batch-size", batch_size, "--out", tmp_path / "o"]
    code, output = explain(photos, *arguments)
    assert code == 1
    assert re.search(r"Failed: .*scene0b\.png: .*NaN or infinite logits", output)
    assert len(files(tmp_path / "o")) == 4


def test_nan_for_the_obfuscations_alone_is_a_failure_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moody = load_classifier(Moody(largest=2), input_size=64)
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", lambda *_, **__: moody)
    code, output = explain(photos, *SMALL, "--levels", 3, "--samples", 4, "--out", tmp_path / "o")
    assert code == 1
    assert output.count("Failed: ") == 2
    assert files(tmp_path / "o") == []


def test_a_full_disk_leaves_no_half_of_a_result(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Explanation.save

    def full(self: Explanation, path: str | Path) -> Path:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Explanation, "save", full)
    code, output = explain(photos, *SMALL, "--out", tmp_path / "o")
    assert code == 1
    assert output.count("No space left on device") == 2
    assert files(tmp_path / "o") == []
    monkeypatch.setattr(Explanation, "save", save)
    (tmp_path / "o" / "scene0.png").mkdir()
    code, output = explain(photos, *SMALL, "--out", tmp_path / "o")
    assert code == 1
    assert f"Is a directory: {tmp_path / 'o' / 'scene0.png'}" in output
    assert files(tmp_path / "o") == ["scene0.png", "scene1.png", "scene1.safetensors"]


def test_files_of_one_name_do_not_overwrite_one_another(
    photos: Path, tmp_path: Path, scenes: list[Image.Image]
) -> None:
    paths = [tmp_path / name for name in ("a/dog.png", "b/dog.png", "b/dog.bmp")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        scenes[0].save(path)
    code, output = explain(*paths, paths[0], *SMALL, "--out", tmp_path / "o")
    assert code == 0
    stems = ["dog", "dog-2", "dog-3"]
    assert files(tmp_path / "o") == sorted(
        stem + suffix for stem in stems for suffix in (".png", ".safetensors")
    )
    assert "(as dog-3)" in output


def test_photos_in_the_output_folder_are_not_overwritten(photos: Path) -> None:
    before = {name: (photos / name).read_bytes() for name in files(photos)}
    assert explain(photos, *SMALL, "--out", photos)[0] == 0
    assert {name: (photos / name).read_bytes() for name in before} == before
    assert "scene0-2.png" in files(photos)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["x/a.png", "x/b.png"], ["a", "b"]),
        (["x/a.png", "y/a.png", "y/a-2.png"], ["a", "a-2", "a-2-2"]),
        (["x/Dog.png", "x/dog.jpg"], ["Dog", "dog-2"]),
        (["x/dog.png", "x/dog.pixel-rde.png"], ["dog", "dog.pixel-rde-2"]),
        (["x/" + "é" * 120 + ".png"], ["é" * 90]),
    ],
)
def test_names_of_results(given: list[str], expected: list[str]) -> None:
    paths = [Path(path) for path in given]
    suffixes = [".png", ".safetensors", ".pixel-rde.safetensors"]
    assert list(output_names(paths, Path("out"), suffixes).values()) == expected


def test_file_names_of_every_kind(
    tmp_path: Path, scenes: list[Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        "$a_1$ [red]b[red] %s {0}",
        "ünï 名前",
        "new\nline",
        "\x1b[31mescape",
        "-dash",
        ".hidden",
        os.fsdecode(b"\xff\xfe"),
    ]
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in names:
        with (folder / f"{name}.png").open("wb") as file:
            scenes[0].save(file, format="png")
    moody = Classifier(Moody(), name="moody", class_names=["$x$", "a\nb", "[bold]"], input_size=64)
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", lambda *_, **__: moody)
    arguments = [folder, folder / ".hidden.png", *SMALL, "--levels", 3, "--out", tmp_path / "o"]
    code, output = explain(*arguments)
    assert code == 0
    assert len(files(tmp_path / "o")) == 2 * len(names)
    assert (tmp_path / "o" / f"{names[0]}.png").exists()
    assert names[0] in output
    assert "\x1b" not in output
    assert "new\nline" not in output


def test_quiet_says_only_what_failed(photos: Path, tmp_path: Path) -> None:
    assert explain(photos, *SMALL, "--quiet", "--out", tmp_path / "o") == (0, "")
    (photos / "empty.png").touch()
    code, output = explain(photos, *SMALL, "-q", "--out", tmp_path / "o")
    assert code == 1
    assert output.strip() == f"Failed: {photos / 'empty.png'}: the file is empty"


def test_help_and_version_do_not_wait_for_torch() -> None:
    program = "import sys, rcx.commands.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    version = subprocess.run([RCX, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"rcx \d+\.\d+\.\d+\S*\n", version.stdout)
    assert "--lambda-k" in re.sub(r"\x1b\[[0-9;]*m", "", typed("explain", "--help")[1])


def test_the_public_names_are_all_there() -> None:
    import rcx

    assert {"CartoonX", "PixelRDE", "load_classifier", "load_images"} <= set(dir(rcx))
    assert all(getattr(rcx, name) is not None for name in rcx.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Cartoon'"):
        rcx.Cartoon  # noqa: B018


def test_the_real_command_line_in_a_pipe(photos: Path, tmp_path: Path) -> None:
    (photos / "empty.png").touch()
    process = subprocess.run(
        [RCX, "explain", photos, *SMALL, "--out", "o"],
        text=True,
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
        # without it, the locale would have to know the characters of file names
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    output, errors = process.stdout, process.stderr
    assert process.returncode == 1
    assert output.splitlines()[0].split()[:3] == ["photo", "class", "probability"]
    assert re.search(r"^scene0.png .* 0\.\d{3} -> 0\.\d{3} ", output, re.MULTILINE)
    assert "4 files are in o/" in output.splitlines()
    lines = errors.splitlines()
    assert lines[0] == "Loading sample/cnn ..."
    assert re.fullmatch(r".*scene0.png: CartoonX, .*, label (kept|lost), \d+\.\d s", lines[1])
    assert lines[-1].endswith("empty.png: the file is empty")


def on_a_terminal() -> None:
    os.environ |= {"TERM": "xterm-256color", "COLUMNS": "100"}


def test_a_bar_on_a_terminal(photos: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    terminal = Path(os.ttyname(theirs))
    options = ("explain", photos, *SMALL, "--out", tmp_path)
    command = Command(*options, log=tmp_path / "log", errors=terminal, before=on_a_terminal)
    shown = b""
    os.set_blocking(ours, False)
    while command.is_alive or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.1)[0]:
            shown += os.read(ours, 4096)
    os.close(theirs)
    os.close(ours)
    assert command.wait() == 0, (command.output, shown)
    assert "━" in shown.decode(errors="replace")
    assert b"/2" in shown
    assert b"label" not in shown  # the lines are for where there is no bar


def test_an_interrupt_leaves_whole_files_only(
    photos: Path, tmp_path: Path, scenes: list[Image.Image]
) -> None:
    for number in range(2, 6):
        scenes[0].save(photos / f"scene{number}.png")
    out = tmp_path / "o"
    options = ("explain", photos, *SMALL, "--steps", 30, "--out", out)
    command = Command(*options, log=tmp_path / "log", errors=tmp_path / "errors")
    while "scene0.png" not in (tmp_path / "errors").read_text():
        assert command.is_alive
        time.sleep(0.01)
    command.send(signal.SIGINT)
    assert command.wait(120) == 130
    errors = (tmp_path / "errors").read_text()
    assert "Traceback" not in errors
    assert re.search(r"interrupted; [1-5] of 6 photos were not explained", errors)
    assert "scene0.png" in command.output
    names = files(out)
    assert len(names) in range(2, 12, 2)
    for name in {Path(name).stem for name in names}:
        Explanation.load(out / f"{name}.safetensors")
        with Image.open(out / f"{name}.png") as picture:
            picture.load()


@pytest.mark.slow
@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
@pytest.mark.parametrize(
    ("model", "size"), [("timm/tf_mobilenetv3_small_100", 256), ("timm/deit_tiny_patch16_224", 224)]
)
def test_real_classifiers_keep_their_answer(tmp_path: Path, model: str, size: int) -> None:
    # Both classifiers are sure of these photographs, so few coefficients keep their answer.
    sure = ("tiger_shark", "flamingo", "barber_chair", "hoopskirt", "sax")
    files_of_classes = [file for file, _ in study_images() if file.stem.partition("_")[2] in sure]
    assert len(files_of_classes) == len(sure)
    options = ["--model", model, "--size", size, "--out", tmp_path]
    code, output = explain(*files_of_classes, *options)
    assert code == 0, output
    assert len(files(tmp_path)) == 10
    for file in files_of_classes:
        explanation = Explanation.load(tmp_path / f"{file.stem}.safetensors")
        assert explanation.picture.shape == (1, 1, size, size)
        assert bool(explanation.label_kept)
        assert float(explanation.nonsparsity) < 0.1
        assert float(explanation.distortion) < 0.1
        with Image.open(tmp_path / f"{file.stem}.png") as picture:
            picture.load()
