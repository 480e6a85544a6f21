"""Attention rollout: from which patches a vision transformer's answer was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from scipy.stats import ConstantInputWarning, spearmanr
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.observed_transformer import ObservedTransformer
from rcx.system.isolation import isolated
from rcx.system.quiet import ignored_warnings

HeadFusion = Literal["mean", "max", "min"]
"""How the attention heads of a layer become one."""

_FUSIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
}
_BATCH = 8  # images in one pass: the attention of all layers, heads and pairs of tokens is large


@isolated()
def rollout(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Compute the relevance of each pixel by attention rollout [1]_.

    The identity is added to the attention of each layer, for its residual connection, and the
    layers are multiplied from the first to the last. The product says how much of each patch every
    token has gathered. A patch is as relevant as its share in the tokens that the classification
    head reads. The relevance is the same for all classes, because attention does not depend on the
    class.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, as for `rcx.load_classifier`; a vision transformer of timm. It is copied,
        so that it is not changed; the copy computes its attention without fused kernels.
    images : Tensor
        ``(N, C, H, W)``, float, in [0, 1].
    fuse : {"mean", "max", "min"}
        How the heads of a layer become one.
    discard_ratio : float
        In [0, 1): this fraction of a layer's attention in an image, the lowest, is set to zero,
        except attention to the class token. The published study uses 0.9; the original method has
        0.
    as_published : bool
        Whether to compute what the published study's tool computes, see
        ``rcx.evaluate.rollout.combine``. This serves comparison only.

    Returns
    -------
    Tensor
        ``(N, H, W)`` in [0, 1]: the relevance, divided by the largest of the image and
        interpolated bilinearly between the patches. A map is all zero where no attention to a
        patch is left.

    Raises
    ------
    ClassifierError
        If the model has no attention from every patch to every other.
    TypeError, ValueError
        For images or settings that do not fit.

    References
    ----------
    .. [1] S. Abnar, W. Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020.
    """
    patches = patch_rollout(
        classifier, images, fuse=fuse, discard_ratio=discard_ratio, as_published=as_published
    )
    height, width = images.shape[-2:]
    return interpolate(patches[:, None], (height, width), mode="bilinear", align_corners=False)[
        :, 0
    ]


