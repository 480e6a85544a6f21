"""``rcx explain`` as users type it: results, names, failures, exit codes, interruption."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.transforms.functional import to_pil_image
from typer.testing import CliRunner

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.weights import WeightsUnavailableError
from rcx.commands.main import app
from rcx.commands.photos import output_names
from rcx.explain.explanation import Explanation
from rcx.images.imagenet import study_images
from rcx.images.scenes import SAMPLE_CLASSES, draw_scenes

QUICK = ["--model", "sample/cnn", "--steps", "3", "--samples", "2"]
RCX = Path(sys.executable).with_name("rcx")


@pytest.fixture(scope="session")
def scenes():
    """Two scenes as Pillow images."""
    return [to_pil_image(image) for image in draw_scenes(2, seed=5).images]


@pytest.fixture
def photos(tmp_path, scenes):
    """A folder with scene0.png and scene1.png."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, scene in enumerate(scenes):
        scene.save(folder / f"scene{number}.png")
    return folder


def explain(*arguments):
    """Run ``rcx explain`` in this process; the exit code and all that it printed."""
    result = CliRunner().invoke(app, ["explain", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_picture_and_explanation_of_each_photo(photos, tmp_path):
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


def test_pixel_rde_is_a_second_file(photos, tmp_path):
    code, output = explain(
        photos / "scene0.png", *QUICK, "--pixel-rde", "--pixel-lambda-k", 3, "--out", tmp_path / "o"
    )
    assert code == 0
    assert files(tmp_path / "o") == [
        "scene0.pixel-rde.safetensors",
        "scene0.png",
        "scene0.safetensors",
    ]
    pixels = Explanation.load(tmp_path / "o" / "scene0.pixel-rde.safetensors")
    assert (pixels.settings["method"], pixels.settings["lambda_k"]) == ("Pixel RDE", 3)
    assert "CartoonX" in output
    assert "Pixel RDE" in output


def test_same_seed_same_bytes(photos, tmp_path):
    names = {"first": 0, "again": 0, "other": 1}
    for name, seed in names.items():
        arguments = [photos / "scene0.png", *QUICK, "--seed", seed, "--out", tmp_path / name]
        assert explain(*arguments)[0] == 0
    first, again, other = (load_file(tmp_path / name / "scene0.safetensors") for name in names)
    assert first.keys() == again.keys()
    for key, tensor in first.items():
        assert tensor.numpy().tobytes() == again[key].numpy().tobytes(), key
    assert not torch.equal(first["mask"], other["mask"])


def test_photos_explained_together_are_explained_as_alone(photos, tmp_path):
    for size in (1, 2):
        arguments = [photos, *QUICK, "--batch-size", size, "--out", tmp_path / str(size)]
        assert explain(*arguments)[0] == 0
    for name in ("scene0.safetensors", "scene1.safetensors"):
        alone, together = (Explanation.load(tmp_path / size / name) for size in "12")
        torch.testing.assert_close(together.mask, alone.mask, atol=1e-3, rtol=0)


def test_options_reach_the_explanation(photos, tmp_path):
    options = (
        "--lambda-k 7 --no-keep-label --size 96 --wavelet haar --levels 3 --no-normalize --fit crop"
    )
    arguments = [*options.split(), "--target", "Star", "--out", tmp_path]
    assert explain(photos / "scene0.png", *QUICK, *arguments)[0] == 0
    explanation = Explanation.load(tmp_path / "scene0.safetensors")
    assert explanation.picture.shape[-2:] == (96, 96)
    assert float(explanation.lambda_k) == 7
    assert int(explanation.target) == SAMPLE_CLASSES.index("star")
    assert explanation.settings["normalize"] is False
    assert "haar" in explanation.settings["representation"]


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
def test_a_parameter_that_makes_no_sense(photos, tmp_path, arguments, code, sentence):
    result, output = explain(photos, *QUICK, "--out", tmp_path / "o", *arguments)
    assert result == code
    assert sentence in output
    assert not (tmp_path / "o").exists() or not files(tmp_path / "o")


def test_no_photos_and_no_network(photos, tmp_path, monkeypatch):
    assert explain()[0] == 2

    def unavailable(name):
        raise WeightsUnavailableError(f"{name} needs its weights")

    monkeypatch.setattr("rcx.classifiers.classifier.named_model", unavailable)
    code, output = explain(photos, "--out", tmp_path)
    assert code == 1
    assert "Error: torchvision/mobilenet_v3_small needs its weights" in output


def test_a_folder_that_cannot_be_written_is_found_before_the_work(photos, monkeypatch):
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", pytest.fail)
    for out in (photos / "scene0.png", photos / "scene0.png" / "inside"):
        code, output = explain(photos, *QUICK, "--out", out)
        assert code == 2
        assert f"cannot write to the folder {out}" in output


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(photos, tmp_path):
    whole = (photos / "scene0.png").read_bytes()
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("not an image")
    (photos / "half.png").write_bytes(whole[: len(whole) // 2])
    (photos / "folder.png").mkdir()
    (tmp_path / "hollow").mkdir()
    missing = tmp_path / "missing.png"
    code, output = explain(photos, missing, tmp_path / "hollow", *QUICK, "--out", tmp_path / "o")
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


def test_nothing_that_can_be_read(tmp_path):
    code, output = explain(tmp_path / "a.png", *QUICK, "--out", tmp_path / "o")
    assert code == 1
    assert "a.png: No such file" in output


class Moody(nn.Module):
    """Logits from the mean colours; NaN for bright images, or for batches above a size."""

    def __init__(self, brightest=2.0, largest=10**6):
        super().__init__()
        self.brightest, self.largest = brightest, largest

    def forward(self, images):
        logits = images.mean((2, 3))
        bad = (images.mean((1, 2, 3)) > self.brightest) | (len(images) > self.largest)
        return torch.where(bad[:, None], torch.nan, logits)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_photo_that_cannot_be_explained_does_not_stop_the_rest(
    photos, tmp_path, monkeypatch, batch_size
):
    Image.new("RGB", (64, 64), "white").save(photos / "scene0b.png")
    moody = load_classifier(Moody(brightest=0.95), input_size=64)
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", lambda *_, **__: moody)
    arguments = [*QUICK, "--levels", 3, "--batch-size", batch_size, "--out", tmp_path / "o"]
    code, output = explain(photos, *arguments)
    assert code == 1
    assert re.search(r"Failed: .*scene0b\.png: .*NaN or infinite logits", output)
    assert len(files(tmp_path / "o")) == 4


def test_nan_for_the_obfuscations_alone_is_a_failure_too(photos, tmp_path, monkeypatch):
    moody = load_classifier(Moody(largest=2), input_size=64)
    monkeypatch.setattr("rcx.classifiers.loading.load_classifier", lambda *_, **__: moody)
    code, output = explain(photos, *QUICK, "--levels", 3, "--samples", 4, "--out", tmp_path / "o")
    assert code == 1
    assert output.count("Failed: ") == 2
    assert files(tmp_path / "o") == []


def test_a_full_disk_leaves_no_half_of_a_result(photos, tmp_path, monkeypatch):
    save = Explanation.save

    def full(self, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Explanation, "save", full)
    code, output = explain(photos, *QUICK, "--out", tmp_path / "o")
    assert code == 1
    assert output.count("No space left on device") == 2
    assert files(tmp_path / "o") == []
    monkeypatch.setattr(Explanation, "save", save)
    (tmp_path / "o" / "scene0.png").mkdir()
    code, output = explain(photos, *QUICK, "--out", tmp_path / "o")
    assert code == 1
    assert f"Is a directory: {tmp_path / 'o' / 'scene0.png'}" in output
    assert files(tmp_path / "o") == ["scene0.png", "scene1.png", "scene1.safetensors"]


def test_files_of_one_name_do_not_overwrite_one_another(photos, tmp_path, scenes):
    paths = [tmp_path / name for name in ("a/dog.png", "b/dog.png", "b/dog.bmp")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        scenes[0].save(path)
    code, output = explain(*paths, paths[0], *QUICK, "--out", tmp_path / "o")
    assert code == 0
    stems = ["dog", "dog-2", "dog-3"]
    assert files(tmp_path / "o") == sorted(
        stem + suffix for stem in stems for suffix in (".png", ".safetensors")
    )
    assert "(as dog-3)" in output


def test_photos_in_the_output_folder_are_not_overwritten(photos):
    before = {name: (photos / name).read_bytes() for name in files(photos)}
    assert explain(photos, *QUICK, "--out", photos)[0] == 0
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
def test_names_of_results(given, expected):
    paths = [Path(path) for path in given]
    suffixes = [".png", ".safetensors", ".pixel-rde.safetensors"]
    assert list(output_names(paths, Path("out"), suffixes).values()) == expected


def test_file_names_of_every_kind(tmp_path, scenes, monkeypatch):
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
    arguments = [folder, folder / ".hidden.png", *QUICK, "--levels", 3, "--out", tmp_path / "o"]
    code, output = explain(*arguments)
    assert code == 0
    assert len(files(tmp_path / "o")) == 2 * len(names)
    assert (tmp_path / "o" / f"{names[0]}.png").exists()
    assert names[0] in output
    assert "\x1b" not in output
    assert "new\nline" not in output


def test_quiet_says_only_what_failed(photos, tmp_path):
    assert explain(photos, *QUICK, "--quiet", "--out", tmp_path / "o") == (0, "")
    (photos / "empty.png").touch()
    code, output = explain(photos, *QUICK, "-q", "--out", tmp_path / "o")
    assert code == 1
    assert output.strip() == f"Failed: {photos / 'empty.png'}: the file is empty"


def test_help_and_version_do_not_wait_for_torch():
    program = "import sys, rcx.commands.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    version = subprocess.run([RCX, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"rcx \d+\.\d+\.\d+\S*\n", version.stdout)
    text = CliRunner().invoke(app, ["explain", "--help"], env={"COLUMNS": "120"}).output
    assert "--lambda-k" in text


def test_the_public_names_are_all_there():
    import rcx

    assert {"CartoonX", "PixelRDE", "load_classifier", "load_images"} <= set(dir(rcx))
    assert all(getattr(rcx, name) is not None for name in rcx.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Cartoon'"):
        rcx.Cartoon  # noqa: B018


def typed(*arguments, **options):
    """Start the real command."""
    # pytest itself may run where an interrupt is ignored, which a child would inherit
    return subprocess.Popen(
        [RCX, "explain", *map(str, arguments)],
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def test_the_real_command_line_in_a_pipe(photos, tmp_path):
    (photos / "empty.png").touch()
    process = typed(
        photos,
        *QUICK,
        *("--out", "o"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # without it, the locale would have to know the characters of file names
        env=os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert output.splitlines()[0].split()[:3] == ["photo", "class", "probability"]
    assert re.search(r"^scene0.png .* 0\.\d{3} -> 0\.\d{3} ", output, re.MULTILINE)
    assert "4 files are in o/" in output.splitlines()
    lines = errors.splitlines()
    assert lines[0] == "Loading sample/cnn ..."
    assert re.fullmatch(r".*scene0.png: CartoonX, .*, label (kept|lost), \d+\.\d s", lines[1])
    assert lines[-1].endswith("empty.png: the file is empty")


def test_a_bar_on_a_terminal(photos, tmp_path):
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = typed(
        photos, *QUICK, "--out", tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(ours)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert "━" in shown.decode(errors="replace")
    assert b"/2" in shown
    assert b"label" not in shown  # the lines are for where there is no bar


def test_an_interrupt_leaves_whole_files_only(photos, tmp_path, scenes):
    for number in range(2, 6):
        scenes[0].save(photos / f"scene{number}.png")
    out = tmp_path / "o"
    process = typed(
        photos, *QUICK, "--steps", 30, "--out", out, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    for line in process.stderr:
        if "scene0.png" in line:
            break
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert re.search(r"interrupted; [1-5] of 6 photos were not explained", errors)
    assert "scene0.png" in output
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
def test_real_classifiers_keep_their_answer(tmp_path, model, size):
    # Both classifiers are sure of these. Where p is small, so is p squared, the most that losing
    # the label can cost: lambda then buys a sparser mask for it, as the loss asks.
    sure = ("tiger_shark", "flamingo", "barber_chair", "hoopskirt", "sax")
    chosen = [file for file, _ in study_images() if file.stem.partition("_")[2] in sure]
    assert len(chosen) == len(sure)
    code, output = explain(*chosen, "--model", model, "--out", tmp_path)
    assert code == 0, output
    assert len(files(tmp_path)) == 10
    for file in chosen:
        explanation = Explanation.load(tmp_path / f"{file.stem}.safetensors")
        assert explanation.picture.shape == (1, 1, size, size)
        assert bool(explanation.label_kept)
        assert float(explanation.nonsparsity) < 0.1
        assert float(explanation.distortion) < 0.1
        with Image.open(tmp_path / f"{file.stem}.png") as picture:
            picture.load()
