"""Which images a study works on, in which order, and how each is read when its turn comes."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rcx.classifiers.profiles import FIRST_SCENE_SEED
from rcx.images.imagenet import study_images
from rcx.images.reading import Fit, ImageError, find_photos, read_image
from rcx.images.scenes import SAMPLE_CLASSES, draw_scenes
from rcx.study.keys import Document
from rcx.study.settings import SettingsError, StudySettings
from rcx.system.text import reason


@dataclass(frozen=True)
class Source:
    """An image that a study will read.

    Attributes
    ----------
    name : str
        What tables call it: as in `rcx.classifiers.Profile`, or a file's name.
    label : int or None
        The true class, where it is known.
    path : Path or None
        The file; None for a scene.
    scene : int
        The scene's place among those of its seed.
    seed : int
        Of the scenes.
    fit : {"stretch", "crop"}
        How a file becomes a square.
    """

    name: str
    label: int | None = None
    path: Path | None = None
    scene: int = 0
    seed: int = 0
    fit: Fit = "stretch"

    def read(self, size: int) -> tuple[Tensor, Document]:
        """Image ``(3, size, size)`` in [0, 1], and what tells it from others.

        Raises
        ------
        ImageError
            If it cannot be read, or is being changed.
        """
        if self.path is None:
            image = draw_scenes(1, seed=self.seed, size=size, first=self.scene).images[0]
            digest = hashlib.sha256(image.numpy().tobytes()).hexdigest()
            return image, {"sha256": digest, "size": size, "fit": None}
        before = self.document(size)
        image = read_image(self.path, size, fit=self.fit)
        if self.document(size) != before:
            raise ImageError("the file was changed while it was read")
        return image, before

    def document(self, size: int) -> Document:
        """What tells the image from others; errors as `read`."""
        if self.path is None:
            return self.read(size)[1]
        try:
            # opening a pipe could wait for ever
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise ImageError("not a file")
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise ImageError(_plain(error)) from error
        return {"sha256": digest, "size": size, "fit": self.fit}


@dataclass(frozen=True)
class StudyFailure:
    """Something of a study that could not be computed, and why, in one line."""

    image: str
    classifier: str
    what: str
    reason: str


def find_sources(settings: StudySettings) -> tuple[list[Source], list[StudyFailure]]:
    """Images of a study in their order; more of them begin with the same ones as fewer.

    Raises
    ------
    SettingsError
        If a run wants more images than there are; `ImageError` where there are none.
    """
    wanted = [run.n_images for run in settings.runs]
    most = max((count for count in wanted if count), default=8)
    failures: list[StudyFailure] = []
    if settings.profile == "sample":
        return _scenes(most, FIRST_SCENE_SEED + settings.seed), failures
    if settings.profile == "imagenet":
        files = study_images()
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(settings.seed))
        chosen = [files[place] for place in order]
        sources = [Source(path.stem, label, path) for path, label in chosen]
    else:
        paths, unread = find_photos(settings.images or ())
        failures = [StudyFailure(str(one.path), "", "image", one.reason) for one in unread]
        if not paths:
            told = "; ".join(str(one) for one in unread[:3])
            raise ImageError(f"there are no images: {told}")
        sources = [Source(path.name, None, path, fit=settings.fit) for path in paths]
    if any(count and count > len(sources) for count in wanted):
        raise SettingsError(f"n_images must be at most {len(sources)}, as there are no more images")
    return sources, failures


def sources_of_run(sources: Sequence[Source], n_images: int | None) -> Sequence[Source]:
    """The first of the images, as many as a run has."""
    return sources[: n_images or len(sources)]


def _scenes(count: int, seed: int) -> list[Source]:
    # what a scene shows does not depend on its size
    labels = draw_scenes(count, seed=seed, size=32).labels.tolist()
    return [
        Source(f"scene {place}: {SAMPLE_CLASSES[label]}", label, None, place, seed)
        for place, label in enumerate(labels)
    ]


def _plain(error: Exception) -> str:
    """Reason without the path, which is told anyway."""
    return (isinstance(error, OSError) and error.strerror) or reason(error)
