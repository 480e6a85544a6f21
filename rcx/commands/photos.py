"""Explanations of image files. A failure does not stop the rest, and every file is whole."""

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
from rcx.images.checks import ImageError
from rcx.images.decoding import Fit, read_image
from rcx.images.reading import ImageFailure
from rcx.system.files import write_together
from rcx.system.text import reason

Advance = Callable[[float, Path], None]
"""Is told how many files are done, in fractions, and which one is being explained."""

_LONGEST_NAME = 180  # bytes; file systems allow 255, and suffixes and temporary names are added


@dataclass(frozen=True)
class ExplainedPhoto:
    """A photo that was explained, and whose results were written.

    Attributes
    ----------
    path : Path
        File of the photo.
    name : str
        Name of the results in the output folder, without suffix.
    explanations : tuple of Explanation
        An explanation of one image from each explainer.
    seconds : float
        Time that the photo took. Photos that were explained together share their time equally.
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
    """Explain image files, and write the results into a folder.

    Parameters
    ----------
    files : sequence of Path
        Image files, all different.
    explainers : sequence of Explainer
        Explainers, each of which explains every image. The first one's explanation is written to
        ``<name>.safetensors``, the others' to ``<name>.<method>.safetensors``. ``<name>.png``
        shows the image beside all of them.
    folder : Path
        An existing folder, see `rcx.system.files.writable_folder`.
    size, fit
        Size and fit of the images, as for `rcx.load_images`.
    target : int, optional
        Class to explain, instead of the predicted ones.
    batch_size : int, optional
        Number of images that are explained together; by default as many as the explainers take.
    advance : callable
        Is told how many files are done, in fractions, and which one is being explained.

    Yields
    ------
    ExplainedPhoto or ImageFailure
        For each file, as soon as it is done.
    """
    batch_size = batch_size or explainers[0].images_at_a_time
    channels = explainers[0].classifier.channels
    suffixes = [
        ".png",
        ".safetensors",
        *(f"{_method_suffix(explainer)}.safetensors" for explainer in explainers[1:]),
    ]
    names = output_names(files, folder, suffixes)
    for start in range(0, len(files), batch_size):
        batch: list[tuple[Path, torch.Tensor]] = []
        for file in files[start : start + batch_size]:
            try:
                batch.append((file, read_image(file, size, fit=fit, channels=channels)))
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
                writers += [explanation.save for explanation in result]
                file_names = [names[file] + suffix for suffix in suffixes]
                write_together(folder, dict(zip(file_names, writers, strict=True)))
            except Exception as error:  # such as a full disk; the other photos may still succeed
                yield ImageFailure(file, reason(error))
            else:
                yield ExplainedPhoto(file, names[file], result, seconds)


def _method_suffix(explainer: Explainer) -> str:
    return "." + explainer.method.lower().replace(" ", "-")


# an explanation from each explainer, or what went wrong
_Result = tuple[Explanation, ...] | Exception


def _explained(
    batch: Sequence[tuple[Path, torch.Tensor]],
    explainers: Sequence[Explainer],
    target: int | None,
    advance: Advance,
    before: int,
) -> Iterator[tuple[Path, _Result, float]]:
    """Explain a batch together or, where that fails, image by image.

    ``before`` is the number of files that were done before the batch.
    """
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
        # the command's table tells which explanations are empty
        explanations = [
            explainer.explain(images, target, progress=follow(number), warn=False)
            for number, explainer in enumerate(explainers)
        ]
    except Exception as error:  # NaN, too little memory, or an error of the model itself
        if len(batch) == 1:
            yield file, error, time.perf_counter() - begin
            return
        for number, photo in enumerate(batch):
            yield from _explained([photo], explainers, target, advance, before + number)
        return
    seconds = (time.perf_counter() - begin) / len(batch)
    for row, (photo_file, _) in enumerate(batch):
        yield photo_file, tuple(explanation[row] for explanation in explanations), seconds


def _check_finite(explanations: Sequence[Explanation]) -> None:
    for explanation in explanations:
        if not bool(explanation.loss.isfinite().all()):
            raise ValueError(
                f"{explanation.settings['method']} found no finite distortion: the classifier "
                "answers obfuscated images with NaN or infinity"
            )


def output_names(files: Sequence[Path], folder: Path, suffixes: Sequence[str]) -> dict[Path, str]:
    """Choose names under which the results of several files do not overwrite each other.

    Parameters
    ----------
    files : sequence of Path
        Files, all different.
    folder : Path
        Folder for the results. If files lie in it themselves, they are not overwritten either.
    suffixes : sequence of str
        Suffixes that are added to each name.

    Returns
    -------
    dict of Path to str
        For each file its stem or, where an earlier file has taken that, stem-2, stem-3 and so on.
    """
    root = os.path.realpath(folder)
    folders = {file: os.path.split(os.path.realpath(file))[0] for file in files}
    # names are compared as the file systems of macOS and Windows do, which ignore the case
    taken = {file.name.casefold() for file in files if folders[file] == root}
    names = {}
    for file in files:
        stem = file.stem
        while len(os.fsencode(stem)) > _LONGEST_NAME:
            stem = stem[:-1]
        for name in itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2))):
            results = {(name + suffix).casefold() for suffix in suffixes}
            if not results & taken:
                break
        taken |= results
        names[file] = name
    return names
