"""What a network is made of: wrappers around it, hooks, and its first layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn
from torch.nn.parameter import is_lazy

COMPILED = "_orig_mod"
"""The attribute in which ``torch.compile`` keeps the network that it compiles."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside ``torch.compile``, DataParallel or DistributedDataParallel."""
    while True:
        if isinstance(model, _PARALLEL):
            model = model.module
        elif isinstance(inside := getattr(model, COMPILED, None), nn.Module):
            model = inside
        else:
            return model


def compiled_inside(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """List the names of compiled parts of a network, each with the part before compilation."""
    return [
        (name, unwrapped(part))
        for name, part in model.named_modules()
        if name and not name.endswith(COMPILED) and hasattr(part, COMPILED)
    ]


def hooks_of(*modules: nn.Module) -> Iterator[dict[int, Any]]:
    """Iterate over the tables of hooks of modules themselves that are not empty."""
    for module in modules:
        for table in _HOOKS:
            if hooks := getattr(module, table, None):
                yield hooks


class ConfigNotes(NamedTuple):
    """What the ``config`` of a model of transformers says of its classes.

    Attributes
    ----------
    class_names : tuple of str or None
        Names of the classes by index, or None if they are missing or only numbered.
    input_size : int or None
        Height and width in pixels that the model was made for.
    problem : str or None
        ``"multi_label_classification"``, ``"regression"`` or ``"single_label_classification"``.
    """

    class_names: tuple[str, ...] | None = None
    input_size: int | None = None
    problem: str | None = None


def config_notes(model: nn.Module) -> ConfigNotes:
    """Read the ``config`` of a model of transformers. Other models have none."""
    config = getattr(model, "config", None)
    labels, size = getattr(config, "id2label", None), getattr(config, "image_size", None)
    names = None
    if isinstance(labels, Mapping) and set(labels) == set(range(len(labels))):
        names = tuple(str(labels[index]) for index in range(len(labels)))
        numbered = tuple(f"LABEL_{index}" for index in range(len(labels)))
        names = None if names == numbered else names
    problem = getattr(config, "problem_type", None)
    return ConfigNotes(names, size if isinstance(size, int) else None, problem)


def check_weights(model: nn.Module, name: str) -> None:
    """Raise ValueError if weights have no values: not yet initialised, or on the device meta."""
    weights = [*model.parameters(), *model.buffers()]
    if any(is_lazy(tensor) for tensor in weights):
        raise ValueError(
            f"{name} has layers that are not initialised: pass a batch of images through it first"
        )
    if any(tensor.is_meta for tensor in weights):
        raise ValueError(f"{name} is on the device meta and has no weights: load them first")


def first_channels(model: nn.Module) -> int:
    """Number of channels of the images that a network takes, by its first convolution, or 3."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return 3
