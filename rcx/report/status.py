"""Tables of how the book was made: times, parameters, machine, hashes of weights and images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pandas as pd

from rcx.classifiers.profiles import ProfileName, load_profile
from rcx.report.results import ChapterRun


def chapter_table(runs: Mapping[str, ChapterRun]) -> pd.DataFrame:
    """List when each chapter was run, for how long, and with which parameters."""
    rows = {
        chapter: {
            "seconds": run.seconds,
            "finished": run.finished.partition("T")[0],
            "parameters": ", ".join(f"{name}={value!r}" for name, value in run.parameters.items()),
            "state": "failed" if run.failed else "ran to its end",
        }
        for chapter, run in runs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def machine_table(runs: Mapping[str, ChapterRun]) -> pd.DataFrame:
    """List the machine and the versions. Where the chapters differ, all values are listed."""
    names = dict.fromkeys(name for run in runs.values() for name in run.machine)
    facts = {
        name: ", ".join(dict.fromkeys(run.machine.get(name, "unknown") for run in runs.values()))
        for name in names
    }
    return pd.DataFrame({"": facts})


def hash_table(
    profile: ProfileName,
    classifiers: Sequence[str | None] = (None,),
    *,
    n_images: int,
    seed: int,
) -> pd.DataFrame:
    """List SHA-256 hashes of weights, and of a profile's images as the classifiers get them.

    Parameters
    ----------
    profile, n_images, seed
        As for `rcx.classifiers.load_profile`.
    classifiers : sequence of str or None
        Names of classifiers; None is the profile's own.

    Returns
    -------
    DataFrame
        A row for the weights of each classifier, and one for its images.
    """
    hashes = {}
    for classifier in classifiers:
        data = load_profile(profile, n_images=n_images, seed=seed, classifier=classifier)
        hashes[data.classifier.name] = data.classifier.weights_hash
        pixels = (data.images * 255).round().byte().contiguous().numpy()
        size = " × ".join(map(str, pixels.shape[-2:]))
        images = f"{profile}, {len(pixels)} images of {size}"
        hashes[images] = hashlib.sha256(pixels.tobytes()).hexdigest()
    return pd.DataFrame({"SHA-256": hashes})
