"""Networks of families that the package was not made for, with random weights, are explained."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

import rcx
from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.profiles import load_profile
from rcx.classifiers.sizes import image_size
from rcx.classifiers.weights import WeightsUnavailableError
from rcx.commands.main import app
from rcx.evaluate.baselines import attribution
from rcx.evaluate.rollout import rollout, rollout_matrix
from rcx.images.figures import picture_grid

ROOT = Path(__file__).parents[2]
QUICK: dict[str, Any] = {
    "solver": rcx.SolverSettings(steps=3, samples=2),
    "evaluation_samples": 4,
    "device": "cpu",
}
CNNS: dict[str, Callable[[], nn.Module]] = {
    "vgg16": lambda: torchvision.models.vgg16(weights=None, init_weights=False),
    "resnet18": lambda: torchvision.models.resnet18(weights=None),
    "convnext_atto": lambda: timm.create_model("convnext_atto"),
    "efficientnet_b0": lambda: timm.create_model("efficientnet_b0"),
}
VITS = ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"]


def randomly_initialised(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def timm_network(name: str, input_size: int = 224) -> rcx.Classifier:
    model = randomly_initialised(lambda: timm.create_model(name))
    return rcx.load_classifier(model, input_size=input_size)


@pytest.mark.parametrize("name", CNNS)
def test_convolutional_networks(name: str) -> None:
    classifier = rcx.load_classifier(randomly_initialised(CNNS[name]), input_size=64)
    data = load_profile("sample", n_images=1, seed=0, classifier=classifier)
    assert data.images.shape[-1] == 64
    explanation = rcx.CartoonX(classifier, levels=3, **QUICK).explain(data.images, target=7)
    assert bool(explanation.distortion.isfinite().all())
    assert attribution("GradCAM", classifier, data.images, 7).shape == (1, 64, 64)
    with pytest.raises(ClassifierError, match="no vision transformer"):
        rollout(classifier, data.images)


@pytest.mark.parametrize("name", VITS)
def test_vision_transformers(name: str) -> None:
    classifier = timm_network(name)
    data = load_profile("sample", n_images=1, seed=0, classifier=classifier)
    assert data.images.shape[-1] == image_size(classifier) == classifier.input_size
    explanation = rcx.CartoonX(classifier, **QUICK).explain(data.images)
    assert bool(explanation.distortion.isfinite().all())
    assert rollout(classifier, data.images).shape == data.images.shape[:1] + data.images.shape[2:]
    sums = rollout_matrix(classifier, data.images).sum(-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    with pytest.raises(ClassifierError, match="made from tokens"):
        attribution("GradCAM", classifier, data.images)


def test_a_transformer_with_windows_is_explained_but_not_rolled_out() -> None:
    classifier = timm_network("swin_tiny_patch4_window7_224")
    data = load_profile("sample", n_images=1, seed=0, classifier=classifier)
    explanation = rcx.CartoonX(classifier, **QUICK).explain(data.images)
    assert bool(explanation.distortion.isfinite().all())
    with pytest.raises(ClassifierError, match="attention rollout needs"):
        rollout(classifier, data.images)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vit_small_patch16_18x2_224", "several attentions side by side"),
        ("cait_xxs24_224", "attention has the shape"),
        ("mixer_s32_224", "no vision transformer"),
    ],
)
def test_what_has_no_plain_attention_is_not_rolled_out(name: str, reason: str) -> None:
    classifier = timm_network(name)
    with pytest.raises(ClassifierError, match=reason):
        rollout(classifier, torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)))


# --- by name, as in the shell and the chapters


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Assets with random weights of a transformer of timm and a network of torchvision."""
    folder = tmp_path / "assets" / "weights"
    (folder / "torchvision").mkdir(parents=True)
    vit = randomly_initialised(lambda: timm.create_model("test_vit"))
    save_file(vit.state_dict(), folder / "test_vit.safetensors")
    shufflenet = randomly_initialised(lambda: torchvision.models.shufflenet_v2_x0_5(weights=None))
    file = folder / "torchvision" / "shufflenet_v2_x0_5.safetensors"
    save_file(shufflenet.state_dict(), file)
    monkeypatch.setenv("RCX_ASSETS", str(tmp_path / "assets"))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["timm/test_vit", "torchvision/shufflenet_v2_x0_5"])
def test_unseen_networks_in_the_shell(name: str, weights: Path, tmp_path: Path) -> None:
    scene = load_profile("sample", n_images=1, seed=0).images
    picture_grid([[scene[0]]]).savefig(tmp_path / "scene.png")
    out = tmp_path / "out"
    arguments = ["explain", str(tmp_path / "scene.png"), "--model", name, "--out", str(out)]
    run = CliRunner().invoke(app, [*arguments, "--size", "160", "--device", "cpu"])
    assert run.exit_code == 0, run.output
    assert list(out.glob("*.safetensors"))


@pytest.mark.slow
def test_unseen_networks_in_the_chapter(weights: Path, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("papermill"), "book/03_vit_agnosticism.py"]
    names = ["-p", "cnn", "torchvision/shufflenet_v2_x0_5", "-p", "vit", "timm/test_vit"]
    few = ["-p", "n_images", "2", "-p", "draws", "1"]
    arguments = [*map(str, command), str(tmp_path / "out.ipynb"), *names, *few]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    shutil.rmtree(weights)
    with pytest.raises(WeightsUnavailableError, match="test_vit"):
        rcx.load_classifier("timm/test_vit")
