"""``rcx bench``."""

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
        str, typer.Option(metavar="sample|imagenet", help="Which images and classifier.")
    ] = "sample",
    n_images: Annotated[int, typer.Option(min=1, metavar="N", help="How many images.")] = 2,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Another classifier.")
    ] = None,
    normalize: Normalize = True,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Run the published solver to its end, for its loss; on a CPU this takes hours for "
            "real classifiers. Otherwise a few of its steps are timed.",
        ),
    ] = False,
    published_code: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Instead: the study's own code, for a few steps on the same noise as the "
            "published preset. FOLDER is cartoonx/ in a clone of github.com/elidub/MLRC-CartoonX; "
            "what is in it is run.",
        ),
    ] = None,
    seed: Seed = 0,
    scaling: Annotated[
        bool,
        typer.Option(
            "--scaling",
            help="Instead: how the time grows with images, noise samples and size, and what a "
            "store of many entries takes.",
        ),
    ] = False,
    entries: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of the store, for --scaling.")
    ] = 100_000,
) -> None:
    """Time solver, transform and curves against the published ones on this machine."""
    if scaling:
        _scaling(model or "sample/cnn", entries, seed)
        return
    with explained_errors():
        import torch

        from rcx.classifiers.profiles import load_profile
        from rcx.evaluate.timings import curve_timings, solver_timings, transform_timings

        chosen = load_profile(
            cast("ProfileName", profile),
            n_images=n_images,
            seed=seed,
            classifier=model,
            normalize=normalize,
        )
        size = chosen.images.shape[-1]
        say(
            f"{chosen.classifier.name}, {n_images} images of {size} x {size}, "
            f"{torch.get_num_threads()} threads, torch {torch.__version__}",
            stderr=False,
        )
        if published_code is not None:
            from rcx.evaluate.published_code import published_code_table

            beside = published_code_table(
                published_code, chosen.classifier, chosen.images, seed=seed
            )
            show_table("The study's code, and this package's", beside)
            return
        show_table("Inverse wavelet transform", transform_timings(size, seed=seed))
        if not torch.cuda.is_available():
            curves = curve_timings(chosen.classifier, chosen.images[:1], seed=seed)
            show_table("One rate-distortion curve", curves)
        table = solver_timings(chosen.classifier, chosen.images, whole=whole, seed=seed)
        show_table("One explanation", table)
        if not whole:
            say("Seconds of the published solver follow from a few steps.", stderr=False)


def _scaling(model: str, entries: int, seed: int) -> None:
    """Show what `rcx.study.scaling` measures."""
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
        took = seconds_of_one(classifier, seed=seed)
        days = days_for_imagenet(took)
        say(
            f"One image takes {took:.1f} s in one thread. ImageNet's 50,000 validation images: "
            f"{days:.2f} days on 8 processes as fast as this one, and as many times less as each "
            "of 8 GPUs is faster.",
            stderr=False,
        )
        show_table(f"A store of {entries} small results", store_table(entries).set_index("what"))
