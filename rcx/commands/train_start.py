"""``rcx train-start``: train a network that predicts starting masks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcx.commands.options import (
    Device,
    Model,
    MoreImages,
    Normalize,
    Seed,
    Size,
    given_images,
)
from rcx.commands.terminal import INTERRUPTED, counted, explained_errors, say, say_error, show_table

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from rcx.explain.explainer import Explainer
    from rcx.solver.settings import SolverSettings
    from rcx.starts.initial import AnyStart
    from rcx.starts.network import StartNetwork
    from rcx.starts.training_data import SolvedMasks

_FEWEST_IMAGES = 4
_SCENE_SEED = 3_000_000  # far from the seeds of the chapters and of the classifiers' training


def train_start(
    more_images: MoreImages = None,
    model: Model = "sample/cnn",
    images: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Files and folders of photos to learn from; without them, scenes are drawn for a "
            "sample's classifier.",
        ),
    ] = None,
    explanations: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Instead of photos: files from rcx explain, and folders of them. The network "
            "learns to predict their masks.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File for the network.")
    ] = Path("start.safetensors"),
    method: Annotated[
        str, typer.Option(metavar="cartoonx|pixel-rde", help="Method that the start is for.")
    ] = "cartoonx",
    lambda_k: Annotated[
        tuple[float, float],
        typer.Option(metavar="LOW HIGH", help="Range of lambdas that the start is for."),
    ] = (5.0, 80.0),
    minutes: Annotated[
        float | None,
        typer.Option(min=0, metavar="X", help="Time to train, instead of --steps."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of steps; by default 4000."),
    ] = None,
    scenes: Annotated[
        int, typer.Option(min=_FEWEST_IMAGES, metavar="N", help="Number of scenes that are drawn.")
    ] = 1200,
    held_out: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Images that are held out to judge the network by, at most a third.",
        ),
    ] = 8,
    size: Size = None,
    normalize: Normalize = True,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train a network that predicts where the solver should start, for a classifier.

    The network learns from images alone or, which takes fewer steps, from explanations of a few
    hundred images. Every few minutes a checkpoint is written beside FILE, from which the same
    command goes on. At the end, images that were held out show how much the start helps. Use the
    network with rcx explain --start FILE --preset short.
    """
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.classifiers.loading import load_classifier
        from rcx.classifiers.sizes import image_size
        from rcx.explain.methods import method_named
        from rcx.starts.training import Trainer
        from rcx.starts.training_data import SolvedMasks
        from rcx.starts.training_settings import TrainingSettings

        settings = TrainingSettings(lambda_k=lambda_k, seed=seed)
        if steps is not None:
            settings = settings.model_copy(update={"steps": steps})
        if not out.parent.is_dir():
            raise ValueError(f"there is no folder {out.parent}")
        paths = given_images(images, more_images)
        if not (paths or explanations) and not model.startswith("sample/"):
            raise ValueError(f"--images must name photos, or a folder of photos, for {model}")
        classifier = load_classifier(model, normalize=normalize)
        explainer = method_named(method)(classifier, seed=seed, device=usable_device(device))
        if (explainer.noise, explainer.spatial_penalty) != ("gaussian", 0):
            raise ValueError(f"starts are predicted for CartoonX and Pixel RDE, not for {method}")
        solved = None
        if explanations:
            pixels, solved = _solved(explanations, explainer)
            ends = float(solved.lambda_k.min()), float(solved.lambda_k.max())
            settings = settings.model_copy(update={"lambda_k": ends})
        else:
            pixels = _images(paths, image_size(classifier, size), classifier.channels, scenes)
        held_out = min(held_out, len(pixels) // 3)
        say(f"{len(pixels) - held_out} images to learn from, {held_out} held out")
        trainer = Trainer(
            classifier,
            explainer.representation(pixels.shape[-2:]),
            pixels[held_out:],
            settings,
            method=explainer.method,
            measure=explainer.distortion,
            clamp=explainer.clamp,
            device=explainer.device,
            solved=solved and SolvedMasks(*(part[held_out:] for part in solved)),
            report=_say_progress,
        )
        checkpoint = out.with_name(f"{out.name}.checkpoint")
        if checkpoint.exists():
            trainer.resume(checkpoint)
            say(f"going on from step {trainer.step} of {trainer.settings.steps}")
        elif minutes is not None:
            trainer.fit_minutes(minutes)
    try:
        trainer.train_with_checkpoints(checkpoint)
    except KeyboardInterrupt:
        say_error(f"interrupted; the same command goes on from step {trainer.step}")
        raise typer.Exit(INTERRUPTED) from None
    trainer.network.save(out)
    checkpoint.unlink(missing_ok=True)
    say(f"wrote {out}", stderr=False)
    if held_out > 1:
        say(
            "Images that were held out (the goal is the loss of the default schedule):",
            stderr=False,
        )
        show_table("", _judged(explainer, trainer.network, pixels[:held_out]))


def _images(paths: list[Path], size: int, channels: int, scenes: int) -> Tensor:
    """Read or draw the images to learn from, in random order."""
    import torch

    from rcx.images.reading import read_images
    from rcx.images.scenes import draw_scenes

    if not paths:
        return draw_scenes(scenes, seed=_SCENE_SEED, size=size).images
    photos = read_images(paths, size, channels=channels)
    for failure in photos.failures:
        say(f"left out: {failure}")
    if len(photos.images) < _FEWEST_IMAGES:
        raise ValueError(
            f"{counted(len(photos.images), 'photo')} can be read, and a network needs at least "
            f"{_FEWEST_IMAGES}, better a thousand"
        )
    order = torch.randperm(len(photos.images), generator=torch.Generator().manual_seed(0))
    return photos.images[order]


def _solved(paths: list[Path], explainer: Explainer) -> tuple[Tensor, SolvedMasks]:
    """Read the images and the masks of explanations by an explainer, in random order."""
    import torch

    from rcx.explain.explanation import Explanation
    from rcx.starts.training_data import SolvedMasks

    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.safetensors")) if path.is_dir() else [path])
    ]
    images, masks, lambda_ks = [], [], []
    for file in files:
        explanation = Explanation.load(file)
        size = explanation.images.shape[-2:]
        expected = {
            "method": explainer.method,
            "representation": repr(explainer.representation(size)),
            "weights_hash": explainer.classifier.weights_hash,
            "normalize": explainer.classifier.normalize,
        }
        if explanation.settings["method"] != explainer.method:
            continue  # a folder may hold those of several methods
        for name, value in expected.items():
            if explanation.settings[name] != value:
                raise ValueError(f"{file} has another {name} than the start is for")
        fit = (explanation.target == explanation.predicted) & ~explanation.empty
        images.append(explanation.images[fit])
        masks.append(explanation.mask[fit].half())
        lambda_ks.append(explanation.lambda_k[fit])
    count = sum(map(len, images))
    if count < _FEWEST_IMAGES or len({part.shape[1:] for part in images}) > 1:
        raise ValueError(
            f"there are {counted(count, 'explanation')} of predicted classes, and a network needs "
            f"at least {_FEWEST_IMAGES} of one size, better a few hundred"
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    pixels = torch.cat(images)[order].float() / 255
    return pixels, SolvedMasks(torch.cat(masks)[order], torch.cat(lambda_ks)[order])


def _say_progress(what: str, done: int, total: int, loss: float) -> None:
    """Say how far the work has come, about fifty times in all."""
    if done % max(1, total // 50) == 0 or done == total:
        say(f"{what} {done}/{total}" + ("" if loss != loss else f", loss {loss:.4f}"))


def _judged(explainer: Explainer, network: StartNetwork, images: Tensor) -> pd.DataFrame:
    """Compare the network's start, alone and with the short schedule, with other starts."""
    from rcx.evaluate.trials import Trials, run_trials, starts_table
    from rcx.solver.settings import SolverSettings

    make = partial(type(explainer), explainer.classifier, device=explainer.device)
    default, short = SolverSettings(), SolverSettings.preset("short")

    def trials(schedule: str, solver: SolverSettings, start: AnyStart, name: str) -> Trials:
        return Trials.cat(list(run_trials(make, images, {name: start}, {schedule: solver})))

    return starts_table(
        Trials.cat(
            [
                trials("default", default, "ones", "ones"),
                trials("short", short, "ones", "ones"),
                trials("short", short, network, "predicted"),
                trials("none", SolverSettings(steps=0), network, "predicted"),
            ]
        )
    )
