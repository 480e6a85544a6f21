"""What a study computes: settings from a TOML file, checked before the first second of work."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from rcx.classifiers.profiles import ProfileName
from rcx.evaluate.baselines import Baseline
from rcx.evaluate.curves import CurveProtocol, Direction
from rcx.images.reading import LARGEST, SMALLEST, Fit
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import Start
from rcx.system.text import printable, shortened

Grid = Literal["percent", "coarse"]
MethodName = Literal["CartoonX", "Pixel RDE"]

_LARGEST_SEED = 2**53 - 1  # the largest whole number that every JSON reader keeps
_LARGEST_FILE = 2**20


class SettingsError(ValueError):
    """Settings that make no sense; the message names the field and what it may be."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _several(value: Any) -> Any:
    """Take one value for a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _solver(value: Any) -> Any:
    """Take a preset's name, or a table that may name one, for the settings that are meant."""
    table = {"preset": value} if isinstance(value, str) else value
    if not isinstance(table, dict):
        return value
    changes = dict(table)
    preset = changes.pop("preset", "fast")
    if preset not in get_args(Preset):
        raise ValueError(f"preset must be one of {', '.join(get_args(Preset))}")
    return {**SolverSettings.preset(preset).model_dump(), **changes}


Lambda = Annotated[float, Field(gt=0, le=1e9)]
StudySeed = Annotated[int, Field(ge=0, le=_LARGEST_SEED)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Solver = Annotated[SolverSettings, BeforeValidator(_solver)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]


class MethodSettings(_Table):
    """One way to explain, see `rcx.CartoonX`; ``name`` is what tables call it.

    ``lambda_ks`` are solved besides, as a path, for the first ``path_images`` images.
    """

    method: MethodName
    name: Name | None = None
    lambda_k: Lambda | None = None
    lambda_ks: tuple[Lambda, ...] = ()
    path_images: Annotated[int, Field(ge=0)] | None = None
    target_distortion: Lambda | None = None
    distortion: DistortionMeasure = "relative"
    start: Start = "ones"
    clamp: bool | None = None
    wavelet: Name | None = None
    levels: Annotated[int, Field(ge=1, le=20)] | None = None
    padding: Name | None = None
    evaluation_samples: Annotated[int, Field(ge=1, le=100_000)] = 64
    solver: Solver | None = None

    @model_validator(mode="after")
    def _fits(self) -> MethodSettings:
        if self.method != "CartoonX" and (self.wavelet or self.levels or self.padding):
            raise ValueError("wavelet, levels and padding are for CartoonX")
        if len(set(self.lambda_ks)) < len(self.lambda_ks):
            raise ValueError("lambda_ks names a lambda twice")
        return self

    @property
    def series(self) -> str:
        """What tables call it."""
        return self.name or self.method


class CurveSettings(_Table):
    """Rate-distortion curves of every explanation, see `rcx.evaluate.rate_distortion_curve`."""

    protocol: CurveProtocol = "fair"
    grid: Grid = "percent"
    draws: Annotated[int, Field(ge=1, le=100_000)] | None = None
    measures: Annotated[
        tuple[DistortionMeasure, ...], BeforeValidator(_several), Field(min_length=1)
    ] = ("l2",)
    directions: Annotated[tuple[Direction, ...], BeforeValidator(_several), Field(min_length=1)] = (
        "keep",
        "randomise",
    )
    random: bool = True


class RunSettings(_Table):
    """One classifier on the first ``n_images`` images: its explanations and their curves.

    With ``rollout``, curves of attention rollout too; with ``baselines``, those of other methods.
    """

    classifier: Name
    normalize: Annotated[
        tuple[bool, ...], BeforeValidator(_several), Field(min_length=1, max_length=2)
    ] = (True,)
    size: Annotated[int, Field(ge=SMALLEST, le=LARGEST)] | None = None
    n_images: Count | None = None
    seeds: Annotated[tuple[StudySeed, ...], Field(min_length=1)] | None = None
    methods: Annotated[tuple[MethodSettings, ...], Field(min_length=1)]
    curves: tuple[CurveSettings, ...] = ()
    rollout: bool = False
    baselines: tuple[Baseline, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> RunSettings:
        names = [method.series for method in self.methods]
        if twice := _twice(names):
            raise ValueError(f"two methods are called {twice!r}: give one of them another name")
        others = {"rollout", "random wavelets", "random pixels", *get_args(Baseline)}
        if taken := others & set(names):
            raise ValueError(f"{min(taken)!r} is the name of another series")
        for field in ("normalize", "seeds", "curves", "baselines"):
            if _twice(list(getattr(self, field) or ())) is not None:
                raise ValueError(f"{field} says the same twice")
        return self


class StudySettings(_Table):
    """A study: which images, and what is computed for each of them.

    Attributes
    ----------
    profile : {"sample", "imagenet"}, optional
        Where the images come from, see `rcx.classifiers.load_profile`.
    images : list of str, optional
        Or files and folders.
    fit : {"stretch", "crop"}
        How a file becomes a square.
    seed : int
        Which images of a profile; also the seed of runs that have no ``seeds``, and of curves.
    size : int, optional
        Of runs that have no own one; else what each classifier takes.
    solver : str or table, optional
        A preset's name, or fields of `rcx.SolverSettings`, with ``preset`` for the others; else
        each method takes its own default.
    runs : list of RunSettings
        Computed in this order.
    """

    profile: ProfileName | None = None
    images: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)] | None = None
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
        if _twice(list(self.runs)) is not None:
            raise ValueError("runs has the same run twice")
        return self

    def with_images(self, images: tuple[str, ...]) -> StudySettings:
        """The same study on all of some files and folders."""
        return self._changed({"n_images": None}, profile=None, images=images)

    def with_n_images(self, n_images: int) -> StudySettings:
        """The same study on the first few images."""
        return self._changed({"n_images": n_images})

    def _changed(self, of_runs: dict[str, Any], **changes: Any) -> StudySettings:
        table = self.model_dump() | changes
        table["runs"] = [run | of_runs for run in table["runs"]]
        return checked_settings(table, "the options")


