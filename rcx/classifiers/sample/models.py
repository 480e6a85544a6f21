"""The two small classifiers of drawn scenes, built from timm's architectures."""

from collections.abc import Mapping
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, get_args

import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers.hybrid_embed import HybridEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from rcx.images.scenes.drawing import SAMPLE_CLASSES, SAMPLE_SIZE

SampleModelName = Literal["cnn", "vit"]

SAMPLE_MEAN: tuple[float, float, float] = (0.5, 0.5, 0.5)
"""Mean by which each colour of the models' input is normalised."""

SAMPLE_STD: tuple[float, float, float] = (0.5, 0.5, 0.5)
"""Standard deviation by which each colour of the models' input is normalised."""


def build_model(name: SampleModelName) -> nn.Module:
    """Build one of the sample's architectures with random weights.

    Parameters
    ----------
    name : {"cnn", "vit"}
        ``"cnn"`` is a MobileNetV3-Small of half width. ``"vit"`` is a vision transformer with a
        class token and 8 x 8 patches of 16 x 16 pixels, which are embedded by the first stages of
        such a MobileNetV3 (`cnn_trunk`).

    Returns
    -------
    nn.Module
        A model from normalised images ``(N, 3, 128, 128)`` to logits ``(N, classes)``.

    Raises
    ------
    ValueError
        If the name is another one.
    """
    if name not in get_args(SampleModelName):
        raise ValueError(f"name must be one of {get_args(SampleModelName)}, not {name!r}")
    cnn = timm.create_model("mobilenetv3_small_050", num_classes=len(SAMPLE_CLASSES), drop_rate=0.1)
    if name == "cnn":
        return cnn
    return VisionTransformer(
        img_size=SAMPLE_SIZE,
        patch_size=1,  # in pixels of the trunk's output, which is 16 times smaller than the image
        embed_layer=partial(HybridEmbed, backbone=cnn_trunk(cnn)),
        num_classes=len(SAMPLE_CLASSES),
        embed_dim=64,
        depth=5,
        num_heads=4,
        class_token=True,
        global_pool="token",
    )


def cnn_trunk(cnn: nn.Module) -> nn.Sequential:
    """Take the first stages of ``build_model("cnn")``, down to a 16th of the resolution.

    Parameters
    ----------
    cnn : nn.Module
        A MobileNetV3, whose parameters the result shares.

    Returns
    -------
    nn.Sequential
        A module from images ``(N, 3, H, W)`` to features ``(N, 24, H / 16, W / 16)``.
    """
    names = ["conv_stem", "bn1", *(f"blocks.{stage}" for stage in range(4))]
    return nn.Sequential(*(cnn.get_submodule(name) for name in names))


def save_weights(model: nn.Module, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a model's weights in half precision as safetensors.

    Parameters
    ----------
    model : nn.Module
        The model.
    path : Path
        The file to write. Its folder is made if it does not exist.
    metadata : mapping of str to str
        Texts to store with the weights.
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
    model : nn.Module
        The model to load into. It keeps its precision.
    path : Path
        The file to read.

    Returns
    -------
    nn.Module
        The same model, in eval mode.
    """
    model.load_state_dict(load_file(path))
    return model.eval()


def sample_model(name: SampleModelName) -> nn.Module:
    """Load one of the sample's two classifiers with its trained weights.

    Parameters
    ----------
    name : {"cnn", "vit"}
        The classifier.

    Returns
    -------
    nn.Module
        The model in eval mode and single precision, from images ``(N, 3, 128, 128)`` that are
        normalised by `SAMPLE_MEAN` and `SAMPLE_STD` to logits ``(N, classes)``.

    Raises
    ------
    ValueError
        If the name is another one.
    """
    with torch.random.fork_rng(devices=[]):  # The initial weights are random, and overwritten.
        model = build_model(name).float()
    with as_file(files("rcx.classifiers.sample") / "weights" / f"{name}.safetensors") as path:
        return load_weights(model, path)
