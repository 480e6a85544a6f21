"""Sources: the images of a study in their order, each read when its turn comes."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from rcx.classifiers.profiles import FIRST_SCENE_SEED, FITS, photographs, scene_names
from rcx.images.checks import ImageError
from rcx.images.decoding import Fit, read_image
from rcx.images.reading import find_images
from rcx.images.scenes import draw_scenes
from rcx.study.keys import Document, pixels_document
from rcx.study.outcomes import StudyFailure
from rcx.study.settings import SettingsError, StudySettings
from rcx.system.text import reason

_DEFAULT_SCENES = 8  # scenes of a study in which no run names a number


@dataclass(frozen=True)
class Source:
    """An image that a study will read: a file, or a scene that is drawn.

    Attributes
    ----------
    name : str
        Name of the image in the tables: as in `rcx.classifiers.Profile`, or the file's name.
    label : int or None
        The true class; None where it is unknown.
    path : Path or None
        The file; None for a scene.
    scene : int
        Position of a scene among those of its seed.
    seed : int
        Seed of a scene.
    fit : {"stretch", "crop"}
        How a file becomes a square.
    """

    name: str
    label: int | None = None
    path: Path | None = None
    scene: int = 0
    seed: int = 0
    fit: Fit = "stretch"

    @property
    def full_name(self) -> str:
        """Path of the file, or name of the scene, as failures are reported."""
        return self.name if self.path is None else str(self.path)

    def read(self, size: int, channels: int = 3) -> tuple[Tensor, Document]:
        """Read the image.

        Parameters
        ----------
        size : int
            Height and width, in pixels.
        channels : int
            Number of channels.

        Returns
        -------
        Tensor, dict
            The image ``(channels, size, size)`` in [0, 1], and its document.

        Raises
        ------
        ImageError
            If the file cannot be read, or changes while it is read, or a scene has other channels.
        """
        if self.path is None:
            image = draw_scenes(1, seed=self.seed, size=size, first=self.scene).images[0]
            if channels != len(image):
                raise ImageError(f"scenes have 3 channels, and the classifier takes {channels}")
            return image, pixels_document(image)
        document = self.document(size)
        image = read_image(self.path, size, fit=self.fit, channels=channels)
        if self.document(size) != document:
            raise ImageError("the file was changed while it was read")
        return image, document

    def document(self, size: int) -> Document:
        """Describe the image for keys: hash of its content, size and fit.

        Raises
        ------
        ImageError
            If the file cannot be read.
        """
        if self.path is None:
            return self.read(size)[1]
        try:
            # opening a pipe could wait for ever
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise ImageError("not a file")
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            raise ImageError(_reason_without_path(error)) from error
        return {"sha256": digest, "size": size, "fit": self.fit}


def find_sources(settings: StudySettings) -> tuple[list[Source], list[StudyFailure]]:
    """Find the images of a study. A study of more images begins with the same ones as of fewer.

    Returns
    -------
    list of Source, list of StudyFailure
        The images in their order, and the paths at which there are none.

    Raises
    ------
    SettingsError
        If a run asks for more images than there are.
    ImageError
        If there are no images at all.
    """
    counts = [run.n_images for run in settings.runs if run.n_images]
    failures: list[StudyFailure] = []
    if settings.profile == "sample":
        sources = _scenes(max(counts, default=_DEFAULT_SCENES), FIRST_SCENE_SEED + settings.seed)
    elif settings.profile is not None:
        sources = [
            Source(name, label, path, fit=FITS[settings.profile])
            for name, path, label in photographs(settings.profile, settings.seed)
        ]
    else:
        paths, unread = find_images(settings.images or (), unique=True)
        failures = [StudyFailure(str(file.path), "", "image", file.reason) for file in unread]
        if not paths:
            raise ImageError(f"there are no images: {'; '.join(map(str, unread[:3]))}")
        sources = [Source(path.name, None, path, fit=settings.fit) for path in paths]
    if max(counts, default=0) > len(sources):
        raise SettingsError(f"n_images must be at most {len(sources)}, as there are no more images")
    return sources, failures


def _scenes(count: int, seed: int) -> list[Source]:
    # what a scene shows does not depend on its size
    labels = draw_scenes(count, seed=seed, size=32).labels.tolist()
    return [
        Source(name, label, None, scene, seed)
        for scene, (name, label) in enumerate(zip(scene_names(labels), labels, strict=True))
    ]


def _reason_without_path(error: Exception) -> str:
    """Return what an error says, without the path, which failures name anyway."""
    return (isinstance(error, OSError) and error.strerror) or reason(error)