def shipped_settings(profile: str) -> StudySettings:
    """Settings of a profile that comes with the package."""
    if profile not in get_args(ProfileName):
        names = ", ".join(get_args(ProfileName))
        raise SettingsError(f"unknown profile {profile!r}; one of {names}, or give --settings")
    text = resources.files("rcx.study").joinpath("shipped", f"{profile}.toml").read_text("utf-8")
    return checked_settings(tomllib.loads(text), f"{profile}.toml")


def read_settings(path: Path) -> StudySettings:
    """Read a TOML file.

    Raises
    ------
    SettingsError
        If it is none, or says what cannot be: the message names file, field and what it may be.
    """
    shown = printable(path)
    if path.exists() and not path.is_file():
        raise SettingsError(f"the settings {shown} are not a file")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise SettingsError(f"cannot read the settings {shown}: {error.strerror}") from error
    if len(content) > _LARGEST_FILE:
        raise SettingsError(f"the settings {shown} are larger than a megabyte")
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(f"the settings {shown} are not UTF-8 text: {error}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"the settings {shown} are no TOML: {error}") from error
    settings = checked_settings(table, shown)
    if settings.images is None:
        return settings
    # relative to the file, so that a study can be started from anywhere
    images = tuple(str(path.parent / name) for name in settings.images)
    return settings.model_copy(update={"images": images})


def checked_settings(table: dict[str, Any], source: str) -> StudySettings:
    """Settings of a table such as a TOML file holds; errors as `read_settings`."""
    try:
        # by way of JSON, where a strict check knows lists for tuples
        text = json.dumps(table, default=str)
        return StudySettings.model_validate_json(text)
    except ValidationError as error:
        # a list of which every item is wrong is not to be called empty besides
        errors = [e for e in error.errors(include_url=False) if not (e["input"] and _short(e))]
        told = [_told(one) for one in errors]
        more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
        raise SettingsError(f"{source}: {'; '.join(told[:3])}{more}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{source}: {error}") from error


def _twice(values: list[Any]) -> Any:
    """The first value that occurs again, or None."""
    return next((value for place, value in enumerate(values) if value in values[:place]), None)


def _short(error: Any) -> bool:
    return str(error["type"]) == "too_short"


def _told(error: Any) -> str:
    """What is wrong with a field, in words."""
    place = ""
    for part in error["loc"]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    place = shortened(place, 100)
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown field; known are {', '.join(_fields_beside(error['loc']))}"
    if error["type"] == "missing" or _short(error):
        return f"{place} is {'missing' if error['type'] == 'missing' else 'empty'}"
    said = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    given = error["input"]
    shown = "" if isinstance(given, dict | list) else f", not {shortened(repr(given), 60)}"
    return f"{place or 'settings'}: {said}{shown}"


def _fields_beside(place: tuple[int | str, ...]) -> list[str]:
    """Names of the fields that there are where an unknown one was found."""
    tables: dict[str, type[BaseModel]] = {
        "runs": RunSettings,
        "methods": MethodSettings,
        "curves": CurveSettings,
        "solver": SolverSettings,
    }
    named = [part for part in place[:-1] if isinstance(part, str)]
    return list((tables[named[-1]] if named else StudySettings).model_fields)
