"""The trials of starting masks that the package ships, as a script.

``python -m rcx.study.start_trials [--profile imagenet]`` takes hours on one core. Each trial is
added to the tables as soon as it is done, and trials that are in the tables are not run again.
Delete the tables to measure anew, for example after a change of the solver.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import pandas as pd

from rcx.classifiers.profiles import load_profile
from rcx.evaluate.trials import KEY, Trials, run_trials
from rcx.explain.cartoonx import CartoonX
from rcx.reference.measured import TrialProfile
from rcx.solver.settings import SolverSettings
from rcx.starts.initial import AnyStart, Start, start_name
from rcx.system.machine import versions

OF_THE_REPORT = ("ones", "random", "uniform", "foreground", "foreground-uniform")
PLANS: dict[TrialProfile, dict[str, dict[str, int]]] = {
    "imagenet": {
        "default": dict.fromkeys((*OF_THE_REPORT, "gradient", "predicted"), 24),
        "published": dict.fromkeys((*OF_THE_REPORT, "predicted"), 24),
    },
    "sample": {
        "default": {"ones": 24},
        "short": {"ones": 24, "predicted": 24},
        "none": {"predicted": 24},
    },
}
"""For each profile and schedule, the number of images that are explained from each start."""

SCHEDULES: dict[str, SolverSettings] = {
    "default": SolverSettings(),
    "short": SolverSettings.preset("short"),
    "none": SolverSettings(steps=0),
    # with 64 samples a step, as published, a run takes a quarter of an hour on a core
    "published": SolverSettings.preset("published").model_copy(
        update={"samples": 2, "antithetic": True}
    ),
}
"""Settings of the solver, by the name of the schedule."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the trials that are missing, and write tables and provenance.

    Parameters
    ----------
    arguments : sequence of str, optional
        Options as ``--help`` describes them; by default those of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m rcx.study.start_trials")
    parser.add_argument("--profile", choices=PLANS, default="sample")
    parser.add_argument("--schedule", choices=SCHEDULES, nargs="*", default=list(SCHEDULES))
    parser.add_argument("--start", nargs="*", help="only these starts")
    parser.add_argument("--images", type=int, help="at most so many images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the noise")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).parents[1] / "reference" / "measured" / "start_trials",
        help="folder that gets a folder for each profile",
    )
    options = parser.parse_args(arguments)
    plan, folder = PLANS[options.profile], options.out / options.profile
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{table}.csv" for table in Trials._fields]
    most = max(count for starts in plan.values() for count in starts.values())
    data = load_profile(options.profile, n_images=most, seed=0)

    make = partial(CartoonX, data.classifier, distortion="probability", device="cpu")
    for schedule in options.schedule:
        counts: dict[str, int] = {
            name: min(planned, options.images or planned)
            for name, planned in plan.get(schedule, {}).items()
            if not options.start or name in options.start
        }
        known = pd.read_csv(paths[0])[KEY] if paths[0].exists() else pd.DataFrame(columns=KEY)
        done = set(known.itertuples(index=False, name=None))
        for image in range(max(counts.values(), default=0)):
            starts: dict[str, AnyStart] = {
                name: cast("Start", name) for name, count in counts.items() if image < count
            }
            solver = {schedule: SCHEDULES[schedule]}
            pixels = data.images[image : image + 1]
            trials = run_trials(make, pixels, starts, solver, options.seeds, done=done, first=image)
            for trial in trials:
                _add(trial, paths)
    provenance = {
        "profile": options.profile,
        "classifier": data.classifier.name,
        "weights_hash": data.classifier.weights_hash,
        "method": CartoonX.method,
        "lambda_k": 20.0,
        "schedules": {name: SCHEDULES[name].model_dump() for name in plan},
        "network": start_name(make(start="predicted").start),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores; processor seconds",
        "versions": versions(),
    }
    text = json.dumps(provenance, indent=2, sort_keys=True)
    (folder / "provenance.json").write_text(text + "\n")


def _add(trial: Trials, paths: Sequence[Path]) -> None:
    """Add a trial to the tables at once, so that it is not lost when the script is stopped."""
    for table, path in zip(trial, paths, strict=True):
        rounded = table.round({"loss": 5, "distortion": 5, "nonsparsity": 6, "seconds": 2})
        rounded.to_csv(path, mode="a", header=not path.exists(), index=False)
    print(trial.runs.to_string(header=False, index=False), flush=True)


if __name__ == "__main__":
    main()
