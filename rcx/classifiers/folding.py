"""Fold batch norms into the convolutions before them: the same answers, a cheaper backward pass."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Model = TypeVar("Model", bound=nn.Module)

# Exact types: a subclass with its own forward may not be linear in its weight.
CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
BATCH_NORMS = (nn.BatchNorm2d, BatchNormAct2d)


def fold_batch_norms(model: Model, images: torch.Tensor, rtol: float = 1e-3) -> Model:
    """Copy ``model`` with its batch norms folded into the preceding convolutions.

    Parameters
    ----------
    model : nn.Module
        In eval mode. Left as it is.
    images : Tensor (N, C, H, W)
        What the model is tried on, to see which layer feeds which and to compare the answers.
    rtol : float
        Largest difference allowed between the two models' outputs, relative to the largest
        absolute output.

    Returns
    -------
    nn.Module
        The folded copy, or ``model`` itself where there is nothing to fold, where the copy
        answers differently, or where the model could not be tried.
    """
    try:
        with torch.no_grad():
            expected = model(images)
            folded = copy.deepcopy(model)
            pairs = _pairs(folded, images)
            for conv, norm in pairs:
                _fold(folded, conv, norm)
            agrees = _largest(folded(images) - expected) <= rtol * _largest(expected)
    except Exception:  # folding only saves time: whatever a model does, it must not fail for it
        return model
    return folded if pairs and agrees else model


def _largest(tensor: torch.Tensor) -> float:
    return float(tensor.abs().max())


def _pairs(model: nn.Module, images: torch.Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Batch norms whose input is the untouched output of a convolution, both called once."""
    # Keeping the outputs keeps their ids from being used again.
    outputs: list[tuple[nn.Module, torch.Tensor, int]] = []
    inputs: list[tuple[nn.Module, torch.Tensor, int]] = []

    def after_conv(module: nn.Module, _: object, output: torch.Tensor) -> None:
        outputs.append((module, output, output._version))

    def before_norm(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        inputs.append((module, args[0], args[0]._version))

    handles = []
    for module in model.modules():
        if type(module) in CONVOLUTIONS and not _has_hooks(module):
            handles.append(module.register_forward_hook(after_conv))
        elif type(module) in BATCH_NORMS and not _has_hooks(module):
            handles.append(module.register_forward_pre_hook(before_norm))
    try:
        model(images)
    finally:
        for handle in handles:
            handle.remove()

    convs = [conv for conv, _, _ in outputs]
    norms = [norm for norm, _, _ in inputs]
    # The version tells an output changed in place (by an activation) from an untouched one.
    source = {(id(tensor), version): conv for conv, tensor, version in outputs}
    found = []
    for norm, tensor, version in inputs:
        conv = source.get((id(tensor), version))
        if (
            isinstance(conv, nn.Conv2d)
            and isinstance(norm, nn.BatchNorm2d)
            and not norm.training
            and convs.count(conv) == norms.count(norm) == 1
        ):
            found.append((conv, norm))
    return found


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )


def _fold(model: nn.Module, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Move ``norm`` into ``conv`` and leave in its place what else it did."""
    if norm.running_mean is None or norm.running_var is None:
        return
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    rest = nn.Sequential(norm.drop, norm.act) if isinstance(norm, BatchNormAct2d) else nn.Identity()
    rest.train(norm.training)
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if module is norm:
            model.set_submodule(name, rest)
