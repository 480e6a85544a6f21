"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RUNNING = "Running"
"""Title of the panel of options that do not change the results."""

PHOTOS = "Photos"
"""Title of the panel of options that say how photos are read."""

Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1 ...", rich_help_panel=RUNNING)
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Number of images that are worked on together; by default 1, or 32 on a GPU.",
        rich_help_panel=RUNNING,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only what failed.", rich_help_panel=RUNNING)
]
Normalize = Annotated[
    bool,
    typer.Option(
        "--normalize/--no-normalize",
        help="Normalise colours as the model expects, or feed it colours in [0, 1].",
        rich_help_panel=PHOTOS,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Height and width that photos are resized to; by default the size that the model "
        "was made for.",
        rich_help_panel=PHOTOS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Seed of random numbers; the same seed gives the same results on the same machine.",
    ),
]
AnswerName = Annotated[
    str,
    typer.Option(
        "--answer",
        metavar="NAME",
        help="What the model's output means: softmax (classes), sigmoid (labels), score, or a "
        "function as module:function or file.py:function.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="torchvision/NAME, timm/NAME, packaged/efficientnet_lite0 (which needs no download), "
        "sample/cnn or sample/vit.",
    ),
]
MoreImages = Annotated[
    list[Path] | None,
    # where the shell has made several words of --images photos/*.jpg, all but one arrive here
    typer.Argument(metavar="IMAGE", help="Images, as by --images.", show_default=False),
]


def given_images(images: list[Path] | None, more_images: list[Path] | None) -> list[Path]:
    """List the paths that were given by ``--images``, and then those without an option."""
    return [*(images or ()), *(more_images or ())]
