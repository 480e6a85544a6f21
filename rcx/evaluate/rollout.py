"""Attention rollout: from which patches a vision transformer's answer was made."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import torch
from scipy.stats import ConstantInputWarning, spearmanr
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from rcx.classifiers.classifier import Classifier, ClassifierError, inference_copy
from rcx.classifiers.loading import load_classifier

__all__ = [
    "HeadFusion",
    "agreement",
    "attention",
    "combine",
    "patch_rollout",
    "rollout",
    "rollout_matrix",
]

HeadFusion = Literal["mean", "max", "min"]

_FUSIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
}
_IMAGES_AT_ONCE = 8  # attention of all layers, heads and pairs of tokens is large


def rollout(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Relevance of each pixel by attention rollout [1]_.

    The attention of the layers, with the identity added for the residual connections, is
    multiplied from the first layer to the last. What the tokens that the classification head reads
    have gathered from each patch is that patch's relevance. It is the same whatever the class:
    attention does not know which class is asked about.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`; a vision transformer of timm. Comes back as it was: a copy
        is asked, whose attention is computed step by step even where the model's own is fused.
    images : Tensor
        ``(N, C, H, W)``, float, in [0, 1].
    fuse : {"mean", "max", "min"}
        How the heads of a layer become one.
    discard_ratio : float
        In [0, 1): the lowest fraction of a layer's attention in an image is set to zero, except
        attention to the class token. 0.9 as in the published study; 0 is the original method.
    as_published : bool
        Compute what the published study's tool computes, see `combine`. Only for comparison.

    Returns
    -------
    Tensor
        ``(N, H, W)`` in [0, 1]: relevance over the largest of the image, bilinear between the
        patches. All zero where no attention to a patch is left.

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
    size = tuple(images.shape[-2:])
    return interpolate(patches[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def patch_rollout(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Relevance of each patch, ``(N, rows, columns)`` in [0, 1]; otherwise as `rollout`."""
    observed = _ObservedTransformer(classifier, images)
    matrix = observed.rollout(images, fuse, discard_ratio, as_published)
    relevance = matrix[:, observed.read, observed.prefix :].mean(1)
    largest = relevance.amax(1, keepdim=True).clamp_min(torch.finfo(relevance.dtype).tiny)
    return (relevance / largest).unflatten(1, observed.grid(relevance.shape[1], images))


def rollout_matrix(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    as_published: bool = False,
) -> Tensor:
    """Rollout from every token to every other, ``(N, T, T)``; otherwise as `rollout`.

    Row i says what token i has gathered from each token of the first layer, and sums to one. The
    class token is first; other tokens that are no patches follow, then the patches row by row.
    """
    observed = _ObservedTransformer(classifier, images)
    return observed.rollout(images, fuse, discard_ratio, as_published)


def attention(classifier: Classifier | nn.Module | str, images: Tensor) -> list[Tensor]:
    """Attention of each layer, ``(N, heads, T, T)``, rows summing to one; errors as `rollout`."""
    return _ObservedTransformer(classifier, images).attention(images)


def combine(
    layers: Sequence[Tensor],
    *,
    fuse: HeadFusion = "mean",
    discard_ratio: float = 0.9,
    class_tokens: int = 1,
    as_published: bool = False,
) -> Tensor:
    """Roll the attention of layers out.

    Parameters
    ----------
    layers : sequence of Tensor
        ``(N, heads, T, T)`` from the first layer to the last, rows summing to one.
    fuse, discard_ratio
        As for `rollout`.
    class_tokens : int
        Attention to so many tokens, from the first, is never discarded.
    as_published : bool
        As the published study's tool does it: only the class token's attention to itself is safe
        from being discarded, and then column j, where it should be row j, is divided by the sum of
        row j, so that rows no longer sum to one.

    Returns
    -------
    Tensor
        ``(N, T, T)``.
    """
    _check_settings(fuse, discard_ratio)
    if not layers:
        raise ValueError("there is no layer to roll out")
    identity = torch.eye(layers[0].shape[-1]).to(layers[0])
    result = identity.expand(len(layers[0]), -1, -1)
    for heads in layers:
        fused = _FUSIONS[fuse](heads, 1)
        kept = fused.masked_fill(_lowest(fused, discard_ratio, class_tokens, as_published), 0)
        mixed = kept + identity
        sums = mixed.sum(-1, keepdim=True)
        mixed = mixed / (sums.mT if as_published else sums)
        result = mixed @ result
    return result


