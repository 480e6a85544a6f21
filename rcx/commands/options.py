"""Options that several commands have in common."""

from __future__ import annotations

from typing import Annotated

import typer

RUNNING = "Running"
"""The panel of options that change no result."""

PHOTOS = "Photos"
"""The panel of what images become."""

Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 ...", rich_help_panel=RUNNING)
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Images worked on together; else 1, or 32 on a GPU.",
        rich_help_panel=RUNNING,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say only what failed.", rich_help_panel=RUNNING)
]
Normalize = Annotated[
    bool,
    typer.Option(
        "--normalize/--no-normalize",
        help="Normalise colours as the model expects, or feed it [0, 1].",
        rich_help_panel=PHOTOS,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Height and width that photos are resized to; else 256, or the model's own where "
        "that is small or fixed.",
        rich_help_panel=PHOTOS,
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, metavar="N", help="Same seed, same machine: same results.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="torchvision/NAME, timm/NAME, sample/cnn or sample/vit.",
    ),
]
