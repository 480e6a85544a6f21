"""The sample's scenes, its two classifiers and the script that trains them."""

import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from rcx.classifiers.sample import sample_model, train
from rcx.classifiers.sample.models import build_model, load_weights, save_weights
from rcx.classifiers.sample.obfuscation import obfuscate_at_random
from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE, Scenes, draw_scenes
from rcx.images.scenes.drawing import draw_backgrounds
from rcx.images.scenes.shapes import SHAPES, shape_area

UNSEEN_SEED = 20_240_229  # neither a training seed nor the training script's own test
WEIGHTS = Path(train.__file__).parent / "weights"
MODELS = ("cnn", "vit")


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return draw_scenes(300, seed=UNSEEN_SEED)


def grid(resolution: int = 400, reach: float = 1.2) -> tuple[Tensor, Tensor]:
    axis = torch.linspace(-reach, reach, resolution, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


# --- shapes


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_a_shape_fills_its_bounding_circle(name: str) -> None:
    x, y = grid()
    inside = SHAPES[name](x, y) < 0
    assert 0.97 < torch.hypot(x, y)[inside].max() <= 1


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_a_signed_distance_changes_no_faster_than_the_way_walked(name: str) -> None:
    x, y = grid()
    step = (x[0, 1] - x[0, 0]).item()
    distance = SHAPES[name](x, y)
    assert distance.diff(dim=0).abs().max() <= 1.001 * step
    assert distance.diff(dim=1).abs().max() <= 1.001 * step


@pytest.mark.parametrize("name", SAMPLE_CLASSES)
def test_nearly_all_of_any_shape_stays_in_the_frame(name: str) -> None:
    # the worst place is a corner of the frame, 0.88 radii from the centre along both axes
    x, y = grid()
    inside = SHAPES[name](x, y) < 0
    for angle in torch.linspace(0, 2 * math.pi, 48).tolist():
        right = x * math.cos(angle) + y * math.sin(angle)
        down = y * math.cos(angle) - x * math.sin(angle)
        assert (inside & (right < 0.88) & (down < 0.88)).sum() >= 0.88 * inside.sum()


def test_areas_of_shapes_known_in_closed_form() -> None:
    assert shape_area("disc") == pytest.approx(math.pi, rel=1e-3)
    assert shape_area("square") == pytest.approx(2, rel=1e-2)
    assert shape_area("triangle") == pytest.approx(3 * math.sqrt(3) / 4, rel=1e-2)
    assert shape_area("ring") == pytest.approx(math.pi * (1 - 0.52**2), rel=1e-3)


# --- scenes


@pytest.mark.parametrize(("n", "size"), [(1, 32), (3, 101), (2, SAMPLE_SIZE)])
def test_shapes_types_and_range(n: int, size: int) -> None:
    images, labels, masks = draw_scenes(n, seed=5, size=size)
    assert images.shape == (n, 3, size, size)
    assert images.dtype == torch.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert (labels.shape, labels.dtype) == ((n,), torch.int64)
    assert (masks.shape, masks.dtype) == ((n, size, size), torch.bool)


def test_a_seed_gives_the_same_scenes_and_a_longer_batch_begins_with_the_shorter() -> None:
    torch.manual_seed(1)
    short, other = draw_scenes(4, seed=3), draw_scenes(4, seed=4)
    torch.manual_seed(2)
    long = draw_scenes(10, seed=3)
    for first, second in zip(short, long, strict=True):
        assert torch.equal(first, second[:4])
    assert not torch.equal(short.images, other.images)
    assert not torch.equal(long.images[0], long.images[1])


def test_drawing_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    draw_scenes(1, seed=0)
    sample_model("vit")
    assert torch.equal(before, torch.get_rng_state())


def test_all_classes_appear_about_equally_often(scenes: Scenes) -> None:
    counts = torch.bincount(scenes.labels, minlength=len(SAMPLE_CLASSES))
    assert len(SAMPLE_CLASSES) >= 8
    assert counts.min() > 0.4 * len(scenes.labels) / len(SAMPLE_CLASSES)


def test_objects_are_neither_tiny_nor_fill_the_scene(scenes: Scenes) -> None:
    areas = scenes.object_masks.float().mean((1, 2))
    assert areas.min() >= 0.04
    assert areas.max() <= 0.35


def test_masks_part_the_object_from_its_surroundings(scenes: Scenes) -> None:
    def grow(masks: Tensor, pixels: int) -> Tensor:
        return torch.nn.functional.max_pool2d(masks, 2 * pixels + 1, stride=1, padding=pixels)

    masks = scenes.object_masks[:, None].float()
    inner = 1 - grow(1 - masks, 2)  # two pixels of the blended edge belong to neither side
    rim = grow(masks, 8) - grow(masks, 2)
    inside, around = (
        (scenes.images * part).sum((2, 3)) / part.sum((2, 3)) for part in (inner, rim)
    )
    assert (inside - around).norm(dim=1).min() > 0.1


def test_colour_does_not_tell_the_class(scenes: Scenes) -> None:
    masks = scenes.object_masks[:, None]
    colours = (scenes.images * masks).sum((2, 3)) / masks.sum((2, 3))
    centred = colours - colours.mean(0)
    explained = torch.zeros(3)
    for label in range(len(SAMPLE_CLASSES)):
        group = centred[scenes.labels == label]
        explained += len(group) * group.mean(0).square()
    # without any relation the expectation is 9 / 299 of the variance
    assert (explained / centred.square().sum(0)).max() < 0.08


def test_classes_can_be_chosen() -> None:
    labels = draw_scenes(30, seed=0, classes=["ring", "heart"]).labels
    names = {SAMPLE_CLASSES[label] for label in labels.tolist()}
    assert names == {"ring", "heart"}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"n": 0}, ValueError),
        ({"n": 2.0}, TypeError),
        ({"n": True}, TypeError),
        ({"seed": -1}, ValueError),
        ({"seed": "a"}, TypeError),
        ({"size": 16}, ValueError),
        ({"classes": []}, ValueError),
        ({"classes": ["disc", "dog"]}, ValueError),
        ({"classes": "disc"}, TypeError),
    ],
)
def test_bad_arguments_raise(wrong: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(wrong))):
        draw_scenes(**({"n": 1, "seed": 0} | wrong))  # type: ignore[arg-type]


