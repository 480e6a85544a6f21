"""Passes of obfuscations through the network: what goes into one, and what comes out of all."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Pixels in one pass through the network. A CPU's caches hold this many, and they fill a GPU.
_PIXELS_PER_PASS = {"cpu": 2**20, "cuda": 2**24}


class Pass(NamedTuple):
    """The obfuscations of one pass through the network.

    Attributes
    ----------
    images : slice
        The images, by their rows.
    fields : Tensor
        ``(F, C, K)``, noise fields.
    signs : Tensor or None
        ``(S,)``, signs with which each field is used.
    share : float
        Share of an image's samples that are in this pass.
    """

    images: slice
    fields: Tensor
    signs: Tensor | None
    share: float


class Answer(NamedTuple):
    """The classifier's answers to the obfuscations of N masks.

    Attributes
    ----------
    distortion : Tensor
        ``(N,)``, means over the noise samples.
    scores : Tensor
        ``(N, classes)``, probabilities or scores, means over the noise samples.
    distortion_error : Tensor
        ``(N,)``, standard errors of the mean distortions.
    """

    distortion: Tensor
    scores: Tensor
    distortion_error: Tensor


def usual_chunk(images: Tensor) -> int:
    """Number of obfuscations of images ``(N, C, H, W)`` that one pass holds by default."""
    pixels = _PIXELS_PER_PASS.get(images.device.type, 2**20)
    return max(2, pixels // (images.shape[-1] * images.shape[-2]))


def split_passes(
    images: int, fields: Tensor, signs: Tensor | None, chunk: int, parts: int
) -> list[Pass]:
    """Split images and noise fields into passes of at most ``chunk`` obfuscations.

    Where there are enough obfuscations, there are at least ``parts`` passes, one for every lane. If
    one image meets one noise field with both signs, each pass has one of the signs.

    Parameters
    ----------
    images : int
        Number of images.
    fields : Tensor
        ``(F, C, K)``, noise fields.
    signs : Tensor or None
        ``(S,)``, signs with which each field is used.
    chunk : int
        Largest number of obfuscations in a pass, which holds at least those of one field.
    parts : int
        Number of passes that are worth making.
    """
    if images == len(fields) == 1 < parts and signs is not None:
        return [Pass(slice(0, 1), sign * fields, None, 1 / len(signs)) for sign in signs]
    per_field = 1 if signs is None else len(signs)
    per_part = -(-images * len(fields) * per_field // parts)
    most_fields = max(per_field, min(chunk, per_part)) // per_field
    images_per_pass = max(1, most_fields // min(len(fields), most_fields))
    return [
        Pass(slice(start, start + images_per_pass), part, signs, len(part) / len(fields))
        for start in range(0, images, images_per_pass)
        for part in torch.split(fields, most_fields)
    ]
