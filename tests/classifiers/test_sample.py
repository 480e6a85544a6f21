"""The sample's two classifiers and the script that trains them."""

from pathlib import Path

import pytest
import torch
from helpers import unseen_scenes
from safetensors import safe_open
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from rcx.classifiers.sample import sample_model, train
from rcx.classifiers.sample.batches import draw_pool, normalise, training_batch
from rcx.classifiers.sample.models import (
    SampleModelName,
    build_model,
    load_weights,
    save_weights,
)
from rcx.classifiers.sample.obfuscation import obfuscate_at_random
from rcx.images.scenes import SAMPLE_SIZE, Scenes, draw_backgrounds

WEIGHTS = Path(train.__file__).parent / "weights"
MODELS: tuple[SampleModelName, ...] = ("cnn", "vit")


@pytest.fixture
def scenes() -> Scenes:
    return unseen_scenes()


# --- training


def test_obfuscation_that_keeps_everything_changes_nothing(scenes: Scenes) -> None:
    images, masks, ones = scenes.images[:4], scenes.object_masks[:4].float(), torch.ones(4)
    result = obfuscate_at_random(images, masks, ones, ones, torch.Generator().manual_seed(0))
    torch.testing.assert_close(result, images, atol=1e-5, rtol=0)


def test_obfuscation_keeps_the_region_and_forgets_the_rest(scenes: Scenes) -> None:
    images = scenes.images[:16]
    regions = torch.zeros(16, 32, 32)
    regions[:, :, :16] = 1
    ones, zeros = torch.ones(16), torch.zeros(16)
    result = obfuscate_at_random(images, regions, ones, zeros, torch.Generator().manual_seed(0))
    change = (result - images).abs().mean((0, 1, 2))
    assert change[:32].mean() < 0.05 < change[96:].mean()


@pytest.mark.parametrize("progress", [0.01, 1.0])
def test_training_batches_are_images_with_probabilities(progress: float) -> None:
    pool = draw_pool(24, seed=0)
    generator = torch.Generator().manual_seed(0)
    images, targets, masks = training_batch(pool, 40, generator, progress=progress)
    assert images.shape == (40, 3, SAMPLE_SIZE, SAMPLE_SIZE)
    assert images.min() >= 0
    assert images.max() <= 1
    assert masks.shape == (40, 1, SAMPLE_SIZE, SAMPLE_SIZE)
    torch.testing.assert_close(targets.sum(1), torch.ones(40))
    flat = (targets.amax(1) < 0.2).float().mean()
    assert flat == 0 if progress < 0.1 else 0.05 < flat < 0.5


def test_the_script_trains_weights_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "UNSEEN_SCENES", 20)
    train.main(["--model", "all", "--steps", "2", "--out", str(tmp_path), "--seed", "4"])
    printed = capsys.readouterr().out
    for name in MODELS:
        path = tmp_path / f"{name}.safetensors"
        with safe_open(path, "pt") as stored:
            assert stored.metadata().keys() == {"seed", "steps", "torch", "timm", "accuracy"}
        model = load_weights(build_model(name), path)
        assert model(torch.zeros(1, 3, SAMPLE_SIZE, SAMPLE_SIZE)).isfinite().all()
        assert f"{name} step 2/2" in printed


def test_the_script_refuses_a_transformer_without_its_cnn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.main(["--model", "vit", "--steps", "1", "--out", str(tmp_path)])
    assert "the vit begins with a part of the cnn" in capsys.readouterr().err


def test_the_script_refuses_no_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--steps", "0"])
    assert "--steps must be at least 1" in capsys.readouterr().err


# --- classifiers


@pytest.mark.parametrize("name", MODELS)
def test_committed_weights_are_right_on_unseen_scenes(
    name: SampleModelName, scenes: Scenes
) -> None:
    model = sample_model(name)
    assert not model.training
    assert train.accuracy(model, scenes.images, scenes.labels) >= 0.95


@pytest.mark.parametrize("name", MODELS)
def test_committed_weights_are_small_and_name_their_origin(name: SampleModelName) -> None:
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= 1_500_000
    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
    assert float(metadata["accuracy"]) >= 0.95
    assert int(metadata["steps"]) == train.DEFAULT_STEPS[name]
    assert int(metadata["seed"]) == 0


@pytest.mark.parametrize("name", MODELS)
def test_the_answer_is_flat_where_there_is_no_object(name: SampleModelName, scenes: Scenes) -> None:
    model = sample_model(name)

    def confidence(images: Tensor) -> float:
        with torch.no_grad():
            return float(model(normalise(images)).softmax(1).amax(1).mean())

    assert confidence(draw_backgrounds(40, seed=20_240_229)) < 0.5 < confidence(scenes.images[:40])


def test_the_transformer_has_what_attention_rollout_reads() -> None:
    model = sample_model("vit")
    assert isinstance(model, VisionTransformer)
    assert model.cls_token is not None
    assert model.pos_embed is not None
    assert model.cls_token.shape == (1, 1, model.embed_dim)
    assert model.pos_embed.shape == (1, 1 + 8 * 8, model.embed_dim)
    assert all(hasattr(block.attn, "qkv") for block in model.blocks)


def test_loading_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    sample_model("vit")
    assert torch.equal(before, torch.get_rng_state())


def test_weights_come_back_as_saved(tmp_path: Path) -> None:
    model = build_model("cnn")
    save_weights(model, tmp_path / "new" / "cnn.safetensors", {})
    again = load_weights(build_model("cnn"), tmp_path / "new" / "cnn.safetensors")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-6, rtol=1e-3)


def test_an_unknown_model_raises() -> None:
    with pytest.raises(ValueError, match="resnet"):
        sample_model("resnet")  # type: ignore[arg-type]
