"""Profiles: the classifier and the images that a chapter or a study works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.names import PACKAGED
from rcx.classifiers.sizes import image_size
from rcx.images.decoding import Fit
from rcx.images.imagenet import study_images
from rcx.images.packaged import PACKAGED_PHOTOS
from rcx.images.reading import load_images
from rcx.images.scenes import SAMPLE_CLASSES, draw_scenes

ProfileName = Literal["photos", "sample", "imagenet"]
"""Names of the profiles."""

_DEFAULT_CLASSIFIERS: dict[ProfileName, str] = {
    "photos": PACKAGED,
    "sample": "sample/cnn",
    "imagenet": "timm/tf_mobilenetv3_small_100",
}
VISION_TRANSFORMERS: dict[ProfileName, str] = {
    "photos": "timm/deit_tiny_patch16_224",
    "sample": "sample/vit",
    "imagenet": "timm/deit_tiny_patch16_224",
}
"""The vision transformer of each profile, its second classifier."""

_STUDY_SIZE = 256  # height and width of the study's photographs, if the classifier takes them

FITS: dict[ProfileName, Fit] = {"photos": "crop", "sample": "stretch", "imagenet": "stretch"}
"""How the photographs of each profile become squares."""

FIRST_SCENE_SEED = 2_000_000
"""Seed of the scenes of ``seed=0``, far from the small seeds of the scenes in training."""


@dataclass(frozen=True)
class Profile:
    """A classifier, and images that it is asked about.

    Attributes
    ----------
    name : {"photos", "sample", "imagenet"}
        The name of the profile.
    classifier : Classifier
        The classifier.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1], of a size that the classifier takes.
    labels : Tensor
        ``(N,)`` int64, the true classes; -1 where no class of the classifier is right.
    object_masks : Tensor or None
        ``(N, H, W)`` bool, True where the object is; None if its outline is not known.
    names : tuple of str
        The names of the images: what a scene shows, or a file's name without its suffix.
    """

    name: ProfileName
    classifier: Classifier
    images: Tensor
    labels: Tensor
    object_masks: Tensor | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


def load_profile(
    name: ProfileName,
    *,
    n_images: int,
    seed: int,
    classifier: Classifier | str | None = None,
    normalize: bool = True,
) -> Profile:
    """Load the classifier and the images of a profile.

    Parameters
    ----------
    name : {"photos", "sample", "imagenet"}
        ``"photos"`` has the seven photographs of `rcx.images.PACKAGED_PHOTOS`, cropped to squares,
        in their order whatever the seed. ``"sample"`` has scenes that the package draws, which need
        no files. They are drawn at the size that `rcx.classifiers.image_size` chooses for the
        classifier, and scenes of different sizes differ. ``"imagenet"`` has the 100 photographs of
        the published study, see `rcx.images.study_images`, stretched to 256 pixels if the
        classifier takes this size.
    n_images : int
        The number of images, at least 1. A larger number adds images after those of a smaller one.
    seed : int
        The seed of the scenes, or of the choice among the study's photographs.
    classifier : Classifier or str, optional
        A classifier as for `rcx.load_classifier`. By default, it is the packaged one,
        ``"sample/cnn"``, or the study's network, ``"timm/tf_mobilenetv3_small_100"``.
    normalize : bool
        Whether the images are normalised for the classifier. The published study did not do so.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        If the profile is unknown, or has fewer images than ``n_images``.
    rcx.images.ImageError
        If the photographs are not on this machine.
    """
    if name not in get_args(ProfileName):
        raise ValueError(
            f"unknown profile {name!r}; one of {', '.join(map(repr, get_args(ProfileName)))}"
        )
    if n_images < 1:
        raise ValueError(f"n_images must be at least 1, got {n_images!r}")
    # The files are looked for first: if they are missing, no weights need to be downloaded.
    photos = photographs(name, seed)
    if photos and n_images > len(photos):
        raise ValueError(f"the profile {name} has {len(photos)} images, not {n_images!r}")
    model = load_classifier(classifier or _DEFAULT_CLASSIFIERS[name], normalize=normalize)
    if name == "sample":
        scenes = draw_scenes(n_images, seed=FIRST_SCENE_SEED + seed, size=image_size(model))
        return Profile(name, model, *scenes, tuple(scene_names(scenes.labels.tolist())))
    names, paths, labels = zip(*photos[:n_images], strict=True)
    size = _study_size(model) if name == "imagenet" else image_size(model)
    images = load_images(paths, size, fit=FITS[name], channels=model.channels, on_error="raise")
    classes = [-1 if label is None else label for label in labels]
    return Profile(name, model, images, torch.tensor(classes), None, names)


def photographs(name: ProfileName, seed: int) -> list[tuple[str, Path, int | None]]:
    """List the photographs of a profile in the order that the seed decides.

    Returns
    -------
    list of (str, Path, int or None)
        Name, file and class of each. A profile that is drawn has none.

    Raises
    ------
    ImageError
        If the photographs are not on this machine.
    """
    if name == "photos":
        return [(photo.name, photo.path, photo.label) for photo in PACKAGED_PHOTOS]
    if name == "sample":
        return []
    files = study_images()
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(seed))
    return [(path.stem, path, label) for path, label in (files[index] for index in order)]


def _study_size(model: Classifier) -> int:
    """The published study's size, or the classifier's own if it takes no others."""
    try:
        return image_size(model, _STUDY_SIZE)
    except ClassifierError:
        return image_size(model)


def scene_names(labels: Sequence[int]) -> list[str]:
    """Return the names of scenes, such as ``"scene 0: star"``, from their classes in order."""
    return [f"scene {number}: {SAMPLE_CLASSES[label]}" for number, label in enumerate(labels)]
