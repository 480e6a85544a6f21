"""Train the sample's two classifiers: ``python -m rcx.classifiers.sample.train``."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, cross_entropy, max_pool2d, one_hot

from rcx.classifiers.sample.models import (
    SAMPLE_MEAN,
    SAMPLE_STD,
    SampleModelName,
    build_model,
    cnn_trunk,
    load_weights,
    save_weights,
)
from rcx.classifiers.sample.obfuscation import obfuscate_at_random
from rcx.images.scenes.drawing import SAMPLE_CLASSES, draw_backgrounds, draw_scenes

DEFAULT_STEPS: dict[SampleModelName, int] = {"cnn": 1600, "vit": 1600}
_BATCHES: dict[SampleModelName, int] = {"cnn": 64, "vit": 32}
_PEAK_RATES: dict[SampleModelName, float] = {"cnn": 4e-3, "vit": 1e-3}
_MOST_SCENES = 16_000
_LABEL_SMOOTHING = 0.05
UNSEEN_SCENES = 2000
UNSEEN_SEED = 1_000_003  # far from every training seed in use


class Pool(NamedTuple):
    """Training scenes, colours in 8 bits, and backgrounds without an object."""

    images: Tensor
    labels: Tensor
    object_masks: Tensor
    backgrounds: Tensor


def draw_pool(n: int, seed: int) -> Pool:
    """Draw `n` training scenes and an eighth as many empty backgrounds."""
    scenes = draw_scenes(n, seed=seed)
    backgrounds = draw_backgrounds(max(n // 8, 1), seed=seed + 1)
    return Pool(
        _to_bytes(scenes.images), scenes.labels, scenes.object_masks, _to_bytes(backgrounds)
    )


def _to_bytes(images: Tensor) -> Tensor:
    return (255 * images).round().to(torch.uint8)


def normalise(images: Tensor) -> Tensor:
    """Turn colours in [0, 1] of shape (N, 3, H, W) into what the models take."""
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (SAMPLE_MEAN, SAMPLE_STD))
    return (images - mean) / std


def training_batch(
    pool: Pool, size: int, generator: torch.Generator, *, progress: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch: images (size, 3, H, W) in [0, 1], class probabilities to learn, object masks.

    At a progress of 1/2 or more, a third of the images is left whole, 40 % keep the object and
    lose some or all of the rest to noise, and the others show no object at all and are to be
    answered by the uniform distribution. Before, more images are left whole, because the classes
    are learnt first.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(size, generator=generator)

    chosen = torch.randint(len(pool.images), (size,), generator=generator)
    images = pool.images[chosen] / 255
    masks, labels = pool.object_masks[chosen], pool.labels[chosen]

    kind = min(2 * progress, 1) * torch.rand(size, generator=generator)
    whole, erased, empty = kind < 0.35, (kind > 0.75) & (kind <= 0.9), kind > 0.9
    count = int(empty.sum())
    other = torch.randint(len(pool.backgrounds), (count,), generator=generator)
    images[empty] = pool.backgrounds[other] / 255
    # erase a box, because noise in the object's own outline would still show the class
    boxes = masks.any(1, keepdim=True) & masks.any(2, keepdim=True)
    regions = torch.where(erased[:, None, None], boxes, masks)
    regions = max_pool2d(max_pool2d(regions.float()[:, None], 4), 3, stride=1, padding=1)[:, 0]

    inside = torch.where(erased, 0, uniform(0.3, 1.5)).clamp(max=1)
    outside = torch.where(erased | empty, uniform(0, 1.5), uniform(-0.5, 0.6)).clamp(0, 1)
    changed = ~whole
    if changed.any():
        images[changed] = obfuscate_at_random(
            images[changed], regions[changed], inside[changed], outside[changed], generator
        )
    images = _disturb(
        images, uniform(0.6, 1.2), uniform(-0.15, 0.15), uniform(-0.15, 0.15), generator
    )

    uniform_target = torch.full((size, len(SAMPLE_CLASSES)), 1 / len(SAMPLE_CLASSES))
    smooth = torch.lerp(
        one_hot(labels, len(SAMPLE_CLASSES)).float(), uniform_target, _LABEL_SMOOTHING
    )
    targets = torch.where((erased | empty)[:, None], uniform_target, smooth)
    turns, mirror = (int(torch.randint(high, (), generator=generator)) for high in (4, 2))
    return _turn(images, turns, mirror), targets, _turn(masks[:, None].float(), turns, mirror)


def _disturb(
    images: Tensor,
    contrast: Tensor,
    brightness: Tensor,
    strength: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Change contrast and brightness, add noise of positive strength, and blur some images."""
    images = (images - 0.5) * contrast.view(-1, 1, 1, 1) + (0.5 + brightness.view(-1, 1, 1, 1))
    noisy = strength > 0
    noise = torch.randn(images[noisy].shape, generator=generator)
    images[noisy] = images[noisy] + strength[noisy].view(-1, 1, 1, 1) * noise
    blurred = torch.rand(len(images), generator=generator) < 0.2
    images[blurred] = avg_pool2d(images[blurred], 3, stride=1, padding=1, count_include_pad=False)
    return images.clamp(0, 1)


