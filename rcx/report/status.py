"""How the book was made: times, parameters, machine, and hashes of weights and images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pandas as pd

from rcx.classifiers.profiles import VISION_TRANSFORMERS, ProfileName, load_profile
from rcx.report.results import ChapterRun


def chapter_table(runs: Mapping[str, ChapterRun]) -> pd.DataFrame:
    """List when chapters were run, for how long and with what."""
    rows = {
        name: {
            "seconds": run.seconds,
            "finished": run.finished.partition("T")[0],
            "parameters": ", ".join(f"{key}={value!r}" for key, value in run.parameters.items()),
            "state": "failed" if run.failed else "ran to its end",
        }
        for name, run in runs.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def machine_table(runs: Mapping[str, ChapterRun]) -> pd.DataFrame:
    """List machine and versions; where the chapters differ, all that there were."""
    keys = dict.fromkeys(key for run in runs.values() for key in run.machine)
    found = {
        key: ", ".join(dict.fromkeys(run.machine.get(key, "unknown") for run in runs.values()))
        for key in keys
    }
    return pd.DataFrame({"": found})


def hash_table(profile: ProfileName, *, n_images: int, seed: int) -> pd.DataFrame:
    """List SHA-256 hashes of the profile's weights, and of its images as the classifier gets them.

    Parameters
    ----------
    profile : {"sample", "imagenet"}
    n_images, seed : int
        As for `rcx.classifiers.load_profile`.
    """
    rows = {}
    for classifier in (None, VISION_TRANSFORMERS[profile]):
        drawn = load_profile(profile, n_images=n_images, seed=seed, classifier=classifier)
        rows[drawn.classifier.name] = drawn.classifier.weights_hash
        pixels = (drawn.images * 255).round().byte().contiguous()
        size = " × ".join(map(str, pixels.shape[-2:]))
        rows[f"{len(pixels)} images of {size}"] = hashlib.sha256(
            pixels.numpy().tobytes()
        ).hexdigest()
    return pd.DataFrame({"SHA-256": rows})
