"""``rcx bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from rcx.terminal import explained_errors, say, show_table

if TYPE_CHECKING:
    from rcx.profiles import ProfileName


def bench(
    profile: Annotated[
        str, typer.Option(metavar="sample|imagenet", help="Which images and classifier.")
    ] = "sample",
    n_images: Annotated[int, typer.Option(min=1, metavar="N", help="How many images.")] = 2,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Another classifier.")
    ] = None,
    normalize: Annotated[
        bool, typer.Option("--normalize/--no-normalize", help="As for rcx explain.")
    ] = True,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Run the published solver to its end, for its loss; on a CPU this takes hours for "
            "real classifiers. Otherwise a few of its steps are timed.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N")] = 0,
) -> None:
    """Time solver, transform and curves against the published ones on this machine."""
    with explained_errors():
        import torch

        from rcx.bench import curve_table, solver_table, transform_table
        from rcx.profiles import load_profile

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
        show_table("Inverse wavelet transform", transform_table(size, seed=seed))
        if not torch.cuda.is_available():
            curves = curve_table(chosen.classifier, chosen.images[:1], seed=seed)
            show_table("One rate-distortion curve", curves)
        table = solver_table(chosen.classifier, chosen.images, whole=whole, seed=seed)
        show_table("One explanation", table)
        if not whole:
            say("Seconds of the published solver follow from a few steps.", stderr=False)