def _turn(images: Tensor, turns: int, mirror: int) -> Tensor:
    """Rotate and mirror: the classes look the same in all eight positions."""
    images = torch.rot90(images, turns, dims=(2, 3))
    images = images.flip(3) if mirror else images
    return images.contiguous(memory_format=torch.channels_last)


def training_loss(model: nn.Module, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of a model's answer; a transformer's patches answer for what they cover, too.

    The patches' answers speed up the learning of the class token's, the only one that counts
    later (token labelling, Jiang et al. 2021, https://arxiv.org/abs/2104.10858).
    """
    if not isinstance(model, VisionTransformer):
        return cross_entropy(model(normalise(images)), targets)
    tokens = model.head(model.forward_features(normalise(images))).transpose(1, 2)
    covered = adaptive_avg_pool2d(masks, model.patch_embed.grid_size).flatten(2)
    uniform = torch.full_like(targets, 1 / targets.shape[1])
    patch_targets = torch.lerp(uniform[..., None], targets[..., None], covered)
    return cross_entropy(tokens[..., 0], targets) + cross_entropy(tokens[..., 1:], patch_targets)


def train_model(
    name: SampleModelName, pool: Pool, *, steps: int, seed: int, trunk: nn.Module | None = None
) -> nn.Module:
    """Train one of the sample's classifiers and print the progress.

    Parameters
    ----------
    name
        ``"cnn"`` or ``"vit"``.
    pool
        The scenes to train on.
    steps
        Number of batches, at least 1.
    seed
        Seed of the initial weights and of every random draw.
    trunk
        The trained CNN's `cnn_trunk`, which the transformer's patch embedding begins with, because
        a small transformer learns shapes slowly from random weights.

    Returns
    -------
        The trained model, in evaluation mode.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights and dropout draw from the global generator only
        model = build_model(name)
        if trunk is not None:
            model.get_submodule("patch_embed.backbone").load_state_dict(trunk.state_dict())
        model = model.train().to(memory_format=torch.channels_last)  # faster on a CPU
        optimiser = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, _PEAK_RATES[name], total_steps=max(steps, 2), pct_start=0.15
        )
        begin, mean_loss = time.perf_counter(), 0.0
        for step in range(1, steps + 1):
            images, targets, masks = training_batch(
                pool, _BATCHES[name], generator, progress=step / steps
            )
            loss = training_loss(model, images, targets, masks)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            mean_loss += (loss.item() - mean_loss) / min(step, 100)
            if step % 100 == 0 or step == steps:
                minutes = (time.perf_counter() - begin) / 60
                print(
                    f"{name} step {step}/{steps}: loss {mean_loss:.3f}, {minutes:.1f} min",
                    flush=True,
                )
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share in [0, 1] of the images (N, 3, H, W) in [0, 1] that the model gives the label (N,)."""
    predicted = torch.cat([model(normalise(batch)).argmax(1) for batch in images.split(100)])
    return (predicted == labels).double().mean().item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure on unseen scenes and write the weights; see ``--help`` for the options."""
    names = get_args(SampleModelName)
    parser = argparse.ArgumentParser(
        prog="python -m rcx.classifiers.sample.train", description=__doc__
    )
    parser.add_argument(
        "--model", choices=[*names, "all"], default="all", help="which classifier to train"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "weights", help="folder for the weights"
    )
    parser.add_argument("--steps", type=int, help=f"batches to train on (default: {DEFAULT_STEPS})")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the scenes, initial weights and draws"
    )
    options = parser.parse_args(arguments)
    if options.steps is not None and options.steps < 1:
        parser.error("--steps must be at least 1")

    chosen: list[SampleModelName] = [name for name in names if options.model in (name, "all")]
    steps = {name: options.steps or DEFAULT_STEPS[name] for name in chosen}
    cnn_path = options.out / "cnn.safetensors"
    if options.model == "vit" and not cnn_path.exists():
        parser.error("the vit begins with a part of the cnn: train that into the same folder first")
    pool = draw_pool(
        min(_MOST_SCENES, max(_BATCHES[name] * steps[name] for name in chosen)), options.seed
    )
    unseen = draw_scenes(UNSEEN_SCENES, seed=UNSEEN_SEED)
    print(f"drew {len(pool.images)} scenes to train on and {UNSEEN_SCENES} to test on", flush=True)
    for name in chosen:
        trunk = cnn_trunk(load_weights(build_model("cnn"), cnn_path)) if name == "vit" else None
        model = train_model(name, pool, steps=steps[name], seed=options.seed, trunk=trunk)
        path = options.out / f"{name}.safetensors"
        metadata = {
            "seed": options.seed,
            "steps": steps[name],
            "torch": torch.__version__,
            "timm": timm.__version__,
        }
        # the accuracy is that of the stored weights, so the rounding comes first
        save_weights(model, path, {key: str(value) for key, value in metadata.items()})
        correct = accuracy(load_weights(model, path), unseen.images, unseen.labels)
        save_weights(
            model,
            path,
            {key: str(value) for key, value in (metadata | {"accuracy": correct}).items()},
        )
        print(
            f"{name}: {correct:.2%} of {UNSEEN_SCENES} unseen scenes right; wrote {path.name}",
            flush=True,
        )


if __name__ == "__main__":
    main()
