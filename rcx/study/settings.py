"""Settings: everything that a study computes, checked before the work begins."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from rcx.classifiers.profiles import ProfileName
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import CurveProtocol, Direction
from rcx.explain.methods import METHODS, method_named
from rcx.images.checks import LARGEST, SMALLEST
from rcx.images.decoding import Fit
from rcx.representations.shearlet_filters import ShearletSystem
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.noise import NoiseKind
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import Start

Grid = Literal["percent", "coarse"]

_LARGEST_SEED = 2**53 - 1  # the largest whole number that every JSON reader keeps


class SettingsError(ValueError):
    """Settings that make no sense. The message names the field and the values that it may have."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _as_tuple(value: Any) -> Any:
    """Take a single value for a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _as_solver(value: Any) -> Any:
    """Complete a preset's name, or a table of some fields, to all of the solver's settings."""
    table = {"preset": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        return value
    changes = dict(table)
    preset = changes.pop("preset", "fast")
    if preset not in get_args(Preset):
        raise ValueError(f"preset must be one of {', '.join(get_args(Preset))}")
    return {**SolverSettings.preset(preset).model_dump(), **changes}


MethodName = Annotated[str, AfterValidator(lambda name: method_named(name).method)]
Lambda = Annotated[float, Field(gt=0, le=1e9)]
StudySeed = Annotated[int, Field(ge=0, le=_LARGEST_SEED)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Solver = Annotated[SolverSettings, BeforeValidator(_as_solver)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]


class MethodSettings(_Table):
    """One way to explain the images of a run.

    Attributes
    ----------
    method : {"CartoonX", "Pixel RDE", "WaveletX", "ShearletX"}
        The method, one of `rcx.explain.METHODS`.
    name : str, optional
        Name of the series in the tables, at most 100 characters; by default the method's. Two
        methods of a run need two names.
    lambda_k : float, optional
        Price of non-sparsity, positive, at most 1e9; by default the method's own.
    lambda_ks : list of float
        Lambdas that are explained besides, as a path, see `rcx.CartoonX.explain_path`; all
        different, and in the range of ``lambda_k``.
    path_images : int, optional
        Number of first images for which the path is computed; by default all.
    target_distortion : float, optional
        Distortion that each image's own lambda is chosen for, positive; by default ``lambda_k``
        holds for all images.
    distortion : {"relative", "probability", "l2", "kl", "maximise-target"}, optional
        Distortion measure, see `rcx.solver.distortion`; by default the method's own.
        ``"probability"`` is the published one of CartoonX.
    noise : {"gaussian", "uniform", "zero", "blur"}, optional
        What replaces that which is not kept, see `rcx.solver.make_noise`; by default the method's
        own.
    spatial_penalty : float, optional
        Weight of the picture's mean brightness, not negative; by default the method's own.
    start : str
        Starting mask, one of the names of `rcx.starts.initial_mask`.
    clamp : bool, optional
        Whether obfuscated images are clamped to [0, 1]; by default as the method does.
    wavelet : str, optional
        A discrete wavelet of PyWavelets, for methods on wavelets; by default ``"db3"``.
    levels : int, optional
        Levels of the wavelet transform, 1 to 20; by default 5.
    padding : str, optional
        Padding of the wavelet transform, see `rcx.representations.Wavelets`; by default
        ``"zero"``.
    system, as_published : str, bool, optional
        As for `rcx.explain.ShearletX`, for methods on shearlets.
    evaluation_samples : int
        Draws of noise, 1 to 100,000, for the distortion that is reported.
    solver : str or table, optional
        A name of `rcx.SolverSettings.preset`, or fields of `rcx.SolverSettings`, to which
        ``preset`` may name the preset for all other fields; by default the study's solver.
    """

    method: MethodName
    name: Name | None = None
    lambda_k: Lambda | None = None
    lambda_ks: tuple[Lambda, ...] = ()
    path_images: Annotated[int, Field(ge=0)] | None = None
    target_distortion: Lambda | None = None
    distortion: DistortionMeasure | None = None
    noise: NoiseKind | None = None
    spatial_penalty: Annotated[float, Field(ge=0, le=1e9)] | None = None
    start: Start = "ones"
    clamp: bool | None = None
    wavelet: Name | None = None
    levels: Annotated[int, Field(ge=1, le=20)] | None = None
    padding: Name | None = None
    system: ShearletSystem | None = None
    as_published: bool | None = None
    evaluation_samples: Annotated[int, Field(ge=1, le=100_000)] = 64
    solver: Solver | None = None

    @model_validator(mode="after")
    def _fits(self) -> MethodSettings:
        if foreign := self.options.keys() - signature(METHODS[self.method]).parameters.keys():
            raise ValueError(f"{self.method} has no option {', '.join(sorted(foreign))}")
        if len(set(self.lambda_ks)) < len(self.lambda_ks):
            raise ValueError("lambda_ks names a lambda twice")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Options of the explainer; those that are not named keep the method's own default."""
        others = {"method", "name", "lambda_ks", "path_images"}
        fields = {name: getattr(self, name) for name in type(self).model_fields.keys() - others}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def series(self) -> str:
        """Name of the series in the tables."""
        return self.name or self.method