@isolated()
def patch_rollout(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Compute the relevance of each patch by attention rollout.

    Parameters
    ----------
    classifier, images, fuse, discard_ratio, as_published
        As for `rollout`.

    Returns
    -------
    Tensor
        ``(N, rows, columns)`` in [0, 1]: the relevance, divided by the largest of the image.

    Raises
    ------
    ClassifierError, TypeError, ValueError
        As for `rollout`.
    """
    transformer = ObservedTransformer(classifier, images)
    matrix = _rollout_matrix(transformer, images, fuse, discard_ratio, as_published)
    relevance = matrix[:, transformer.read, transformer.prefix :].mean(1)
    largest = relevance.amax(1, keepdim=True).clamp_min(torch.finfo(relevance.dtype).tiny)
    rows, columns = transformer.grid(relevance.shape[1], *images.shape[-2:])
    return (relevance / largest).reshape(-1, rows, columns)


@isolated()
def rollout_matrix(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Compute the rollout from every token to every other.

    Parameters
    ----------
    classifier, images, fuse, discard_ratio, as_published
        As for `rollout`.

    Returns
    -------
    Tensor
        ``(N, T, T)`` for T tokens. Row i says how much token i has gathered from each token of the
        first layer. Each row sums to one, except where computed as published. The class token
        comes first, then other tokens that are no patches, then the patches row by row.

    Raises
    ------
    ClassifierError, TypeError, ValueError
        As for `rollout`.
    """
    transformer = ObservedTransformer(classifier, images)
    return _rollout_matrix(transformer, images, fuse, discard_ratio, as_published)


def _rollout_matrix(
    transformer: ObservedTransformer,
    images: Tensor,
    fuse: HeadFusion,
    discard_ratio: float,
    as_published: bool,
) -> Tensor:
    """Rollout ``(N, T, T)`` of any number of images, a few at a time."""
    _check_settings(fuse, discard_ratio)
    parts = [
        combine(
            transformer.attention(part),
            fuse=fuse,
            discard_ratio=discard_ratio,
            class_tokens=transformer.class_tokens,
            as_published=as_published,
        )
        for part in torch.split(images, _BATCH)
    ]
    return torch.cat(parts)


def combine(
    layers: Sequence[Tensor],
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    class_tokens: int = 1,
    as_published: bool = False,
) -> Tensor:
    """Combine the attention of all layers into one matrix.

    Parameters
    ----------
    layers : sequence of Tensor
        ``(N, heads, T, T)`` from the first layer to the last, rows summing to one.
    fuse, discard_ratio
        As for `rollout`.
    class_tokens : int
        Number of the first tokens to which attention is never discarded.
    as_published : bool
        Whether to do as the published study's tool does. It protects only the class token's
        attention to itself from being discarded. Then it divides column j, where it should be row
        j, by the sum of row j, so that rows no longer sum to one.

    Returns
    -------
    Tensor
        ``(N, T, T)``.

    Raises
    ------
    ValueError
        If there is no layer, or for settings out of range.
    """
    _check_settings(fuse, discard_ratio)
    if not layers:
        raise ValueError("there is no layer to roll out")
    identity = torch.eye(layers[0].shape[-1]).to(layers[0])
    result = identity.expand(len(layers[0]), -1, -1)
    for heads in layers:
        fused = _FUSIONS[fuse](heads, 1)
        discarded = _lowest(fused, discard_ratio, class_tokens, as_published)
        mixed = fused.masked_fill(discarded, 0) + identity
        sums = mixed.sum(-1, keepdim=True)
        result = mixed / (sums.mT if as_published else sums) @ result
    return result


@isolated()
def agreement(pictures: Tensor, patches: Tensor) -> Tensor:
    """Compute the rank correlation between pictures and maps of patches.

    Parameters
    ----------
    pictures : Tensor
        ``(N, H, W)`` or ``(N, 1, H, W)``; they are averaged over the patches.
    patches : Tensor
        ``(N, rows, columns)``.

    Returns
    -------
    Tensor
        ``(N,)`` in [-1, 1], Spearman's coefficient over an image's patches; NaN where the picture
        or the map is constant.

    Raises
    ------
    ValueError
        If the shapes do not fit each other.
    """
    pictures = pictures.squeeze(1) if pictures.ndim == 4 else pictures
    if pictures.ndim != 3 or patches.ndim != 3 or len(pictures) != len(patches):
        shapes = f"{tuple(pictures.shape)} and {tuple(patches.shape)}"
        raise ValueError(
            f"there must be as many pictures of one channel as maps of patches, got {shapes}"
        )
    coarse = adaptive_avg_pool2d(pictures, (patches.shape[1], patches.shape[2]))
    pairs = zip(coarse.flatten(1), patches.flatten(1), strict=True)
    with ignored_warnings(ConstantInputWarning):
        return torch.tensor(
            [spearmanr(picture, relevance).statistic for picture, relevance in pairs],
            dtype=torch.float32,
        )


def _check_settings(fuse: str, discard_ratio: float) -> None:
    if fuse not in get_args(HeadFusion):
        raise ValueError(f"fuse must be one of {', '.join(get_args(HeadFusion))}, got {fuse!r}")
    if not 0 <= discard_ratio < 1:
        raise ValueError(f"discard_ratio must be at least 0 and below 1, got {discard_ratio!r}")


def _lowest(fused: Tensor, ratio: float, class_tokens: int, as_published: bool) -> Tensor:
    """Where the attention ``(N, T, T)`` is to be discarded, bool."""
    flat = fused.flatten(1)
    indices = flat.topk(int(ratio * flat.shape[1]), largest=False).indices
    lowest = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, indices, True).view_as(fused)
    if as_published:
        lowest[:, 0, 0] = False
    else:
        lowest[:, :, :class_tokens] = False
    return lowest