# --- training


def test_obfuscation_that_keeps_everything_changes_nothing(scenes: Scenes) -> None:
    images, masks, kept = scenes.images[:4], scenes.object_masks[:4].float(), torch.ones(4)
    result = obfuscate_at_random(images, masks, kept, kept, torch.Generator().manual_seed(0))
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
    pool = train.draw_pool(24, seed=0)
    generator = torch.Generator().manual_seed(0)
    images, targets, masks = train.training_batch(pool, 40, generator, progress=progress)
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
def test_committed_weights_are_right_on_unseen_scenes(name: str, scenes: Scenes) -> None:
    model = sample_model(name)
    assert not model.training
    assert train.accuracy(model, scenes.images, scenes.labels) >= 0.95


@pytest.mark.parametrize("name", MODELS)
def test_committed_weights_are_small_and_tell_their_origin(name: str) -> None:
    path = WEIGHTS / f"{name}.safetensors"
    assert path.stat().st_size <= 1_500_000
    with safe_open(path, "pt") as stored:
        metadata = stored.metadata()
    assert float(metadata["accuracy"]) >= 0.95
    assert int(metadata["steps"]) == train.DEFAULT_STEPS[name]
    assert int(metadata["seed"]) == 0


@pytest.mark.parametrize("name", MODELS)
def test_the_answer_is_flat_where_there_is_no_object(name: str, scenes: Scenes) -> None:
    model = sample_model(name)

    def confidence(images: Tensor) -> float:
        with torch.no_grad():
            return model(train.normalise(images)).softmax(1).amax(1).mean().item()

    assert confidence(draw_backgrounds(40, seed=UNSEEN_SEED)) < 0.5 < confidence(scenes.images[:40])


def test_the_transformer_has_what_attention_rollout_reads() -> None:
    model = sample_model("vit")
    assert model.cls_token.shape == (1, 1, model.embed_dim)
    assert model.pos_embed.shape == (1, 1 + 8 * 8, model.embed_dim)
    assert all(hasattr(block.attn, "qkv") for block in model.blocks)


def test_weights_come_back_as_saved(tmp_path: Path) -> None:
    model = build_model("cnn")
    save_weights(model, tmp_path / "new" / "cnn.safetensors", {})
    again = load_weights(build_model("cnn"), tmp_path / "new" / "cnn.safetensors")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-6, rtol=1e-3)


def test_an_unknown_model_raises() -> None:
    with pytest.raises(ValueError, match="resnet"):
        sample_model("resnet")  # type: ignore[arg-type]