class CurveSettings(_Table):
    """Rate-distortion curves of every series, see `rcx.evaluate.rate_distortion_curve`.

    Attributes
    ----------
    protocol : {"as_published", "fair"}
        How curves are measured.
    grid : {"percent", "coarse"}
        Points of a curve: every percent, or fewer.
    draws : int, optional
        Draws of noise for each image, 1 to 100,000; by default the protocol's.
    measures : str or list of str
        Distortion measures, see ``distortion`` of ``MethodSettings``.
    directions : str or list of str
        ``"keep"`` or ``"randomise"`` the most relevant coefficients, and the opposite for others.
    random : bool
        Whether random orders are measured, too.
    """

    protocol: CurveProtocol = "fair"
    grid: Grid = "percent"
    draws: Annotated[int, Field(ge=1, le=100_000)] | None = None
    measures: Annotated[
        tuple[DistortionMeasure, ...], BeforeValidator(_as_tuple), Field(min_length=1)
    ] = ("l2",)
    directions: Annotated[
        tuple[Direction, ...], BeforeValidator(_as_tuple), Field(min_length=1)
    ] = ("keep", "randomise")
    random: bool = True


class RunSettings(_Table):
    """One classifier on the first images of a study: explanations and their curves.

    Attributes
    ----------
    classifier : str
        Name of the classifier, see `rcx.load_classifier`.
    normalize : bool or list of bool
        Whether the classifier normalises colours; both values for one variant each.
    answer : str
        What the classifier's output means, see `rcx.load_classifier`; a function by its name, as
        ``"module:function"`` or ``"file.py:function"``.
    scale : float, optional
        The change of a score that counts as large, see `rcx.load_classifier`.
    size : int, optional
        Height and width of the images, in pixels; by default the study's.
    n_images : int, optional
        Number of images, the first ones, at most 10,000,000; by default all files of a study, and
        as many scenes as the largest run has, or 8.
    seeds : list of int, optional
        Seeds of the explanations, for one variant each, from 0 to 2**53 - 1; by default the
        study's seed.
    methods : list of MethodSettings
        At least one.
    curves : list of CurveSettings
        Curves to measure; by default none.
    scores : bool
        Whether every series is measured by `rcx.evaluate.METRICS`.
    rollout : bool
        Whether attention rollout is computed, and its curves are measured.
    baselines : list of str
        Other methods that are computed, and whose curves are measured, see
        `rcx.evaluate.attribution`.
    """

    classifier: Name
    normalize: Annotated[
        tuple[bool, ...], BeforeValidator(_as_tuple), Field(min_length=1, max_length=2)
    ] = (True,)
    answer: Name = "softmax"
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    size: Annotated[int, Field(ge=SMALLEST, le=LARGEST)] | None = None
    n_images: Count | None = None
    seeds: Annotated[tuple[StudySeed, ...], Field(min_length=1)] | None = None
    methods: Annotated[tuple[MethodSettings, ...], Field(min_length=1)]
    curves: tuple[CurveSettings, ...] = ()
    scores: bool = False
    rollout: bool = False
    baselines: tuple[Baseline, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> RunSettings:
        names = [method.series for method in self.methods]
        if name := _repeated(names):
            raise ValueError(f"two methods are called {name!r}: give one of them another name")
        reserved = {"rollout", *get_args(Baseline)}
        if taken := {name for name in names if name in reserved or name.startswith("random ")}:
            raise ValueError(f"{min(taken)!r} is the name of another series")
        for field in ("normalize", "seeds", "curves", "baselines"):
            if _repeated(getattr(self, field) or ()) is not None:
                raise ValueError(f"{field} says the same twice")
        if self.scores and self.answer != "softmax":
            raise ValueError("scores are for classifiers whose answer is softmax")
        return self


class StudySettings(_Table):
    """A study: which images, and what is computed for each of them.

    Either ``profile`` or ``images`` must be given.

    Attributes
    ----------
    profile : {"photos", "sample", "imagenet"}, optional
        Set of images, see `rcx.classifiers.load_profile`.
    images : str or list of str, optional
        Image files, and folders of them, instead of a profile.
    fit : {"stretch", "crop"}
        How an image file becomes a square; profiles are always stretched.
    seed : int
        Seed from 0 to 2**53 - 1. It decides which images of a profile are taken, and is the seed of
        curves, and of explanations in runs without ``seeds``.
    size : int, optional
        As in a run, for runs without ``size``; by default what each classifier takes.
    solver : str or table, optional
        As in a method, for methods without ``solver``; by default each method's own.
    runs : list of RunSettings
        Runs in the order of work, 1 to 1000, all different.
    """

    profile: ProfileName | None = None
    images: Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)] | None = (
        None
    )
    fit: Fit = "stretch"
    seed: StudySeed = 0
    size: Annotated[int, Field(ge=SMALLEST, le=LARGEST)] | None = None
    solver: Solver | None = None
    runs: Annotated[tuple[RunSettings, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _fits(self) -> StudySettings:
        if (self.profile is None) == (self.images is None):
            raise ValueError("name either a profile or images")
        if self.profile is not None and self.fit != "stretch":
            raise ValueError("fit is for images; profiles are stretched")
        if _repeated(self.runs) is not None:
            raise ValueError("runs has the same run twice")
        return self


def _repeated(values: Sequence[object]) -> object:
    """Return the first value that occurs again; None if all are different."""
    return next((value for index, value in enumerate(values) if value in values[:index]), None)
