"""Pretrained models by name: the library that builds each, and the source of its weights."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
import timm
import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn

from rcx.classifiers.names import PACKAGED, torchvision_names, unknown_model
from rcx.classifiers.packaged import (
    PACKAGED_MEAN,
    PACKAGED_SIZE,
    PACKAGED_STD,
    packaged_network,
)
from rcx.classifiers.structure import COMPILED
from rcx.images.imagenet import imagenet_class_names
from rcx.system.isolation import isolated


class WeightsError(RuntimeError):
    """A model's weights are damaged or do not fit it."""


class WeightsUnavailableError(WeightsError):
    """A model's weights are not on this machine and cannot be downloaded."""


@dataclass(frozen=True)
class NamedModel:
    """A model as its library publishes it.

    Attributes
    ----------
    model : nn.Module
        The model, from normalised images ``(N, 3, H, W)`` to logits ``(N, classes)``.
    mean, std : tuple of float
        Mean and standard deviation of each colour, by which the images are normalised.
    input_size : int
        Height and width in pixels that the model was made for.
    class_names : tuple of str or None
        The names of the classes in the order of their indices, if the library knows them.
    """

    model: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: int
    class_names: tuple[str, ...] | None


@isolated()
@torch.random.fork_rng(devices=[])  # the libraries draw initial weights, which are replaced
def named_model(name: str) -> NamedModel:
    """Build the pretrained model that a name stands for.

    Parameters
    ----------
    name : str
        ``"torchvision/NAME"``, ``"timm/NAME"``, ``"packaged/efficientnet_lite0"``,
        ``"sample/cnn"`` or ``"sample/vit"``.

    Returns
    -------
    NamedModel
        The model, in eval mode.

    Raises
    ------
    ValueError
        If the source or the model is unknown. The message gives similar names.
    WeightsUnavailableError
        If the weights are not on this machine and cannot be downloaded.
    WeightsError
        If the weights are damaged or belong to another model.
    """
    source, _, model_name = name.partition("/")
    if source == "torchvision" and model_name in torchvision_names():
        return _torchvision_model(model_name)
    # The pattern keeps a name such as "timm/x.../../y" from leaving the weights folder.
    if source == "timm" and re.fullmatch(r"\w[\w.-]*", model_name) and timm.is_model(model_name):
        return _timm_model(model_name)
    if name == PACKAGED:
        return _packaged_model()
    if name == "sample/cnn":
        return _sample_model("cnn")
    if name == "sample/vit":
        return _sample_model("vit")
    raise ValueError(unknown_model(name))


def state_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return a model's parameters and buffers by name, without other extra state.

    Names are as if no part of the model were compiled.
    """
    state = model.state_dict()
    return {
        key.replace(f"{COMPILED}.", ""): value
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }


def sha256(tensors: dict[str, torch.Tensor]) -> str:
    """Compute the SHA-256 of the names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for key, value in tensors.items():
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _unavailable(name: str, needed: str, remedy: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"{name} needs {needed}, which could not be downloaded: "
        f"connect to the network once so that the library can cache it, or {remedy}"
    )


# torchvision itself sets these options of the two models when it downloads their weights.
_GOOGLE_OPTIONS = {"transform_input": True, "init_weights": False}
_OPTIONS = {"googlenet": _GOOGLE_OPTIONS, "inception_v3": _GOOGLE_OPTIONS}


def _asset(*parts: str) -> Path | None:
    """Return the weights file under ``$RCX_ASSETS/weights``, if there is one."""
    assets = os.environ.get("RCX_ASSETS")
    file = Path(assets or "", "weights", *parts)
    return file if assets and file.is_file() else None


def _torchvision_model(model_name: str) -> NamedModel:
    weights = torchvision.models.get_model_weights(model_name).DEFAULT
    name = f"torchvision/{model_name}"
    file = _asset("torchvision", f"{model_name}.safetensors")
    try:
        if file is not None:
            options = _OPTIONS.get(model_name, {})
            model = torchvision.models.get_model(model_name, weights=None, **options)
            _load_safetensors(model, file)
        else:
            # This downloads the file and refuses one that holds more than tensors. get_model alone
            # would accept it.
            weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
            model = torchvision.models.get_model(model_name, weights=weights)
    except WeightsError:
        raise
    except OSError as error:
        remedy = f"put {model_name}.safetensors under $RCX_ASSETS/weights/torchvision"
        raise _unavailable(name, weights.url, remedy) from error
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{name}: the weights from {weights.url} are damaged") from error
    preset = weights.transforms()
    return NamedModel(
        model=model.eval(),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        input_size=preset.crop_size[0],
        class_names=tuple(weights.meta["categories"]),
    )


