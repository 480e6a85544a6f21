"""``rcx train-start`` and ``rcx explain --start``, as typed."""

import inspect
from pathlib import Path

import pytest
import torch
from helpers import seeded, smooth_images
from safetensors.torch import save_file
from torchvision.utils import save_image
from typer.testing import CliRunner, Result

import rcx
from rcx.commands.main import app
from rcx.commands.train_start import train_start
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.training_settings import TrainingSettings

LEARN = ["--steps", "2", "--size", "32", "--device", "cpu"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, image in enumerate(smooth_images(7, (60, 48))):
        save_image(image, folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


class QuickSettings(SolverSettings):
    """Default settings and presets of four steps, so that judging a network takes no time."""

    steps: int = 4

    @classmethod
    def preset(cls, name: Preset) -> SolverSettings:
        return super().preset(name).model_copy(update={"steps": 4})


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("network") / "start.safetensors"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rcx.solver.settings.SolverSettings", QuickSettings)
        return out, run("train-start", "--images", photos, "--out", out, "--held-out", 2, *LEARN)


def test_a_network_learns_from_explanations(photos: Path, tmp_path: Path) -> None:
    explained = ["explain", photos, "--model", "sample/cnn", "--steps", 3, "--size", 32]
    assert (
        run(
            *explained, "--method", "cartoonx", "--method", "pixel-rde", "--out", tmp_path
        ).exit_code
        == 1
    )  # one photo is broken
    out = tmp_path / "start" / "start.safetensors"
    out.parent.mkdir()
    given = ["train-start", "--explanations", tmp_path, "--out", out, "--held-out", 0]
    result = run(*given, "--steps", 2)
    assert result.exit_code == 0, result.output
    network = rcx.StartNetwork.load(out)
    assert network.settings.lambda_k == (20, 20)
    assert network.settings.size == (32, 32)
    assert network.history["images"] == 7
    assert network.history["explanations"] is True
    result = run(*given, "--steps", 2, "--no-normalize")
    assert result.exit_code == 2
    assert "has another normalize than the start is for" in result.output
    (tmp_path / "start" / "start.safetensors").unlink()
    result = run(*given[:2], tmp_path / "3.safetensors", *given[3:])
    assert "there are 1 explanation of predicted classes" in result.output


def test_a_folder_of_photos_gives_a_network(trained: tuple[Path, Result]) -> None:
    out, result = trained
    assert result.exit_code == 0, result.output
    network = rcx.StartNetwork.load(out)
    assert network.settings.classifier == "sample/cnn"
    assert network.settings.size == (32, 32)
    assert network.history["images"] == 5
    assert network.history["steps"] == 2
    for text in ("5 images to learn from, 2 held out", "left out", "broken.png", "training 2/2"):
        assert text in result.output
    assert "predicted" in result.output  # the table of the images that were held out
    assert [file.name for file in out.parent.iterdir()] == ["start.safetensors"]


def test_a_trained_network_is_a_start_on_the_command_line(
    trained: tuple[Path, Result], photos: Path, tmp_path: Path
) -> None:
    common = ["explain", photos / "0.png", "--model", "sample/cnn", "--size", 32, "--steps", 0]
    common += ["--out", tmp_path, "--quiet"]
    assert run(*common, "--start", trained[0]).exit_code == 0
    explanation = rcx.Explanation.load(tmp_path / "0.safetensors")
    assert explanation.settings["start"].startswith("network ")
    assert int(explanation.steps) == 0


def test_an_interrupted_training_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rcx.starts.training import Trainer

    whole, take_step, out = tmp_path / "whole.st", Trainer._take_step, tmp_path / "start.st"
    arguments = ["train-start", "--images", photos, "--held-out", 0, *LEARN[2:], "--steps", 4]
    assert run(*arguments, "--out", whole).exit_code == 0

    def interrupted(trainer: Trainer) -> float:
        if trainer.step == 2:
            raise KeyboardInterrupt
        return take_step(trainer)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "_take_step", interrupted)
        result = run(*arguments, "--out", out)
    assert result.exit_code == 130
    assert "goes on from step 2" in result.output
    result = run(*arguments, "--out", out)
    assert "going on from step 2 of 4" in result.output
    assert rcx.StartNetwork.load(out).fingerprint == rcx.StartNetwork.load(whole).fingerprint
    assert not out.with_name("start.st.checkpoint").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "timm/tf_mobilenetv3_small_100"], "--images must name photos, or a folder"),
        (["--lambda-k", "5", "-1"], "lambda_k must be a positive number"),
        (["--lambda-k", "5", "2"], "the range of lambdas must rise"),
        (["--out", "nowhere/start.safetensors"], "there is no folder nowhere"),
        (["--steps", "0"], "steps"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], message: str) -> None:
    result = run("train-start", *arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_help_names_the_default_number_of_steps() -> None:
    option = inspect.signature(train_start, eval_str=False).parameters["steps"].annotation
    assert f"by default {TrainingSettings().steps}." in option


def test_too_few_photos_are_not_enough(photos: Path, tmp_path: Path) -> None:
    save_image(torch.rand(3, 48, 48, generator=seeded(0)), tmp_path / "one.png")
    result = run("train-start", "--images", tmp_path, "--out", tmp_path / "out.st")
    assert result.exit_code == 2
    assert "1 photo can be read, and a network needs at least 4" in result.output
    result = run("train-start", "--images", photos / "0.png", photos / "1.png", "--out", "x.st")
    assert result.exit_code == 2
    assert "2 photos can be read" in result.output


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("zeros", "unknown start 'zeros'"),
        ("missing.safetensors", "missing.safetensors"),
        ("other.safetensors", "no rcx start network"),
    ],
)
def test_starts_that_are_none_are_said(
    photos: Path, tmp_path: Path, start: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"weight": torch.ones(1)}, tmp_path / "other.safetensors")
    result = run("explain", photos / "0.png", "--model", "sample/cnn", "--start", start)
    assert result.exit_code == 2, result.output
    assert message in result.output
