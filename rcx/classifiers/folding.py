"""Folding of batch norms into the convolutions before them, which makes gradients cheaper."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from rcx.classifiers.structure import hooks_of

Model = TypeVar("Model", bound=nn.Module)

# Only layers of exactly these types are folded. A subclass with a forward method of its own may not
# be linear in its weight.
CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
BATCH_NORMS = (nn.BatchNorm2d, BatchNormAct2d)


def fold_batch_norms(model: Model, images: torch.Tensor, rtol: float = 1e-3) -> Model:
    """Copy ``model`` with its batch norms folded into the preceding convolutions.

    Parameters
    ----------
    model : nn.Module
        A model in eval mode. It stays as it is.
    images : Tensor
        ``(N, C, H, W)``. The model is tried on them, to see which layer feeds which and to compare
        the answers.
    rtol : float
        The largest difference that is allowed between the two models' outputs, as a share of the
        largest absolute output.

    Returns
    -------
    nn.Module
        The folded copy, or ``model`` itself if there is nothing to fold, if the copy answers
        differently, or if the model cannot be tried.
    """
    try:
        with torch.no_grad():
            expected = model(images)
            folded = copy.deepcopy(model)
            pairs = _pairs(folded, images)
            for conv, norm in pairs:
                _fold(folded, conv, norm)
            agrees = _largest(folded(images) - expected) <= rtol * _largest(expected)
    except Exception:  # Folding only saves time, so it must not fail, whatever the model does.
        return model
    return folded if pairs and agrees else model


def _largest(tensor: torch.Tensor) -> float:
    return float(tensor.abs().max())


def _pairs(model: nn.Module, images: torch.Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Find batch norms whose input is the unchanged output of a convolution, both called once."""
    # The lists hold the tensors themselves, so that Python does not use their ids again.
    outputs: list[tuple[nn.Module, torch.Tensor, int]] = []
    inputs: list[tuple[nn.Module, torch.Tensor, int]] = []

    def after_conv(module: nn.Module, _: object, output: torch.Tensor) -> None:
        outputs.append((module, output, output._version))

    def before_norm(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        inputs.append((module, args[0], args[0]._version))

    handles = []
    for module in model.modules():
        if type(module) in CONVOLUTIONS and not any(hooks_of(module)):
            handles.append(module.register_forward_hook(after_conv))
        elif type(module) in BATCH_NORMS and not any(hooks_of(module)):
            handles.append(module.register_forward_pre_hook(before_norm))
    try:
        model(images)
    finally:
        for handle in handles:
            handle.remove()

    convs = [conv for conv, _, _ in outputs]
    norms = [norm for norm, _, _ in inputs]
    # The version shows whether an activation changed an output in place.
    source = {(id(tensor), version): conv for conv, tensor, version in outputs}
    pairs = []
    for norm, tensor, version in inputs:
        conv = source.get((id(tensor), version))
        if (
            isinstance(conv, nn.Conv2d)
            and isinstance(norm, nn.BatchNorm2d)
            and not norm.training
            and convs.count(conv) == norms.count(norm) == 1
        ):
            pairs.append((conv, norm))
    return pairs


def _fold(model: nn.Module, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Move a batch norm into a convolution, and leave only its activation in its place."""
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
