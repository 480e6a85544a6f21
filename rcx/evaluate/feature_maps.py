"""The last feature map of a convolutional network, to which GradCAM applies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.classifier import Classifier

# Their outputs no longer have the network's positions.
_POOLING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
# They work along the last axis, so that their maps (N, H, W, C) have the channels last.
_LAST_AXIS = (nn.LayerNorm, nn.Linear)


class InapplicableError(ClassifierError):
    """A method does not apply to a network."""


@torch.no_grad()
def last_feature_map(model: Classifier, image: Tensor) -> nn.Module:
    """Find the last module whose output ``(1, C, H, W)`` has more than one position.

    Parameters
    ----------
    model : Classifier
        The classifier.
    image : Tensor
        ``(1, C, H, W)`` in [0, 1].

    Raises
    ------
    InapplicableError
        If there is none, or the answer is made from tokens ``(1, T, C)`` and not from it.
    """
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise InapplicableError(
            f"GradCAM does not apply to {model.name}: TorchScript shows no feature maps; give the "
            "module that it was made from"
        )
    last: list[nn.Module] = []
    tokens: list[nn.Module] = []

    def remember(module: nn.Module, _: object, output: object) -> None:
        if not isinstance(output, Tensor) or len(output) != 1:
            return
        if output.ndim == 4 and min(output.shape[-2:]) > 1:
            last[:], tokens[:] = [module], []
        elif output.ndim == 3 and min(output.shape[-2:]) > 1:
            tokens[:] = [module]

    hooks = [
        module.register_forward_hook(remember)
        for module in model.model.modules()
        if not isinstance(module, _POOLING)
    ]
    try:
        model(image)
    finally:
        for hook in hooks:
            hook.remove()
    if not last:
        raise InapplicableError(f"GradCAM does not apply to {model.name}: it has no feature map")
    if tokens or isinstance(last[0], _LAST_AXIS):
        raise InapplicableError(
            f"GradCAM does not apply to {model.name}: its answer is made from tokens, not from a "
            "last convolutional feature map; see rcx.evaluate.rollout for the attention itself"
        )
    return last[0]
