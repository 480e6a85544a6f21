"""The study's own code, unmodified, beside this package's: on the same noise, on this machine."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.timings import timed
from rcx.explain.cartoonx import CartoonX
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.explain.pixel_rde import PixelRDE
from rcx.representations.representation import Representation
from rcx.solver.settings import SolverSettings

# by method, the file and the class in it
_CODE: dict[type[CartoonX] | type[PixelRDE], tuple[str, str]] = {
    CartoonX: ("cartoonX.py", "CartoonX"),
    PixelRDE: ("pixelRDE.py", "PixelRDE"),
}


class PublishedCodeError(ValueError):
    """The study's code is not there, or cannot be run."""


def published_code_table(
    folder: Path, classifier: Classifier, images: Tensor, *, steps: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Run the study's code and this package's ``published`` preset for a few steps on equal noise.

    Parameters
    ----------
    folder : Path
        Where ``cartoonX.py`` and ``pixelRDE.py`` are: the folder ``cartoonx`` of the study's
        repository [1]_. They are run as they are.
    classifier : Classifier
        What is explained, on the CPU.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1]. The study's code takes them one by one.
    steps : int
        How many steps of both, at least 2.
    seed : int
        Of the noise.

    Returns
    -------
    DataFrame
        A row for each method. Medians over the images of the seconds of a step by the study's code
        and by the preset, of those of a default explanation, and of the ``ratio`` of the study's
        seconds for all of its steps to these; then the largest relative difference of losses,
        over the steps, and of pictures.

    Raises
    ------
    PublishedCodeError
        If the files are not there or cannot be imported.

    References
    ----------
    .. [1] https://github.com/elidub/MLRC-CartoonX
    """
    if steps < 2:
        raise ValueError(f"steps must be at least 2, got {steps}")
    few = SolverSettings.preset("published").model_copy(update={"steps": steps})
    rows = {}
    for method, (file, name) in _CODE.items():
        module = _imported(folder / file)
        explainer = method(
            classifier, distortion="probability", solver=few, seed=seed, device="cpu"
        )
        usual = method(classifier, distortion="probability", seed=seed, device="cpu")
        each = pd.DataFrame(
            [_compared(module, name, explainer, usual, image) for image in images.split(1)]
        )
        worst = [column for column in each if column.endswith("apart")]
        rows[method.method] = pd.concat([each.drop(columns=worst).median(), each[worst].max()])
    return pd.DataFrame(rows).T


def _compared(
    module: Any, name: str, explainer: Explainer, usual: Explainer, image: Tensor
) -> dict[str, float]:
    """Both on one image."""
    losses, picture, theirs = _published_run(module, name, explainer, image)
    ours, here = _timed_steps(explainer, image)
    _, default = timed(usual, image)
    return {
        "study's code, a step": theirs,
        "preset, a step": here,
        "default, in all": default,
        "ratio": theirs * SolverSettings.preset("published").steps / default,
        "losses apart": ((ours.history["loss"][0] - losses).abs() / losses).max().item(),
        "pictures apart": (ours.picture[0, 0] - picture).abs().max().item(),
    }


def _imported(path: Path) -> Any:
    """A module of the study's code."""
    if not path.is_file():
        raise PublishedCodeError(
            f"{path} is not there: clone https://github.com/elidub/MLRC-CartoonX and name the "
            "folder cartoonx in it"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise PublishedCodeError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    try:
        with warnings.catch_warnings():  # pytorch_wavelets imports pkg_resources, which warns
            warnings.simplefilter("ignore")
            spec.loader.exec_module(module)
    except ImportError as error:
        raise PublishedCodeError(f"{path} cannot be imported: {error}") from error
    return module


class _TorchOfOurNoise:
    """Torch, but for ``randn``: it gives a step of the study's code the noise of one of ours."""

    def __init__(self, representation: Representation, seed: int) -> None:
        self._representation = representation
        self._generator = torch.Generator().manual_seed(seed)
        self._fields = torch.empty(0)

    def __getattr__(self, name: str) -> object:
        return getattr(torch, name)

    def randn(self, shape: Sequence[int], **_: object) -> Tensor:
        samples, colours, *wanted = shape
        bands = self._representation.bands
        band = next(band for band in bands if list(band.shape) == wanted)
        if band == bands[0]:  # the first that a step asks for
            length = self._representation.length
            self._fields = torch.randn(samples, colours, length, generator=self._generator)
        return self._fields[..., band.positions].unflatten(-1, band.shape)


def _published_run(
    module: Any, name: str, explainer: Explainer, image: Tensor
) -> tuple[Tensor, Tensor, float]:
    """Losses by step, picture ``(H, W)`` and seconds a step of the study's code."""
    solver, representation = explainer.solver, explainer.representation(image.shape[-2:])
    module.torch = _TorchOfOurNoise(representation, explainer.seed)
    model = copy.deepcopy(explainer.classifier).eval()
    path: list[str] = []
    arguments: dict[str, Any] = {
        "batch_size": solver.samples,
        "num_steps": solver.steps,
        "step_size": solver.learning_rate,
        "l1lambda": explainer.lambda_k,
    }
    if isinstance(explainer, CartoonX):
        path = [""]  # of the image; read for other starts only
        arguments |= {
            "wave": explainer.wavelet,
            "mode": explainer.padding,
            "J": explainer.levels,
        }
    run = getattr(module, name)(model, "cpu", **arguments)
    target = int(model(image).argmax(1))
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):  # it counts its steps
        found = run(image.clone(), target, *path)
    seconds = (time.perf_counter() - begin) / solver.steps
    logs = next(part for part in found if isinstance(part, dict))
    return torch.tensor(logs["loss"]), found[0].detach().squeeze(0), seconds


def _timed_steps(explainer: Explainer, image: Tensor) -> tuple[Explanation, float]:
    """Explain, and tell the seconds a step, without what comes before the first and after."""
    stamps: list[float] = []
    explanation = explainer.explain(image, progress=lambda *_: stamps.append(time.perf_counter()))
    return explanation, (stamps[-1] - stamps[0]) / (len(stamps) - 1)
