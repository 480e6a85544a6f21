"""``rcx bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from rcx.terminal import console, explained_errors, say

if TYPE_CHECKING:
    import pandas as pd

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
    """Time the default solver against the published one, and the transform, on this machine."""
    with explained_errors():
        import torch

        from rcx.bench import solver_table, transform_table
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
        _show("Inverse wavelet transform", transform_table(size, seed=seed))
        table = solver_table(chosen.classifier, chosen.images, whole=whole, seed=seed)
        _show("One explanation", table)
        if not whole:
            say("Seconds of the published solver follow from a few steps.", stderr=False)


def _show(title: str, table: pd.DataFrame) -> None:
    from rich.table import Table

    shown = Table(title=title, title_justify="left")
    for name in (*table.index.names, *table.columns):
        shown.add_column(name or "")
    for key, values in zip(table.index, table.to_numpy(), strict=True):
        labels = key if isinstance(key, tuple) else (key,)
        shown.add_row(*labels, *("" if value != value else f"{value:.4g}" for value in values))
    console().print(shown)
