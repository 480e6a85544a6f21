"""The two small classifiers of the sample, built from timm's architectures."""

from collections.abc import Mapping
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, get_args

import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from rcx.images.scenes.drawing import SAMPLE_CLASSES, SAMPLE_SIZE

SampleModelName = Literal["cnn", "vit"]

SAMPLE_MEAN: tuple[float, float, float] = (0.5, 0.5, 0.5)
"""Mean of each colour that the models' input is normalised with."""

SAMPLE_STD: tuple[float, float, float] = (0.5, 0.5, 0.5)
"""Deviation of each colour that the models' input is normalised with."""


def build_model(name: SampleModelName) -> nn.Module:
    """Build one of the sample's architectures with random weights.

    Parameters
    ----------
    name
        ``"cnn"``, a MobileNetV3-Small of half width, or ``"vit"``, a hybrid vision transformer with
        a class token and 8 x 8 patches of 16 x 16 pixels, which the early stages of such a
        MobileNetV3 embed (`cnn_trunk`).

    Returns
    -------
        A model from normalised images (N, 3, 128, 128) to logits (N, number of classes).
    """
    if name not in get_args(SampleModelName):
        raise ValueError(f"name must be one of {get_args(SampleModelName)}, not {name!r}")
    cnn = timm.create_model("mobilenetv3_small_050", num_classes=len(SAMPLE_CLASSES), drop_rate=0.1)
    if name == "cnn":
        return cnn
    return VisionTransformer(
        img_size=SAMPLE_SIZE,
        patch_size=1,  # of the trunk's output, which is 16 times smaller than the image
        embed_layer=partial(HybridEmbed, backbone=cnn_trunk(cnn)),
        num_classes=len(SAMPLE_CLASSES),
        embed_dim=64,
        depth=5,
        num_heads=4,
        class_token=True,
        global_pool="token",
    )


def cnn_trunk(cnn: nn.Module) -> nn.Sequential:
    """Cut the stages of ``build_model("cnn")`` that work at a 16th of the resolution or above.

    Parameters
    ----------
    cnn
        A MobileNetV3; the result shares its parameters.

    Returns
    -------
        A module from images (N, 3, H, W) to features (N, 24, H / 16, W / 16).
    """
    names = ["conv_stem", "bn1", *(f"blocks.{stage}" for stage in range(4))]
    return nn.Sequential(*(cnn.get_submodule(name) for name in names))


def save_weights(model: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a model's weights in half precision as safetensors.

    Parameters
    ----------
    model
        The model.
    path
        The file to write; its folder is made where it does not exist.
    metadata
        Text to store beside the weights.
    """
    half = {
        name: tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(half, path, metadata=dict(metadata))


def load_weights(model: nn.Module, path: Path) -> nn.Module:
    """Load weights that `save_weights` wrote.

    Parameters
    ----------
    model
        The model to load into; it keeps its own precision.
    path
        The file to read.

    Returns
    -------
        The same model, in evaluation mode.
    """
    model.load_state_dict(load_file(path))
    return model.eval()


def sample_model(name: SampleModelName) -> nn.Module:
    """Load one of the sample's two classifiers with its trained weights.

    Parameters
    ----------
    name
        ``"cnn"`` or ``"vit"``.

    Returns
    -------
        The model in evaluation mode and single precision, from images (N, 3, 128, 128) normalised
        by `SAMPLE_MEAN` and `SAMPLE_STD` to logits (N, len(SAMPLE_CLASSES)).
    """
    with torch.random.fork_rng(devices=[]):  # building draws initial weights that nobody sees
        model = build_model(name)
    with as_file(files("rcx.classifiers.sample") / "weights" / f"{name}.safetensors") as path:
        return load_weights(model, path)
