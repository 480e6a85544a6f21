"""The study's own code, unmodified, run beside this package on the same noise."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

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

# the file of each method, and its class in that file
_CODE: dict[type[CartoonX] | type[PixelRDE], tuple[str, str]] = {
    CartoonX: ("cartoonX.py", "CartoonX"),
    PixelRDE: ("pixelRDE.py", "PixelRDE"),
}


class PublishedCodeError(ValueError):
    """The study's code is missing or cannot be imported."""


def published_code_table(
    folder: Path, classifier: Classifier, images: Tensor, *, steps: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Run the study's code and this package's ``published`` preset for a few steps on equal noise.

    Parameters
    ----------
    folder : Path
        The folder ``cartoonx`` of the study's repository [1]_, with ``cartoonX.py`` and
        ``pixelRDE.py``. They are run without changes, and need the extra ``rcx[bench]``.
    classifier : Classifier
        The classifier that is explained, on the CPU.
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1]. The study's code takes them one by one.
    steps : int
        Number of steps of both, at least 2.
    seed : int
        Seed of the noise.

    Returns
    -------
    DataFrame
        A row for each method. ``study's code, a step`` and ``preset, a step`` are seconds of a
        step, ``default, in all`` are seconds of an explanation by the default solver, and ``ratio``
        divides the study's seconds for all of its steps by the latter; all four are medians over
        the images. ``losses apart`` is the largest relative difference of losses over the steps,
        and ``pictures apart`` the largest difference of pictures.

    Raises
    ------
    PublishedCodeError
        If the files are missing or cannot be imported.
    ValueError
        If there are fewer than 2 steps.

    References
    ----------
    .. [1] https://github.com/elidub/MLRC-CartoonX
    """
    if steps < 2:
        raise ValueError(f"steps must be at least 2, got {steps}")
    few_steps = SolverSettings.preset("published").model_copy(update={"steps": steps})
    rows = {}
    for method, (file, class_name) in _CODE.items():
        module = _imported(folder / file)
        preset = method(
            classifier, distortion="probability", solver=few_steps, seed=seed, device="cpu"
        )
        default = method(classifier, distortion="probability", seed=seed, device="cpu")
        by_image = pd.DataFrame(
            [
                _comparison(module, class_name, preset, default, image)
                for image in torch.split(images, 1)
            ]
        )
        differences = [column for column in by_image if column.endswith("apart")]
        rows[method.method] = pd.concat(
            [by_image.drop(columns=differences).median(), by_image[differences].max()]
        )
    return pd.DataFrame(rows).T


def _comparison(
    module: ModuleType, class_name: str, preset: Explainer, default: Explainer, image: Tensor
) -> dict[str, float]:
    """Explain one image by the study's code and by both solvers of this package."""
    losses, picture, study_seconds = _published_run(module, class_name, preset, image)
    explanation, preset_seconds = _timed_steps(preset, image)
    _, default_seconds = timed(default, image)
    return {
        "study's code, a step": study_seconds,
        "preset, a step": preset_seconds,
        "default, in all": default_seconds,
        "ratio": study_seconds * SolverSettings.preset("published").steps / default_seconds,
        "losses apart": ((explanation.history["loss"][0] - losses).abs() / losses).max().item(),
        "pictures apart": (explanation.picture[0, 0] - picture).abs().max().item(),
    }


def _imported(path: Path) -> ModuleType:
    """Import a file of the study's code."""
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
        with warnings.catch_warnings():  # pytorch-wavelets imports pkg_resources, which warns
            warnings.simplefilter("ignore")
            spec.loader.exec_module(module)
    except ImportError as error:
        raise PublishedCodeError(
            f"{path} cannot be imported: {error}; pip install 'rcx[bench]' brings what the study's "
            "code needs"
        ) from error
    return module


class _TorchOfOurNoise:
    """Torch with another ``randn``, which gives the study's code the noise of this package."""

    def __init__(self, representation: Representation, seed: int) -> None:
        self._representation = representation
        self._generator = torch.Generator().manual_seed(seed)
        self._fields = torch.empty(0)

    def __getattr__(self, name: str) -> object:
        return getattr(torch, name)

    def randn(self, shape: Sequence[int], **_: object) -> Tensor:
        samples, colours, *band_shape = shape
        bands = self._representation.bands
        band = next(band for band in bands if list(band.shape) == band_shape)
        if band == bands[0]:  # a step asks for this band first
            length = self._representation.length
            self._fields = torch.randn(samples, colours, length, generator=self._generator)
        return self._fields[..., band.positions].reshape(samples, colours, *band.shape)


def _published_run(
    module: ModuleType, class_name: str, explainer: Explainer, image: Tensor
) -> tuple[Tensor, Tensor, float]:
    """Run the study's code: losses by step, picture ``(H, W)``, and seconds of a step."""
    solver, representation = explainer.solver, explainer.representation(image.shape[-2:])
    vars(module)["torch"] = _TorchOfOurNoise(representation, explainer.seed)
    model = copy.deepcopy(explainer.classifier).eval()
    image_path: list[str] = []
    arguments: dict[str, object] = {
        "batch_size": solver.samples,
        "num_steps": solver.steps,
        "step_size": solver.learning_rate,
        "l1lambda": explainer.lambda_k,
    }
    if isinstance(explainer, CartoonX):
        image_path = [""]  # the study's code reads it for other starts only
        arguments |= {
            "wave": explainer.wavelet,
            "mode": explainer.padding,
            "J": explainer.levels,
        }
    explain = getattr(module, class_name)(model, "cpu", **arguments)
    target = int(model(image).argmax(1))
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):  # the study's code prints its steps
        results = explain(image.clone(), target, *image_path)
    seconds = (time.perf_counter() - begin) / solver.steps
    logs = next(result for result in results if isinstance(result, dict))
    return torch.tensor(logs["loss"]), results[0].detach().squeeze(0), seconds


def _timed_steps(explainer: Explainer, image: Tensor) -> tuple[Explanation, float]:
    """Explain an image, and measure the seconds of a step after the first."""
    stamps: list[float] = []
    explanation = explainer.explain(image, progress=lambda *_: stamps.append(time.perf_counter()))
    return explanation, (stamps[-1] - stamps[0]) / (len(stamps) - 1)
