"""A vision transformer whose attention can be observed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.classifier import Classifier
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.loading import load_classifier


class ObservedTransformer:
    """A copy of a vision transformer that computes attention step by step, where it is seen.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, as for `rcx.load_classifier`; a vision transformer of timm. It is copied,
        so that it is not changed.
    images : Tensor
        ``(N, C, H, W)``, float, in [0, 1]. They decide the device and the size for which the copy
        is made.

    Attributes
    ----------
    prefix : int
        Number of tokens before the patches: class, distillation and register tokens.
    class_tokens : int
        Number of class and distillation tokens among them; they come first.
    read : slice
        Positions of the tokens that the classification head reads: the class and distillation
        tokens, or all patches.

    Raises
    ------
    ClassifierError
        If the model has no attention from every patch to every other.
    TypeError, ValueError
        For images that do not fit.
    """

    def __init__(self, classifier: Classifier | nn.Module | str, images: Tensor) -> None:
        original = load_classifier(classifier)
        if not isinstance(images, Tensor) or images.ndim != 4 or not images.is_floating_point():
            raise TypeError("images must be a float tensor (N, C, H, W) in [0, 1]")
        if not len(images):
            raise ValueError("there is no image")
        self._name = original.name
        self._find_tokens(original)
        self._layers: list[Tensor] = []
        self._model = inference_copy(original, images.device, images)
        for module in self._model.modules():
            if isinstance(dropout := getattr(module, "attn_drop", None), nn.Module):
                vars(module)["fused_attn"] = False
                dropout.register_forward_hook(lambda *call: self._layers.append(call[-1]))

    def _find_tokens(self, original: nn.Module) -> None:
        transformers: list[Any] = [
            module for module in original.modules() if hasattr(module, "num_prefix_tokens")
        ]
        if not transformers:
            raise self._unfit("it is no vision transformer of timm")
        if any(hasattr(module, "attns") for module in original.modules()):
            # parallel attentions add up; rollout would multiply them
            raise self._unfit("its layers have several attentions side by side")
        transformer = transformers[0]
        self.prefix = int(transformer.num_prefix_tokens)
        self.class_tokens = sum(
            getattr(transformer, name, None) is not None for name in ("cls_token", "dist_token")
        )
        pool = getattr(transformer, "global_pool", None)
        if pool not in ("token", "avg"):
            raise self._unfit(f"its head reads the tokens by {pool!r} pooling")
        self.read = slice(self.class_tokens) if pool == "token" else slice(self.prefix, None)

    def _unfit(self, reason: str) -> ClassifierError:
        return ClassifierError(
            "attention rollout needs a transformer whose layers attend from every patch to every "
            "other and whose head reads a class token or the mean of the patches, as most vision "
            f"transformers of timm; {self._name} is not such a model: {reason}"
        )

    @torch.no_grad()
    def attention(self, images: Tensor) -> list[Tensor]:
        """Observe the attention of each layer.

        Parameters
        ----------
        images : Tensor
            ``(N, C, H, W)``, float, in [0, 1].

        Returns
        -------
        list of Tensor
            ``(N, heads, T, T)`` from the first layer to the last, for T tokens; rows sum to one.

        Raises
        ------
        ClassifierError
            If a layer has no attention from every token to every other, or it is not finite.
        """
        self._layers = []
        self._model(images)
        layers, self._layers = self._layers, []
        if not layers:
            raise self._unfit("no attention was seen in its layers")
        tokens = layers[-1].shape[-1]
        for layer in layers:
            if layer.ndim != 4 or layer.shape != (len(images), layer.shape[1], tokens, tokens):
                raise self._unfit(f"a layer's attention has the shape {tuple(layer.shape)}")
        if not all(bool(layer.isfinite().all()) for layer in layers):
            raise ClassifierError(f"the attention of {self._name} is NaN or infinite")
        return layers

    def grid(self, patches: int, height: int, width: int) -> tuple[int, int]:
        """Arrange a number of square patches in rows and columns over an image.

        Returns
        -------
        rows, columns : int

        Raises
        ------
        ClassifierError
            If the patches do not fill a grid.
        """
        rows = max(1, round((patches * height / width) ** 0.5))
        if rows * (patches // rows) != patches:
            raise self._unfit(f"its {patches} patches are no grid over a {height}x{width} image")
        return rows, patches // rows
