"""Options of explainers: their types, the signatures that show them, and their description."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import torch

from rcx.representations.shearlet_filters import ShearletSystem
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.noise import Clamp, NoiseKind
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import AnyStart, start_name
from rcx.system.machine import versions

if TYPE_CHECKING:
    from rcx.explain.explainer import Explainer


Function = TypeVar("Function", bound=Callable[..., Any])


class ExplainerOptions(TypedDict, total=False):
    """Options of all explainers, as `rcx.CartoonX` describes them."""

    distortion: DistortionMeasure
    target_distortion: float | None
    noise: NoiseKind
    spatial_penalty: float
    start: AnyStart
    solver: Preset | SolverSettings | None
    clamp: Clamp
    seed: int
    device: str | torch.device | None
    batch_size: int | None
    chunk: int | None
    evaluation_samples: int


class MethodOptions(ExplainerOptions, total=False):
    """Options of all explainers, and those that only some of them have."""

    lambda_k: float | None
    wavelet: str
    levels: int
    padding: str
    shear_levels: Sequence[int]
    system: ShearletSystem
    as_published: bool


def full_signature(explainer: type, base: type) -> inspect.Signature:
    """Return the signature of an explainer, with all options and with its own defaults.

    An explainer passes most options on to the base class, and names its defaults as attributes.
    Editors, `help` and the API reference show this signature.
    """
    own = inspect.signature(explainer.__init__).parameters  # type: ignore[misc]
    shared = inspect.signature(base.__init__).parameters  # type: ignore[misc]
    passed_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values())
    parameters = {
        name: parameter.replace(default=getattr(explainer, f"default_{name}", parameter.default))
        if name not in ("self", "solver")
        else parameter
        for name, parameter in {**own, **(shared if passed_on else {})}.items()
        if parameter.kind is not parameter.VAR_KEYWORD
    }
    del parameters["self"]
    return inspect.Signature(sorted(parameters.values(), key=lambda parameter: parameter.kind))


def listing_options(options: type) -> Callable[[Function], Function]:
    """Make a decorator by which a signature lists the fields of a type in place of ``**options``.

    A field's default is None, which stands for the method's own default.
    """
    fields = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=getattr(annotation, "__forward_arg__", annotation),
        )
        for name, annotation in inspect.get_annotations(options).items()
    ]

    def listed(function: Function) -> Function:
        shown = inspect.signature(function)
        own = [each for each in shown.parameters.values() if each.kind is not each.VAR_KEYWORD]
        function.__signature__ = shown.replace(parameters=own + fields)  # type: ignore[attr-defined]
        return function

    return listed


def described(explainer: Explainer, size: Sequence[int], seed: int) -> dict[str, Any]:
    """Describe all that determines an explanation, as plain JSON values."""
    return {
        "method": explainer.method,
        "representation": repr(explainer.representation(size)),
        **explainer.classifier.settings,
        "lambda_k": explainer.lambda_k,
        "target_distortion": explainer.target_distortion,
        "distortion": explainer.distortion,
        "noise": explainer.noise,
        "spatial_penalty": explainer.spatial_penalty,
        "start": start_name(explainer.start),
        "clamp": explainer.clamp,
        "solver_name": explainer.solver.name,
        "solver": explainer.solver.model_dump(mode="json"),
        "seed": seed,
        "evaluation_samples": explainer.evaluation_samples,
        "device": str(explainer.device),
        "versions": versions(),
    }
