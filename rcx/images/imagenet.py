"""ImageNet-1k's classes, and the published study's photographs of them."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path

import torchvision
from timm.data import ImageNetInfo

from rcx.images.reading import ImageError, ImageFailure, ImageWarning, find_images


def study_images() -> list[tuple[Path, int]]:
    """Files of the published study's 100 images with their class indices, sorted by name.

    They are looked for in ``$RCX_ASSETS/images/imagenet100``, named ``<wnid>_<label>.JPEG``; one
    whose name does not tell its class is left out with an `ImageWarning`.

    Raises
    ------
    ImageError
        If they are not there.
    """
    assets = os.environ.get("RCX_ASSETS")
    folder = Path(assets or "$RCX_ASSETS", "images", "imagenet100")
    files, failures = find_images(folder) if assets else ([], [])
    if not files:
        why = failures[0].reason if failures else "RCX_ASSETS is not set"
        raise ImageError(
            f"the study's images are not in {folder} ({why}): set RCX_ASSETS to a folder that "
            "holds them as images/imagenet100/<wnid>_<label>.JPEG, or use the sample profile, "
            "which needs no files"
        )
    labelled = []
    for file in files:
        try:
            labelled.append((file, imagenet_index(file.name.split("_")[0])))
        except ValueError as error:
            warnings.warn(f"left out {ImageFailure(file, str(error))}", ImageWarning, stacklevel=2)
    return labelled


@functools.cache
def imagenet_class_names() -> tuple[str, ...]:
    """Short labels of ImageNet-1k's 1000 classes, by class index."""
    # torchvision's list already tells the two cranes and the two maillots apart.
    weights = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    return tuple(weights.meta["categories"])


@functools.cache
def _imagenet_indices() -> dict[str, int]:
    return {wnid: index for index, wnid in enumerate(ImageNetInfo().label_names())}


def imagenet_index(wnid: str) -> int:
    """Class index of a WordNet id, e.g. ``"n01443537"`` (goldfish) is 1.

    Raises
    ------
    ValueError
        If ``wnid`` is not one of ImageNet-1k's classes.
    """
    try:
        return _imagenet_indices()[wnid]
    except KeyError:
        raise ValueError(f"{wnid!r} is not the WordNet id of an ImageNet-1k class") from None
