"""Classifiers by name, or around a network of one's own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from rcx.classifiers.classifier import Classifier, described_value
from rcx.classifiers.weights import (
    named_model,
)


def load_classifier(
    model: str | nn.Module,
    *,
    normalize: bool = True,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    class_names: Sequence[str] | None = None,
    input_size: int | None = None,
) -> Classifier:
    """Load a classifier by name, or wrap a model of one's own.

    Parameters
    ----------
    model : str or nn.Module
        ``"torchvision/NAME"``, ``"timm/NAME"``, ``"sample/cnn"``, ``"sample/vit"``, or any module
        from images (N, C, H, W) to logits (N, classes). Where the environment variable
        ``RCX_ASSETS`` names a folder, ``timm/NAME`` reads ``weights/NAME.safetensors`` in it if
        there is one, and ``torchvision/NAME`` reads ``weights/torchvision/NAME.safetensors``. A
        `Classifier` is returned as it is.
    normalize : bool
        False feeds the model raw [0, 1] images, whatever ``mean`` and ``std`` are.
    mean, std, class_names, input_size : optional
        Override what the model's library says. A module of one's own has none of them by default:
        it gets the images as they are. ``input_size`` is for messages and defaults, it does not
        change the model.

    Returns
    -------
    Classifier
        Named models are in eval mode; a module of one's own keeps its mode.

    Raises
    ------
    ValueError
        If the name is unknown (close matches are given) or the normalisation unusable.
    WeightsUnavailableError
        If the weights are not on this machine and cannot be downloaded.
    WeightsError
        If the weights are damaged or belong to another model.
    TypeError
        If ``model`` is neither a name nor a module.
    """
    if isinstance(model, Classifier):
        overrides = (mean, std, class_names, input_size)
        if any(value is not None for value in overrides) or (model.normalize and not normalize):
            raise ValueError("this is a Classifier already: give its .model to wrap it anew")
        return model
    if isinstance(model, nn.Module):
        name, module = type(model).__name__, model
    elif isinstance(model, str):
        named = named_model(model)
        name, module = model, named.model
        if mean is None and std is None:
            mean, std = named.mean, named.std
        class_names = named.class_names if class_names is None else class_names
        input_size = named.input_size if input_size is None else input_size
    else:
        raise TypeError(f"model must be a name or a torch module, not {described_value(model)}")
    return Classifier(
        module,
        name=name,
        normalize=normalize,
        mean=mean,
        std=std,
        class_names=class_names,
        input_size=input_size,
    )
