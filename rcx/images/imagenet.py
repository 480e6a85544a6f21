"""The classes of ImageNet-1k, and the photographs of the published study."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path
from typing import Any

import torchvision
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

from rcx.images.checks import ImageError
from rcx.images.reading import ImageFailure, ImageWarning, find_images


def study_images() -> list[tuple[Path, int]]:
    """List the files of the published study's 100 photographs with the indices of their classes.

    The files are in the folder ``$RCX_ASSETS/images/imagenet100``, are named
    ``<wnid>_<label>.JPEG`` and are listed in the order of their names. A file whose name does not
    tell its class is left out with an `ImageWarning`.

    Raises
    ------
    ImageError
        If the files are not there.
    """
    assets = os.environ.get("RCX_ASSETS")
    folder = Path(assets or "$RCX_ASSETS", "images", "imagenet100")
    files, failures = find_images(folder) if assets else ([], [])
    if not files:
        cause = failures[0].reason if failures else "RCX_ASSETS is not set"
        raise ImageError(
            f"the study's images are not in {folder} ({cause}): set RCX_ASSETS to a folder that "
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
    """List the short names of ImageNet-1k's 1000 classes in the order of their indices."""
    # In torchvision's list, the two classes called crane and the two called maillot differ.
    weights = torchvision.models.MobileNet_V3_Small_Weights.IMAGENET1K_V1
    return tuple(weights.meta["categories"])


@functools.cache
def imagenet_labels(classes: int = 1000) -> dict[str, str]:
    """List the WordNet ids of a set of ImageNet's classes in order, with their names.

    Parameters
    ----------
    classes : int
        The number of classes, which tells ImageNet-1k from the larger sets that timm knows.

    Returns
    -------
    dict of str to str
        The synonyms of each class, as in ``"tabby, tabby cat"``, by its id. It is empty if there is
        no set of this size.
    """
    subset: str | None = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        return {}
    info: Any = ImageNetInfo(subset)  # its methods have no types
    wnids = info.label_names()
    return {wnid: info.index_to_description(index) for index, wnid in enumerate(wnids)}


@functools.cache
def _imagenet_indices() -> dict[str, int]:
    return {wnid: index for index, wnid in enumerate(imagenet_labels())}


def imagenet_index(wnid: str) -> int:
    """Look up the class index of a WordNet id: that of ``"n01443537"`` (goldfish) is 1.

    Raises
    ------
    ValueError
        If ``wnid`` is not one of ImageNet-1k's classes.
    """
    try:
        return _imagenet_indices()[wnid]
    except KeyError:
        raise ValueError(f"{wnid!r} is not the WordNet id of an ImageNet-1k class") from None
