"""``rcx explain``: files in, files out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rcx.commands.options import PHOTOS, BatchSize, Device, Model, Normalize, Quiet, Seed, Size
from rcx.commands.terminal import (
    FAILED,
    INTERRUPTED,
    Reporter,
    explained_errors,
    say,
    say_error,
    say_failures,
)

if TYPE_CHECKING:
    from rcx.explain.explainer import Explainer
    from rcx.images.reading import Fit
    from rcx.solver.settings import Preset, SolverSettings
    from rcx.starts.initial import AnyStart

_METHOD = "Method"


def explain(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO...", help="Image files, and folders of them."),
    ],
    model: Model = "torchvision/mobilenet_v3_small",
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Where the results go; made if need be."
        ),
    ] = Path("explanations"),
    target: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS", help="Name or index of the class to explain; else the predicted one."
        ),
    ] = None,
    lambda_k: Annotated[
        float,
        typer.Option(min=0, metavar="X", help="Price of non-sparsity: the larger, the sparser."),
    ] = 20.0,
    target_distortion: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Find each photo's own lambda, at which its distortion is this large.",
        ),
    ] = None,
    distortion: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="How far the answer moved: relative (to the class's probability), probability (as "
            "published), l2, kl or maximise-target.",
            rich_help_panel=_METHOD,
        ),
    ] = "relative",
    pixel_rde: Annotated[
        bool,
        typer.Option(
            "--pixel-rde/--no-pixel-rde", help="Also explain by pixels.", rich_help_panel=_METHOD
        ),
    ] = False,
    pixel_lambda_k: Annotated[
        float,
        typer.Option(
            min=0, metavar="X", help="Pixel RDE's price of non-sparsity.", rich_help_panel=_METHOD
        ),
    ] = 4.0,
    size: Size = None,
    fit: Annotated[
        str,
        typer.Option(
            metavar="stretch|crop",
            help="How a photo becomes a square.",
            rich_help_panel=PHOTOS,
        ),
    ] = "stretch",
    normalize: Normalize = True,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="fast|short|published",
            help="The published solver takes 2000 steps of 64 samples; short is for predicted "
            "starts. Else each method's own.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Most steps; else the preset's. With 0, the start is the explanation.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Where the solver starts: ones, random, uniform, foreground, foreground-uniform, "
            "predicted (the sample's classifiers), or a network from rcx train-start.",
            rich_help_panel=_METHOD,
        ),
    ] = "ones",
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Noise samples a step; else the preset's.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    wavelet: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Any discrete one of PyWavelets.", rich_help_panel=_METHOD
        ),
    ] = "db3",
    levels: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Depth of the wavelet transform.", rich_help_panel=_METHOD
        ),
    ] = 5,
    seed: Seed = 0,
    device: Device = "auto",
    batch_size: BatchSize = None,
    quiet: Quiet = False,
) -> None:
    """Explain what a classifier sees in photos.

    For each photo, FOLDER/PHOTO.png shows it beside its CartoonX, with class and probability before
    and after, and FOLDER/PHOTO.safetensors keeps the explanation for rcx.Explanation.load.
    With --pixel-rde, FOLDER/PHOTO.pixel-rde.safetensors does the same for Pixel RDE.

    Exit code: 0 all went well, 1 something failed and is named at the end, 2 a parameter makes no
    sense, 130 interrupted.
    """
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.classifiers.loading import load_classifier
        from rcx.classifiers.sizes import image_size
        from rcx.classifiers.targets import class_index
        from rcx.commands.photos import explain_photos
        from rcx.explain.cartoonx import CartoonX
        from rcx.explain.pixel_rde import PixelRDE
        from rcx.images.reading import find_photos, read_images
        from rcx.solver.distortion import check_measure
        from rcx.starts.network import StartNetwork
        from rcx.system.files import writable_folder

        fitted = cast("Fit", fit)
        read_images([], size or 256, fit=fitted)  # complains of a bad size or fit
        check_measure(distortion)
        options: dict[str, Any] = {
            "distortion": distortion,
            "target_distortion": target_distortion,
            "start": _start(start),
            "seed": seed,
            "device": usable_device(device),
            "batch_size": batch_size,
        }
        writable_folder(out)
        files, failures = find_photos(photos)
        if not files:
            say_failures(failures)
            raise typer.Exit(FAILED)
        if not quiet:
            say(f"Loading {model} ...", style="dim")
        classifier = load_classifier(model, normalize=normalize)
        side = image_size(classifier, size)
        chosen = None if target is None else class_index(classifier, target)
        explainers: list[Explainer] = [
            CartoonX(
                classifier,
                lambda_k,
                wavelet=wavelet,
                levels=levels,
                solver=_solver(CartoonX.default_solver, preset, steps, samples),
                **options,
            )
        ]
        if pixel_rde:
            solver = _solver(PixelRDE.default_solver, preset, steps, samples)
            explainers.append(PixelRDE(classifier, pixel_lambda_k, solver=solver, **options))
        for explainer in explainers:
            representation = explainer.representation((side, side))  # complains of too many levels
            if isinstance(explainer.start, StartNetwork):
                explainer.start.check(representation)

    reporter = Reporter(len(files), failures, classifier.label, quiet=quiet)
    try:
        with reporter.running():
            for outcome in explain_photos(
                files,
                explainers,
                out,
                size=side,
                fit=fitted,
                target=chosen,
                batch_size=batch_size,
                advance=reporter.advance,
            ):
                reporter.done(outcome)
    except KeyboardInterrupt:
        reporter.summary(out)
        say_error(f"interrupted; {reporter.missing} of {len(files)} photos were not explained")
        raise typer.Exit(INTERRUPTED) from None
    reporter.summary(out)
    raise typer.Exit(FAILED if reporter.failures else 0)


def _start(start: str) -> AnyStart:
    """Start of a name, or the network in a file."""
    from rcx.starts.initial import Start, check_start
    from rcx.starts.network import StartNetwork

    if Path(start).suffix or Path(start).is_file():
        return StartNetwork.load(Path(start))
    check_start(start)
    return cast("Start", start)


def _solver(
    default: SolverSettings, preset: str | None, steps: int | None, samples: int | None
) -> SolverSettings:
    """Solver settings of a preset's name, or a method's own, with what was given instead."""
    from rcx.solver.settings import SolverSettings

    given = {"steps": steps, "samples": samples}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = default if preset is None else SolverSettings.preset(cast("Preset", preset))
    return settings.model_copy(update=changes)
