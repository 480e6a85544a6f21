"""Batches of obfuscated scenes, from which the sample's two classifiers learn."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, one_hot

from rcx.classifiers.sample.models import SAMPLE_MEAN, SAMPLE_STD
from rcx.classifiers.sample.obfuscation import obfuscate_at_random
from rcx.images.scenes.drawing import SAMPLE_CLASSES, draw_backgrounds, draw_scenes

_LABEL_SMOOTHING = 0.05


class Pool(NamedTuple):
    """Training scenes, and backgrounds without an object, with colours in 8 bits.

    Attributes
    ----------
    images : Tensor
        ``(N, 3, H, W)`` uint8.
    labels : Tensor
        ``(N,)`` int64.
    object_masks : Tensor
        ``(N, H, W)`` bool.
    backgrounds : Tensor
        ``(M, 3, H, W)`` uint8.
    """

    images: Tensor
    labels: Tensor
    object_masks: Tensor
    backgrounds: Tensor


def draw_pool(n: int, seed: int) -> Pool:
    """Draw ``n`` training scenes, and one background without an object for every eight of them."""
    scenes = draw_scenes(n, seed=seed)
    backgrounds = draw_backgrounds(max(n // 8, 1), seed=seed + 1)
    return Pool(
        _to_bytes(scenes.images), scenes.labels, scenes.object_masks, _to_bytes(backgrounds)
    )


def _to_bytes(images: Tensor) -> Tensor:
    return (255 * images).round().to(torch.uint8)


def normalise(images: Tensor) -> Tensor:
    """Normalise images ``(N, 3, H, W)`` in [0, 1] as the models expect them."""
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (SAMPLE_MEAN, SAMPLE_STD))
    return (images - mean) / std


def training_batch(
    pool: Pool, size: int, generator: torch.Generator, *, progress: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw a batch of training images with the answers to learn.

    In the second half of training, about a third of the images stays whole. In 40 %, noise replaces
    a part of the object and most of the rest. The other images show no object, and the answer to
    learn is the uniform distribution. In the first half, more images stay whole, because the
    classes are learnt first.

    Parameters
    ----------
    pool : Pool
        The scenes and backgrounds to draw from.
    size : int
        Number of images.
    generator : torch.Generator
        Source of every random draw.
    progress : float
        Share of the training that is done, in [0, 1].

    Returns
    -------
    images : Tensor
        ``(size, 3, H, W)`` in [0, 1].
    targets : Tensor
        ``(size, classes)``, the probabilities to learn.
    masks : Tensor
        ``(size, 1, H, W)``, 1 where the object is.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(size, generator=generator)

    rows = torch.randint(len(pool.images), (size,), generator=generator)
    images = pool.images[rows] / 255
    masks, labels = pool.object_masks[rows], pool.labels[rows]

    kind = min(2 * progress, 1) * torch.rand(size, generator=generator)
    whole, erased, empty = kind < 0.35, (kind > 0.75) & (kind <= 0.9), kind > 0.9
    count = int(empty.sum())
    rows = torch.randint(len(pool.backgrounds), (count,), generator=generator)
    images[empty] = pool.backgrounds[rows] / 255
    # Noise in the outline of an erased object would still show its class, so a box is erased.
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
    """Rotate and mirror images. An object keeps its class in all eight positions."""
    images = torch.rot90(images, turns, dims=(2, 3))
    images = images.flip(3) if mirror else images
    return images.contiguous(memory_format=torch.channels_last)
