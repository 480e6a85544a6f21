"""Train the sample's two classifiers: ``python -m rcx.classifiers.sample.train``."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cross_entropy

from rcx.classifiers.sample.batches import Pool, draw_pool, normalise, training_batch
from rcx.classifiers.sample.models import (
    SampleModelName,
    build_model,
    cnn_trunk,
    load_weights,
    save_weights,
)
from rcx.images.scenes.drawing import draw_scenes

DEFAULT_STEPS: dict[SampleModelName, int] = {"cnn": 1600, "vit": 1600}
"""Batches that each of the committed classifiers was trained on."""
_BATCHES: dict[SampleModelName, int] = {"cnn": 64, "vit": 32}
_PEAK_RATES: dict[SampleModelName, float] = {"cnn": 4e-3, "vit": 1e-3}
_MOST_SCENES = 16_000
UNSEEN_SCENES = 2000
"""Number of the scenes by which the accuracy is measured."""
UNSEEN_SEED = 1_000_003
"""Seed of these scenes, far from every training seed in use."""


def training_loss(model: nn.Module, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    """Compute the cross-entropy of a model's answers.

    A transformer also answers from each of its patches, and there learns the share of the object
    that the patch covers. This speeds up the learning of the class token, which alone counts
    later [1]_.

    Parameters
    ----------
    model : nn.Module
        The model in training.
    images, targets, masks : Tensor
        As from `training_batch`.

    Returns
    -------
    Tensor
        The loss, of shape ``()``.

    References
    ----------
    .. [1] Z. Jiang et al., "All Tokens Matter: Token Labeling for Training Better Vision
       Transformers", NeurIPS 2021, https://arxiv.org/abs/2104.10858.
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
    name : {"cnn", "vit"}
        The classifier.
    pool : Pool
        The scenes to train on.
    steps : int
        Number of batches, at least 1.
    seed : int
        Seed of the initial weights and of every random draw.
    trunk : nn.Module, optional
        The `cnn_trunk` of the trained CNN, which the transformer's patch embedding starts from. A
        small transformer learns shapes slowly from random weights.

    Returns
    -------
    nn.Module
        The trained model, in eval mode.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # Initial weights and dropout use the global generator only.
        model = build_model(name)
        if trunk is not None:
            model.get_submodule("patch_embed.backbone").load_state_dict(trunk.state_dict())
        model = model.train().to(memory_format=torch.channels_last)  # which is faster on a CPU
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
            torch.autograd.backward(loss)
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
    """Measure the share, in [0, 1], of images to which a model gives the right label.

    Parameters
    ----------
    model : nn.Module
        The model, in eval mode.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1].
    labels : Tensor
        ``(N,)`` int64.
    """
    batches = torch.split(images, 100)
    predicted = torch.cat([model(normalise(batch)).argmax(1) for batch in batches])
    return (predicted == labels).double().mean().item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure the accuracy on unseen scenes and write the weights; see ``--help``."""
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

    selected: list[SampleModelName] = [name for name in names if options.model in (name, "all")]
    steps = {name: options.steps or DEFAULT_STEPS[name] for name in selected}
    cnn_path = options.out / "cnn.safetensors"
    if options.model == "vit" and not cnn_path.exists():
        parser.error("the vit begins with a part of the cnn: train that into the same folder first")
    pool = draw_pool(
        min(_MOST_SCENES, max(_BATCHES[name] * steps[name] for name in selected)), options.seed
    )
    unseen = draw_scenes(UNSEEN_SCENES, seed=UNSEEN_SEED)
    print(f"drew {len(pool.images)} scenes to train on and {UNSEEN_SCENES} to test on", flush=True)
    for name in selected:
        trunk = cnn_trunk(load_weights(build_model("cnn"), cnn_path)) if name == "vit" else None
        model = train_model(name, pool, steps=steps[name], seed=options.seed, trunk=trunk)
        path = options.out / f"{name}.safetensors"
        metadata = {
            "seed": options.seed,
            "steps": steps[name],
            "torch": torch.__version__,
            "timm": timm.__version__,
        }
        # The stored weights are rounded, and the accuracy is theirs, so they are saved first.
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