def agreement(pictures: Tensor, patches: Tensor) -> Tensor:
    """Rank correlation between pictures and a map of patches.

    Parameters
    ----------
    pictures : Tensor
        ``(N, H, W)`` or ``(N, 1, H, W)``; averaged over the patches.
    patches : Tensor
        ``(N, rows, columns)``.

    Returns
    -------
    Tensor
        ``(N,)`` in [-1, 1], Spearman's coefficient over an image's patches; NaN where one of the
        two is constant.
    """
    pictures = pictures.squeeze(1) if pictures.ndim == 4 else pictures
    if pictures.ndim != 3 or patches.ndim != 3 or len(pictures) != len(patches):
        shapes = f"{tuple(pictures.shape)} and {tuple(patches.shape)}"
        raise ValueError(f"pictures and patches must be as many, maps of one channel, not {shapes}")
    coarse = adaptive_avg_pool2d(pictures, (patches.shape[1], patches.shape[2]))
    pairs = zip(coarse.flatten(1), patches.flatten(1), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return torch.tensor([spearmanr(one, other).statistic for one, other in pairs])


def _check_settings(fuse: str, discard_ratio: float) -> None:
    if fuse not in get_args(HeadFusion):
        raise ValueError(f"fuse must be one of {', '.join(get_args(HeadFusion))}, got {fuse!r}")
    if not 0 <= discard_ratio < 1:
        raise ValueError(f"discard_ratio must be at least 0 and below 1, got {discard_ratio!r}")


def _lowest(fused: Tensor, ratio: float, class_tokens: int, as_published: bool) -> Tensor:
    """Where the attention (N, T, T) is to be discarded, bool."""
    flat = fused.flatten(1)
    indices = flat.topk(int(ratio * flat.shape[1]), largest=False).indices
    lowest = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, indices, True).view_as(fused)
    safe = slice(1) if as_published else slice(None)
    lowest[:, safe, : 1 if as_published else class_tokens] = False
    return lowest


class _ObservedTransformer:
    """A copy of a vision transformer that computes attention step by step, where it is seen.

    Attributes
    ----------
    prefix : int
        Tokens before the patches: class, distillation, registers.
    class_tokens : int
        How many of them are class or distillation token; they come first.
    read : slice
        The tokens that the classification head reads: those, or all patches.
    """

    def __init__(self, classifier: Classifier | nn.Module | str, images: Tensor) -> None:
        original = load_classifier(classifier)
        if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
            raise TypeError("images must be a float tensor (N, C, H, W) in [0, 1]")
        if not len(images):
            raise ValueError("there is no image")
        self.name = original.name
        self._find_tokens(original)
        self.seen: list[Tensor] = []
        self.model = inference_copy(original, images.device, images)
        for module in self.model.modules():
            if isinstance(dropout := getattr(module, "attn_drop", None), nn.Module):
                vars(module)["fused_attn"] = False
                dropout.register_forward_hook(lambda *call: self.seen.append(call[-1]))

    def _find_tokens(self, original: nn.Module) -> None:
        found: list[Any] = [m for m in original.modules() if hasattr(m, "num_prefix_tokens")]
        if not found:
            raise self._unfit("it is no vision transformer of timm")
        transformer, tokens = found[0], ("cls_token", "dist_token")
        if any(hasattr(module, "attns") for module in original.modules()):
            # side by side they add up, and one after the other they would be multiplied
            raise self._unfit("its layers have several attentions side by side")
        self.prefix = int(transformer.num_prefix_tokens)
        self.class_tokens = sum(getattr(transformer, name, None) is not None for name in tokens)
        pool = getattr(transformer, "global_pool", None)
        if pool not in ("token", "avg"):
            raise self._unfit(f"its head reads the tokens by {pool!r} pooling")
        self.read = slice(self.class_tokens) if pool == "token" else slice(self.prefix, None)

    def _unfit(self, reason: str) -> ClassifierError:
        return ClassifierError(
            "attention rollout needs a transformer whose layers attend from every patch to every "
            "other and whose head reads a class token or the mean of the patches, as most vision "
            f"transformers of timm; {self.name} is not such a model: {reason}"
        )

    @torch.no_grad()
    def attention(self, images: Tensor) -> list[Tensor]:
        """Attention (N, heads, T, T) of each layer."""
        self.seen = []
        self.model(images)
        layers, self.seen = self.seen, []
        if not layers:
            raise self._unfit("no attention was seen in its layers")
        tokens = layers[-1].shape[-1]
        for layer in layers:
            if layer.ndim != 4 or layer.shape != (len(images), layer.shape[1], tokens, tokens):
                raise self._unfit(f"a layer's attention has the shape {tuple(layer.shape)}")
        if not all(bool(layer.isfinite().all()) for layer in layers):
            raise ClassifierError(f"the attention of {self.name} is NaN or infinite")
        return layers

    def rollout(self, images: Tensor, fuse: HeadFusion, ratio: float, as_published: bool) -> Tensor:
        """Rollout (N, T, T) of any number of images."""
        _check_settings(fuse, ratio)
        parts = [
            combine(
                self.attention(part),
                fuse=fuse,
                discard_ratio=ratio,
                class_tokens=self.class_tokens,
                as_published=as_published,
            )
            for part in images.split(_IMAGES_AT_ONCE)
        ]
        return torch.cat(parts)

    def grid(self, patches: int, images: Tensor) -> tuple[int, int]:
        """Rows and columns of so many square patches."""
        height, width = images.shape[-2:]
        rows = max(1, round((patches * height / width) ** 0.5))
        if rows * (patches // rows) != patches:
            raise self._unfit(f"its {patches} patches are no grid over a {height}x{width} image")
        return rows, patches // rows
