"""``rcx train-start``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.options import Device, Model, Normalize, Seed, Size
from rcx.commands.terminal import INTERRUPTED, explained_errors, say, say_error, show_table

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from rcx.explain.explainer import Explainer
    from rcx.solver.settings import SolverSettings
    from rcx.starts.initial import AnyStart
    from rcx.starts.network import StartNetwork

_FEWEST = 4
_SCENE_SEED = 3_000_000  # far from the scenes of the chapters and of the classifiers' training


def train_start(
    model: Model = "sample/cnn",
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Photos to learn from; a sample's classifier can do without."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the network goes.")
    ] = Path("start.safetensors"),
    pixel_rde: Annotated[
        bool, typer.Option("--pixel-rde/--cartoonx", help="Which method the start is for.")
    ] = False,
    lambda_k: Annotated[
        tuple[float, float],
        typer.Option(metavar="LOW HIGH", help="Range of lambdas that it has to serve."),
    ] = (5.0, 80.0),
    minutes: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="How long to train, in place of --steps."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="How many steps.")] = 3600,
    scenes: Annotated[
        int, typer.Option(min=_FEWEST, metavar="N", help="How many scenes are drawn.")
    ] = 1200,
    held_out: Annotated[
        int, typer.Option(min=0, metavar="N", help="Images kept back to judge by, at most a third.")
    ] = 8,
    size: Size = None,
    normalize: Normalize = True,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train a network that predicts where the solver should start, for a classifier.

    It learns from images alone, without explanations. Every few minutes a checkpoint is written
    beside FILE; the same command goes on from it. At the end, images that were kept back tell how
    much the start helps. Use it with rcx explain --start FILE --preset short.
    """
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.classifiers.loading import load_classifier
        from rcx.classifiers.sizes import image_size
        from rcx.explain.cartoonx import CartoonX
        from rcx.explain.pixel_rde import PixelRDE
        from rcx.starts.training import Trainer, TrainingSettings

        settings = TrainingSettings(steps=steps, lambda_k=lambda_k, seed=seed)
        if not out.parent.is_dir():
            raise ValueError(f"there is no folder {out.parent}")
        if images is None and not model.startswith("sample/"):
            raise ValueError(f"--images must name a folder of photos for {model}")
        classifier = load_classifier(model, normalize=normalize)
        found = _images(images, image_size(classifier, size), scenes)
        kept_back = min(held_out, len(found) // 3)
        method = PixelRDE if pixel_rde else CartoonX
        explainer = method(classifier, seed=seed, device=usable_device(device))
        say(f"{len(found) - kept_back} images to learn from, {kept_back} kept back")
        trainer = Trainer(
            classifier,
            explainer.representation(found.shape[-2:]),
            found[kept_back:],
            settings,
            method=explainer.method,
            measure=explainer.distortion,
            clamp=explainer.clamp,
            device=explainer.device,
            report=_line,
        )
        checkpoint = out.with_name(f"{out.name}.checkpoint")
        if checkpoint.exists():
            trainer.resume(checkpoint)
            say(f"going on from step {trainer.step} of {trainer.settings.steps}")
        elif minutes is not None:
            trainer.fit_minutes(minutes)
    try:
        trainer.train_and_keep(checkpoint)
    except KeyboardInterrupt:
        say_error(f"interrupted; the same command goes on from step {trainer.step}")
        raise typer.Exit(INTERRUPTED) from None
    trainer.network.save(out)
    checkpoint.unlink(missing_ok=True)
    say(f"wrote {out}", stderr=False)
    if kept_back > 1:
        say("Images that were kept back; the goal is the default's loss:", stderr=False)
        show_table("", _judged(explainer, trainer.network, found[:kept_back]))


def _images(folder: Path | None, size: int, scenes: int) -> Tensor:
    """Images to learn from, in an order of chance."""
    import torch

    from rcx.images.reading import read_images
    from rcx.images.scenes import draw_scenes

    if folder is None:
        return draw_scenes(scenes, seed=_SCENE_SEED, size=size).images
    found = read_images(folder, size)
    for failure in found.failures:
        say(f"left out: {failure}")
    if len(found.images) < _FEWEST:
        raise ValueError(
            f"{len(found.images)} photos in {folder} can be read, and a network needs at least "
            f"{_FEWEST}, better a thousand"
        )
    order = torch.randperm(len(found.images), generator=torch.Generator().manual_seed(0))
    return found.images[order]


def _line(what: str, done: int, most: int, loss: float) -> None:
    """Say how far it is, about fifty times."""
    if done % max(1, most // 50) == 0 or done == most:
        say(f"{what} {done}/{most}" + ("" if loss != loss else f", loss {loss:.4f}"))


def _judged(explainer: Explainer, network: StartNetwork, images: Tensor) -> pd.DataFrame:
    """How far the network's start brings the solver, and alone."""
    from rcx.evaluate.trials import Trials, run_trials, starts_table
    from rcx.solver.settings import SolverSettings

    make = partial(type(explainer), explainer.classifier, device=explainer.device)
    default, short = SolverSettings(), SolverSettings.preset("short")

    def run(schedule: str, solver: SolverSettings, start: AnyStart, name: str) -> Trials:
        return Trials.cat(list(run_trials(make, images, {name: start}, {schedule: solver})))

    return starts_table(
        Trials.cat(
            [
                run("default", default, "ones", "ones"),
                run("short", short, "ones", "ones"),
                run("short", short, network, "predicted"),
                run("none", SolverSettings(steps=0), network, "predicted"),
            ]
        )
    )