def _timm_model(model_name: str) -> NamedModel:
    name = f"timm/{model_name}"
    file = _asset(f"{model_name}.safetensors")
    try:
        if file is not None:
            model = timm.create_model(model_name, pretrained=False)
            _load_safetensors(model, file)
        else:
            model = _timm_download(model_name)
    except RuntimeError as error:
        if isinstance(error, WeightsError):
            raise
        if "Invalid pretrained tag" in str(error):
            raise ValueError(unknown_model(name)) from error
        remedy = f"put {model_name}.safetensors under $RCX_ASSETS/weights"
        raise WeightsError(f"{name}: {error} ({remedy} to use your own weights)") from error
    resolve: Callable[[nn.Module], dict[str, Any]] = resolve_model_data_config
    config = resolve(model)
    return NamedModel(
        model=model.eval(),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        input_size=config["input_size"][-1],
        class_names=_timm_class_names(model),
    )


def _timm_class_names(model: nn.Module) -> tuple[str, ...] | None:
    subset = infer_imagenet_subset(model)
    if subset == "imagenet-1k":
        return imagenet_class_names()
    if subset is None:
        return None
    info: Any = ImageNetInfo(subset)  # its methods have no types
    return tuple(info.index_to_description(i).split(",")[0] for i in range(info.num_classes()))


def _timm_download(model_name: str) -> nn.Module:
    """Create a timm model with weights from the Hugging Face cache, or let timm download them."""
    config = timm.get_pretrained_cfg(model_name)
    if config is None or not (config.hf_hub_id or config.url):
        raise RuntimeError("timm publishes no weights for this model")
    repository = config.hf_hub_id
    try:
        if not repository:
            return timm.create_model(model_name, pretrained=True)
        file = config.hf_hub_filename or "model.safetensors"
        cached = huggingface_hub.try_to_load_from_cache(repository, file)
        if isinstance(cached, str):
            overlay = {"file": cached, "custom_load": False}
            return timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay=overlay)
        # This asks first whether the hub answers, because its client retries for nearly a minute.
        huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=10)
        return timm.create_model(model_name, pretrained=True)
    except RuntimeError:
        raise
    except Exception as error:  # The hub client's network errors have no common base class.
        where = f"{repository} from the Hugging Face hub" if repository else str(config.url)
        remedy = f"put {model_name}.safetensors under $RCX_ASSETS/weights"
        raise _unavailable(f"timm/{model_name}", where, remedy) from error


def _load_safetensors(model: nn.Module, file: Path) -> None:
    """Load a file into a model, or raise WeightsError if the two do not belong together."""
    try:
        model.float()  # it was built in torch's default type
        missing, unexpected = model.load_state_dict(load_file(file), strict=False)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file} cannot be read as safetensors: {error}") from error
    except RuntimeError as error:
        problem = " ".join(str(error).split())
        raise WeightsError(f"{file} does not fit the model: {problem}") from error
    # Batch norms count batches for training only, so some files leave the counters out.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise WeightsError(
            f"{file} does not fit the model: "
            f"missing {_listed(missing)}, unexpected {_listed(unexpected)}"
        )


def _listed(keys: Sequence[str]) -> str:
    """Write the first five keys as text, and the number of the others."""
    text = ", ".join(keys[:5]) or "none"
    return f"{text} and {len(keys) - 5} more" if len(keys) > 5 else text


def _packaged_model() -> NamedModel:
    try:
        network = packaged_network()
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"{PACKAGED}: {error}") from error
    return NamedModel(
        model=network.eval(),
        mean=(PACKAGED_MEAN,) * 3,
        std=(PACKAGED_STD,) * 3,
        input_size=PACKAGED_SIZE,
        class_names=imagenet_class_names(),
    )


def _sample_model(model_name: Literal["cnn", "vit"]) -> NamedModel:
    # The sample is imported only here, because few users ask for it.
    from rcx.classifiers.sample import SAMPLE_MEAN, SAMPLE_STD, sample_model
    from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE

    return NamedModel(
        model=sample_model(model_name).eval(),
        mean=tuple(SAMPLE_MEAN),
        std=tuple(SAMPLE_STD),
        input_size=SAMPLE_SIZE,
        class_names=tuple(SAMPLE_CLASSES),
    )
