"""Profiles: which classifier and which images a chapter or a run works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.sizes import image_size
from rcx.images.imagenet import study_images
from rcx.images.reading import load_images
from rcx.images.scenes import SAMPLE_CLASSES, draw_scenes

ProfileName = Literal["sample", "imagenet"]

_DEFAULT_CLASSIFIERS = {"sample": "sample/cnn", "imagenet": "timm/tf_mobilenetv3_small_100"}
VISION_TRANSFORMERS: dict[ProfileName, str] = {
    "sample": "sample/vit",
    "imagenet": "timm/deit_tiny_patch16_224",
}
"""The second classifier of each profile."""

FIRST_SCENE_SEED = 2_000_000
"""Far from the small seeds that the sample's classifiers learnt from."""


@dataclass(frozen=True)
class Profile:
    """A classifier and images for it.

    Attributes
    ----------
    name : {"sample", "imagenet"}
        Where the images come from.
    classifier : Classifier
        With its preprocessing inside.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1], of a size that the classifier takes.
    labels : Tensor
        ``(N,)`` int64, the true classes.
    object_masks : Tensor or None
        ``(N, H, W)`` bool, True where the object is; None where this is not known.
    names : tuple of str
        Of the images: what a scene shows, or a file's name without its suffix.
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
    name : {"sample", "imagenet"}
        ``"sample"``: scenes drawn by the package, which need no file, at the size that the
        classifier takes (`rcx.classifiers.image_size`); of another size, they are other scenes.
        ``"imagenet"``: the published study's 100 images, see `rcx.images.study_images`.
    n_images : int
        How many images. More images begin with the same ones as fewer.
    seed : int
        Which images: the seed of the scenes, or of the choice among the study's images.
    classifier : Classifier or str, optional
        As for `rcx.load_classifier`; by default ``"sample/cnn"`` or
        ``"timm/tf_mobilenetv3_small_100"``, the study's network.
    normalize : bool
        False feeds the classifier raw images, as the published study did.

    Returns
    -------
    Profile

    Raises
    ------
    ValueError
        For an unknown profile, or a number of images that it does not have;
        `rcx.images.ImageError` where the study's images are not on this machine.
    """
    if name not in get_args(ProfileName):
        raise ValueError(
            f"unknown profile {name!r}; one of {', '.join(map(repr, get_args(ProfileName)))}"
        )
    if n_images < 1:
        raise ValueError(f"n_images must be at least 1, got {n_images!r}")
    # before the classifier: without the images there is no need to download weights
    files = study_images() if name == "imagenet" else []
    model = load_classifier(classifier or _DEFAULT_CLASSIFIERS[name], normalize=normalize)
    if name == "sample":
        size = image_size(model)
        scenes = draw_scenes(n_images, seed=FIRST_SCENE_SEED + seed, size=size)
        shown = (SAMPLE_CLASSES[label] for label in scenes.labels)
        names = tuple(f"scene {number}: {what}" for number, what in enumerate(shown))
        return Profile(name, model, *scenes, names)
    if n_images > len(files):
        raise ValueError(f"the study has {len(files)} images, not {n_images!r}")
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(seed))
    paths, labels = zip(*(files[place] for place in order[:n_images]), strict=True)
    images = load_images(paths, image_size(model), on_error="raise")
    return Profile(name, model, images, torch.tensor(labels), None, tuple(p.stem for p in paths))
