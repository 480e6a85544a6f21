"""Explain image files one after the other: no failure stops the rest, no file is half-written."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.figures import explanation_figure
from rcx.images.reading import Fit, ImageError, ImageFailure, read_image
from rcx.system.files import write_together
from rcx.system.text import reason

Advance = Callable[[float, Path], None]
_LONGEST_NAME = 180  # bytes; file systems allow 255, and suffixes and temporary names are added


@dataclass(frozen=True)
class ExplainedPhoto:
    """A photo that was explained and written.

    Attributes
    ----------
    path : Path
        The photo.
    name : str
        Of its results in the output folder, without suffix.
    explanations : tuple of Explanation
        One of one image for each explainer.
    seconds : float
        What it took; a photo's share where several were explained together.
    """

    path: Path
    name: str
    explanations: tuple[Explanation, ...]
    seconds: float


def explain_photos(
    files: Sequence[Path],
    explainers: Sequence[Explainer],
    folder: Path,
    *,
    size: int,
    fit: Fit = "stretch",
    target: int | None = None,
    batch_size: int | None = None,
    advance: Advance = lambda done, file: None,
) -> Iterator[ExplainedPhoto | ImageFailure]:
    """Explain image files and write the results into a folder.

    Parameters
    ----------
    files : sequence of Path
        Image files.
    explainers : sequence of Explainer
        Each explains every image. The first one's explanation is written to
        ``<name>.safetensors``, the others' to ``<name>.<method>.safetensors``. ``<name>.png``
        shows the image beside all of them.
    folder : Path
        An existing folder, see `writable_folder`.
    size, fit
        As for `rcx.load_images`.
    target : int, optional
        Class to explain, instead of the predicted ones.
    batch_size : int, optional
        Images explained together; by default as many as the explainers take.
    advance : callable
        Is told how many files are done, in fractions, and which one is at work.

    Yields
    ------
    ExplainedPhoto or ImageFailure
        For each file, as soon as it is done.
    """
    batch_size = batch_size or explainers[0].batch_size
    suffixes = [
        ".png",
        ".safetensors",
        *(f"{_part(other)}.safetensors" for other in explainers[1:]),
    ]
    names = output_names(files, folder, suffixes)
    for start in range(0, len(files), batch_size):
        batch: list[tuple[Path, torch.Tensor]] = []
        for file in files[start : start + batch_size]:
            try:
                batch.append((file, read_image(file, size, fit=fit)))
            except ImageError as error:
                yield ImageFailure(file, str(error))
        for file, result, seconds in _explained(batch, explainers, target, advance, start):
            if isinstance(result, Exception):
                yield ImageFailure(file, reason(result))
                continue
            try:
                _check_finite(result)
                figure = explanation_figure(result)
                writers: list[Callable[[Path], object]] = [partial(figure.savefig, format="png")]
                writers += [one.save for one in result]
                parts = [names[file] + suffix for suffix in suffixes]
                write_together(folder, dict(zip(parts, writers, strict=True)))
            except Exception as error:  # a full disk, say; the others may still be well
                yield ImageFailure(file, reason(error))
            else:
                yield ExplainedPhoto(file, names[file], result, seconds)


def _part(explainer: Explainer) -> str:
    return "." + explainer.method.lower().replace(" ", "-")


_Result = tuple[Explanation, ...] | Exception


def _explained(
    batch: Sequence[tuple[Path, torch.Tensor]],
    explainers: Sequence[Explainer],
    target: int | None,
    advance: Advance,
    before: int,
) -> Iterator[tuple[Path, _Result, float]]:
    """Explain a batch together or, where that fails, image by image."""
    if not batch:
        return
    file = batch[0][0]
    images = torch.stack([image for _, image in batch])
    begin = time.perf_counter()

    def follow(number: int) -> Callable[[int, int], None]:
        def progress(step: int, steps: int) -> None:
            share = (number + step / steps) / len(explainers)
            advance(before + share * len(batch), file)

        return progress

    try:
        advance(before, file)
        explanations = [
            explainer.explain(images, target, progress=follow(number))
            for number, explainer in enumerate(explainers)
        ]
    except Exception as error:  # NaN from the model, memory, whatever the model itself raises
        if len(batch) == 1:
            yield file, error, time.perf_counter() - begin
            return
        for number, one in enumerate(batch):
            yield from _explained([one], explainers, target, advance, before + number)
        return
    seconds = (time.perf_counter() - begin) / len(batch)
    for row, (name, _) in enumerate(batch):
        yield name, tuple(explanation[row] for explanation in explanations), seconds


def _check_finite(explanations: Sequence[Explanation]) -> None:
    for explanation in explanations:
        if not bool(explanation.loss.isfinite().all()):
            raise ValueError(
                f"{explanation.settings['method']} found no finite distortion: the classifier "
                "answers NaN or infinity to obfuscated images"
            )


def output_names(files: Sequence[Path], folder: Path, suffixes: Sequence[str]) -> dict[Path, str]:
    """Choose names under which the results of several files do not overwrite one another.

    Parameters
    ----------
    files : sequence of Path
        All different.
    folder : Path
        Where the results go. The files themselves, if they are there, are not overwritten.
    suffixes : sequence of str
        What is added to each name.

    Returns
    -------
    dict of Path to str
        The file's stem or, where that is taken by an earlier one, stem-2, stem-3 and so on.
    """
    root = os.path.realpath(folder)
    places = [(os.path.split(os.path.realpath(file))[0], file.name) for file in files]
    taken = {name.casefold() for place, name in places if place == root}
    names = {}
    for file in files:
        stem = file.stem
        while len(os.fsencode(stem)) > _LONGEST_NAME:
            stem = stem[:-1]
        # without regard to case, as on the file systems of macOS and Windows
        for name in itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2))):
            wanted = {(name + suffix).casefold() for suffix in suffixes}
            if not wanted & taken:
                break
        taken |= wanted
        names[file] = name
    return names
