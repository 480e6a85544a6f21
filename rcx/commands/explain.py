"""``rcx explain``: image files are read, and pictures and explanations of them are written."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rcx.commands.options import (
    PHOTOS,
    AnswerName,
    BatchSize,
    Device,
    Model,
    Normalize,
    Quiet,
    Seed,
    Size,
    given_images,
)
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
    from rcx.images.decoding import Fit
    from rcx.solver.distortion import DistortionMeasure
    from rcx.solver.settings import Preset, SolverSettings
    from rcx.starts.initial import AnyStart

_METHOD = "Method"


def explain(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTO", help="Image files, and folders of them.", show_default=False
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(hidden=True, help="More photos, named as for rcx study."),
    ] = None,
    model: Model = "packaged/efficientnet_lite0",
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Folder for the results; it is made if needed."
        ),
    ] = Path("explanations"),
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Explain the photographs that scikit-image and scikit-learn bring, cropped.",
        ),
    ] = False,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Name or index of the class to explain; by default the predicted one.",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="How to explain: cartoonx (the default), pixel-rde, waveletx or shearletx. Name "
            "several methods with an option each.",
        ),
    ] = None,
    lambda_k: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="X",
            help="Price of non-sparsity: the larger, the sparser; by default the method's own.",
        ),
    ] = None,
    target_distortion: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Find each photo's own lambda, at which its distortion is this large.",
        ),
    ] = None,
    distortion: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What counts as distortion: relative (to the class's probability), probability "
            "(as published), l2, kl or maximise-target; by default the method's own.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
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
    answer: AnswerName = "softmax",
    scale: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="X",
            help="The change of a score that has a relative distortion of 1; by default the "
            "score's own size.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Solver settings: fast, short for predicted starts, published with 2000 steps of "
            "64 samples, or a name with a number such as fast-1; by default each method's own.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Most steps; by default the preset's. With 0, the start is the explanation.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Where the solver starts: ones, random, uniform, foreground, foreground-uniform, "
            "gradient, predicted (by a network that comes with rcx), or a network from "
            "rcx train-start.",
            rich_help_panel=_METHOD,
        ),
    ] = "ones",
    samples: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Noise samples in each step; by default the preset's.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    wavelet: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="A discrete wavelet of PyWavelets.", rich_help_panel=_METHOD
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

    For each photo, FOLDER/PHOTO.png shows the photo beside its explanation, with class and
    probability before and after. FOLDER/PHOTO.safetensors keeps the explanation, to be read by
    rcx.Explanation.load. Those of a second method are in FOLDER/PHOTO.METHOD.safetensors.

    Exit code: 0 if all went well, 1 if something failed and is named at the end, 2 if a parameter
    makes no sense, 130 if interrupted.
    """
    with explained_errors():
        from rcx.classifiers.devices import usable_device
        from rcx.classifiers.loading import load_classifier
        from rcx.classifiers.sizes import image_size
        from rcx.classifiers.targets import class_index
        from rcx.commands.photos import explain_photos
        from rcx.explain.methods import method_named
        from rcx.images.checks import checked_size
        from rcx.images.packaged import PACKAGED_PHOTOS
        from rcx.images.reading import find_images
        from rcx.solver.distortion import check_measure
        from rcx.starts.network import StartNetwork
        from rcx.system.files import writable_folder

        # whatever can be wrong is checked before the classifier is loaded, which takes long
        paths = given_images(images, photos)
        if demo:
            paths, fit = [*paths, *(photo.path for photo in PACKAGED_PHOTOS)], "crop"
        if not paths:
            raise ValueError(
                "no photos were given; name files or folders, as in rcx explain photos/, or try "
                "rcx explain --demo"
            )
        checked_size(size or 256, fit)
        methods = list(dict.fromkeys(method_named(name) for name in method or ["cartoonx"]))
        if distortion is not None:
            check_measure(distortion)
        first_mask = _start(start)
        chosen_device = usable_device(device)
        writable_folder(out)
        files, failures = find_images(paths, unique=True)
        if not files:
            say_failures(failures)
            raise typer.Exit(FAILED)
        if not quiet:
            say(f"Loading {model} ...", style="dim")
        classifier = load_classifier(model, normalize=normalize, answer=answer, scale=scale)
        side = image_size(classifier, size)
        target_index = None if target is None else class_index(classifier, target)
        wavelets = {"wavelet": wavelet, "levels": levels}
        explainers: list[Explainer] = []
        for explainer_class in methods:
            on_wavelets = "wavelet" in signature(explainer_class).parameters
            own_options: dict[str, Any] = wavelets if on_wavelets else {}
            explainers += [
                explainer_class(
                    classifier,
                    lambda_k,
                    distortion=cast("DistortionMeasure | None", distortion),
                    target_distortion=target_distortion,
                    start=first_mask,
                    solver=_solver(explainer_class.default_solver, preset, steps, samples),
                    seed=seed,
                    device=chosen_device,
                    batch_size=batch_size,
                    **own_options,
                )
            ]
        for explainer in explainers:
            # raises ValueError if there are too many levels, or the network is of another size
            representation = explainer.representation((side, side))
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
                fit=cast("Fit", fit),
                target=target_index,
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
    """Return a start by its name, or load the network of a file."""
    from rcx.starts.initial import Start, check_start
    from rcx.starts.network import StartNetwork

    if Path(start).suffix or Path(start).is_file():
        return StartNetwork.load(Path(start))
    check_start(start)
    return cast("Start", start)


def _solver(
    default: SolverSettings, preset: str | None, steps: int | None, samples: int | None
) -> SolverSettings:
    """Return a preset's settings, or the method's default ones, changed by what was given."""
    from rcx.solver.settings import SolverSettings

    options = {"steps": steps, "samples": samples}
    changes = {name: value for name, value in options.items() if value is not None}
    settings = default if preset is None else SolverSettings.preset(cast("Preset", preset))
    return settings.model_copy(update=changes)
