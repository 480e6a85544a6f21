"""Pretrained models by name: which library builds them, and where their weights come from."""

from __future__ import annotations

import difflib
import hashlib
import os
import pickle
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import huggingface_hub
import timm
import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_model_data_config
from torch import nn

from rcx.images.imagenet import imagenet_class_names

SOURCES = ("torchvision", "timm", "sample")


class WeightsError(RuntimeError):
    """A model's weights are there but do not fit it, or are damaged."""


class WeightsUnavailableError(WeightsError):
    """A model's weights are neither on this machine nor within reach."""


@dataclass(frozen=True)
class NamedModel:
    """A model as its library publishes it, with what its input and output mean."""

    model: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: int
    class_names: tuple[str, ...] | None


def named_model(name: str) -> NamedModel:
    """Build the pretrained model that ``name`` stands for.

    Parameters
    ----------
    name : str
        ``"torchvision/NAME"``, ``"timm/NAME"``, ``"sample/cnn"`` or ``"sample/vit"``.

    Returns
    -------
    NamedModel
        The model in eval mode, its normalisation, native input size and class names.

    Raises
    ------
    ValueError
        If the source or the model is unknown; the message names close matches.
    WeightsUnavailableError
        If the weights are not on this machine and cannot be downloaded.
    WeightsError
        If the weights found are damaged or belong to another model.
    """
    source, _, model_name = name.partition("/")
    if source == "torchvision" and model_name in _torchvision_names():
        return _torchvision_model(model_name)
    # The pattern keeps a name from leaving the weights folder ("timm/x.../../y").
    if source == "timm" and re.fullmatch(r"\w[\w.-]*", model_name) and timm.is_model(model_name):
        return _timm_model(model_name)
    if name == "sample/cnn":
        return _sample_model("cnn")
    if name == "sample/vit":
        return _sample_model("vit")
    raise ValueError(_unknown(name))


def state_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers of a model by name, without other extra state."""
    state = model.state_dict()
    return {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}


def sha256(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over the names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256()
    for key, value in tensors.items():
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _torchvision_names() -> list[str]:
    return list(torchvision.models.list_models(module=torchvision.models))


def _unknown(name: str) -> str:
    """Say that ``name`` is no model, and which models have a name like it."""
    known = (
        [f"torchvision/{model}" for model in _torchvision_names()]
        + [f"timm/{model}" for model in timm.list_models() + timm.list_pretrained()]
        + ["sample/cnn", "sample/vit"]
    )
    prefixed = name.split("/")[0] in SOURCES
    # Without its source, a name is compared with every source's models.
    wanted = [name] if prefixed else [f"{source}/{name.split('/')[-1]}" for source in SOURCES]
    close = []
    for item in wanted:
        longer = [model for model in known if model.startswith(item) and not item.endswith("/")]
        close += longer[:3] or difflib.get_close_matches(item, known, 3, 0.8)
    hint = f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""
    problem = "unknown model" if prefixed else "unknown model source in"
    return f"{problem} {name!r}: use torchvision/NAME, timm/NAME, sample/cnn or sample/vit{hint}"


def _unavailable(name: str, needed: str, remedy: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"{name} needs {needed}, which could not be downloaded: "
        f"connect to the network once so that the library can cache it, or {remedy}"
    )


# What torchvision sets by itself where it downloads the weights.
_GOOGLES_OWN = {"transform_input": True, "init_weights": False}
_AS_PUBLISHED = {"googlenet": _GOOGLES_OWN, "inception_v3": _GOOGLES_OWN}


def _asset(*parts: str) -> Path | None:
    """Weights file under ``$RCX_ASSETS/weights``, if there is one."""
    assets = os.environ.get("RCX_ASSETS")
    file = Path(assets or "", "weights", *parts)
    return file if assets and file.is_file() else None


def _torchvision_model(model_name: str) -> NamedModel:
    weights = torchvision.models.get_model_weights(model_name).DEFAULT
    name = f"torchvision/{model_name}"
    file = _asset("torchvision", f"{model_name}.safetensors")
    try:
        if file is not None:
            options = _AS_PUBLISHED.get(model_name, {})
            model = torchvision.models.get_model(model_name, weights=None, **options)
            _load_safetensors(model, file)
        else:
            # Fetches the file and refuses one that holds more than tensors; get_model would not.
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
            raise ValueError(_unknown(name)) from error
        remedy = f"put {model_name}.safetensors under $RCX_ASSETS/weights"
        raise WeightsError(f"{name}: {error} ({remedy} to use your own weights)") from error
    config = resolve_model_data_config(model)
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
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(i).split(",")[0] for i in range(info.num_classes()))


def _timm_download(model_name: str) -> nn.Module:
    """Create a timm model from the Hugging Face cache, or by timm's own download."""
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
        # Ask first whether the hub answers: the hub client itself retries for most of a minute.
        huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=10)
        return timm.create_model(model_name, pretrained=True)
    except RuntimeError:
        raise
    except Exception as error:  # the hub client's network errors share no base class
        where = f"{repository} from the Hugging Face hub" if repository else str(config.url)
        remedy = f"put {model_name}.safetensors under $RCX_ASSETS/weights"
        raise _unavailable(f"timm/{model_name}", where, remedy) from error


def _load_safetensors(model: nn.Module, file: Path) -> None:
    """Fill ``model`` from ``file``, and complain if the two do not belong together."""
    try:
        missing, unexpected = model.load_state_dict(load_file(file), strict=False)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file} cannot be read as safetensors: {error}") from error
    except RuntimeError as error:
        problem = " ".join(str(error).split())
        raise WeightsError(f"{file} does not fit the model: {problem}") from error
    # Batch norms count batches for training only; exports leave the counters out.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise WeightsError(
            f"{file} does not fit the model: "
            f"missing {_some(missing)}, unexpected {_some(unexpected)}"
        )


def _some(keys: Sequence[str]) -> str:
    shown = ", ".join(keys[:5]) or "none"
    return f"{shown} and {len(keys) - 5} more" if len(keys) > 5 else shown


def _sample_model(model_name: Literal["cnn", "vit"]) -> NamedModel:
    # Imported late: the sample is only needed by those who ask for it.
    from rcx.classifiers.sample import SAMPLE_MEAN, SAMPLE_STD, sample_model
    from rcx.images.scenes import SAMPLE_CLASSES, SAMPLE_SIZE

    return NamedModel(
        model=sample_model(model_name).eval(),
        mean=tuple(SAMPLE_MEAN),
        std=tuple(SAMPLE_STD),
        input_size=SAMPLE_SIZE,
        class_names=tuple(SAMPLE_CLASSES),
    )
