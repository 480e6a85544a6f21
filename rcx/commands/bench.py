"""``rcx bench``: time this package against the published code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from rcx.commands.options import Normalize, Seed
from rcx.commands.terminal import explained_errors, say, show_table

if TYPE_CHECKING:
    from rcx.classifiers.profiles import ProfileName


def bench(
    profile: Annotated[
        str, typer.Option(metavar="photos|sample|imagenet", help="Images and classifier to use.")
    ] = "sample",
    n_images: Annotated[int, typer.Option(min=1, metavar="N", help="Number of images.")] = 2,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Another classifier than the profile's."
        ),
    ] = None,
    normalize: Normalize = True,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Run the published solver to its end and show its loss; on a CPU this takes hours "
            "for real classifiers. By default a few of its steps are timed.",
        ),
    ] = False,
    published_code: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Instead, run the study's own code and the published preset for a few steps on "
            "the same noise. FOLDER is cartoonx/ in a clone of github.com/elidub/MLRC-CartoonX, "
            "whose code is executed.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Instead, time this device in several precisions, such as cuda, and compare it "
            "with the CPU.",
        ),
    ] = None,
    seed: Seed = 0,
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling",
            help="Instead, measure how the time grows with images, noise samples and size, and "
            "how long a store of many results takes.",
        ),
    ] = False,
    entries: Annotated[
        int, typer.Option(min=1, metavar="N", help="Number of results in that store.")
    ] = 100_000,
) -> None:
    """Time solver, wavelet transform and curves on this machine, against the published ones."""
    if scaling:
        _scaling(model or "sample/cnn", entries, seed)
        return
    with explained_errors():
        import torch

        from rcx.classifiers.profiles import load_profile
        from rcx.evaluate.timings import curve_timings, solver_timings, transform_timings
        from rcx.system.machine import machine_in_words

        data = load_profile(
            cast("ProfileName", profile),
            n_images=n_images,
            seed=seed,
            classifier=model,
            normalize=normalize,
        )
        size = data.images.shape[-1]
        say(
            f"{data.classifier.name}, {n_images} images of {size} x {size}, "
            f"{torch.get_num_threads()} threads, torch {torch.__version__}",
            stderr=False,
        )
        if device is not None:
            from rcx.evaluate.device_timings import device_timings

            table = device_timings(data.classifier, data.images, device, seed=seed)
            show_table(f"One explanation on {device} ({machine_in_words()})", table)
            return
        if published_code is not None:
            from rcx.evaluate.published_code import published_code_table

            table = published_code_table(published_code, data.classifier, data.images, seed=seed)
            show_table("The study's code, and this package's", table)
            return
        show_table("Inverse wavelet transform", transform_timings(size, seed=seed))
        if not torch.cuda.is_available():
            curves = curve_timings(data.classifier, data.images[:1], seed=seed)
            show_table("One rate-distortion curve", curves)
        table = solver_timings(data.classifier, data.images, whole=whole, seed=seed)
        show_table("One explanation", table)
        if not whole:
            say("The published solver's seconds are extrapolated from a few steps.", stderr=False)


def _scaling(model: str, entries: int, seed: int) -> None:
    """Measure and print how the work grows, see `rcx.study.scaling`."""
    with explained_errors():
        from rcx.classifiers.loading import load_classifier
        from rcx.study.scaling import (
            cost_table,
            days_for_imagenet,
            exponents,
            seconds_of_one,
            store_table,
        )

        classifier = load_classifier(model)
        costs = cost_table(classifier, seed=seed)
        show_table("Processor seconds of a step", costs.set_index("quantity"))
        show_table("They grow with the power", exponents(costs).to_frame())
        seconds = seconds_of_one(classifier, seed=seed)
        days = days_for_imagenet(seconds)
        say(
            f"One image takes {seconds:.1f} s in one thread. ImageNet's 50,000 validation images "
            f"take {days:.2f} days on 8 processes as fast as this one; on 8 GPUs, divide by how "
            "many times faster each is.",
            stderr=False,
        )
        show_table(f"A store of {entries} small results", store_table(entries).set_index("what"))
