"""Settings files: a study's settings read from TOML, with errors that name the field."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from rcx.classifiers.profiles import ProfileName
from rcx.solver.settings import SolverSettings
from rcx.study.settings import (
    CurveSettings,
    MethodSettings,
    RunSettings,
    SettingsError,
    StudySettings,
)
from rcx.system.text import printable, shortened

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LARGEST_FILE = 2**20  # bytes


def shipped_settings(profile: str) -> StudySettings:
    """Read the settings of a study that comes with the package.

    Parameters
    ----------
    profile : {"photos", "sample", "imagenet"}
        Name of the study.

    Raises
    ------
    SettingsError
        If there is no such study.
    """
    if profile not in get_args(ProfileName):
        names = ", ".join(get_args(ProfileName))
        raise SettingsError(f"unknown profile {profile!r}; one of {names}, or give --settings")
    text = resources.files("rcx.study").joinpath("shipped", f"{profile}.toml").read_text("utf-8")
    return checked_settings(tomllib.loads(text), f"{profile}.toml")


def read_settings(path: Path) -> StudySettings:
    """Read settings from a TOML file.

    Paths of images are relative to the file, so that a study can be started from any folder.

    Parameters
    ----------
    path : Path
        The file, of at most a megabyte.

    Raises
    ------
    SettingsError
        If the file cannot be read, is not TOML, or holds settings that make no sense. The message
        names the file and the field, and says which values are allowed.
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
        raise SettingsError(f"the settings {shown} are not TOML: {error}") from error
    settings = checked_settings(table, shown)
    if settings.images is None:
        return settings
    images = tuple(str(path.parent / name) for name in settings.images)
    return settings.model_copy(update={"images": images})


def checked_settings(table: dict[str, Any], source: str) -> StudySettings:
    """Check a table such as a TOML file holds.

    Parameters
    ----------
    table : dict
        The settings, as plain values.
    source : str
        Where the table comes from, for messages.

    Raises
    ------
    SettingsError
        If the settings make no sense, as for `read_settings`.
    """
    try:
        # a strict check takes a list for a tuple only if it reads JSON
        text = json.dumps(table, default=str)
        return StudySettings.model_validate_json(text)
    except ValidationError as error:
        # pydantic also calls a list empty if every item of it is wrong
        problems = [
            _problem(details)
            for details in error.errors(include_url=False)
            if not (details["input"] and _is_short(details))
        ]
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise SettingsError(f"{source}: {'; '.join(problems[:3])}{more}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{source}: {error}") from error


def settings_with_images(settings: StudySettings, images: Sequence[str]) -> StudySettings:
    """Return the same study on all of some files and folders."""
    return _changed(settings, {"n_images": None}, profile=None, images=images)


def settings_with_n_images(settings: StudySettings, n_images: int) -> StudySettings:
    """Return the same study on the first ``n_images`` images."""
    return _changed(settings, {"n_images": n_images})


def _changed(
    settings: StudySettings, run_changes: dict[str, object], **changes: object
) -> StudySettings:
    table = settings.model_dump() | changes
    table["runs"] = [run | run_changes for run in table["runs"]]
    images = table["images"]
    if images is None:
        return checked_settings(table, "the options")
    # the names of files need not be text, and JSON, by which settings are checked, holds only text
    table["images"] = [ascii(name) for name in images]
    checked = checked_settings(table, "the options")
    return checked.model_copy(update={"images": tuple(images)})


def _is_short(details: ErrorDetails) -> bool:
    return str(details["type"]) == "too_short"


def _problem(details: ErrorDetails) -> str:
    """Say in words what is wrong with a field."""
    field = ""
    for part in details["loc"]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)
    field = shortened(field, 100)
    if details["type"] == "extra_forbidden":
        return f"{field}: unknown field; known are {', '.join(_known_fields(details['loc']))}"
    if details["type"] == "missing" or _is_short(details):
        return f"{field} is {'missing' if details['type'] == 'missing' else 'empty'}"
    message = str(details["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    value = details["input"]
    but = "" if isinstance(value, dict | list) else f", not {shortened(repr(value), 60)}"
    return f"{field or 'settings'}: {message}{but}"


def _known_fields(location: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the table in which an unknown one was met."""
    tables: dict[str, type[BaseModel]] = {
        "runs": RunSettings,
        "methods": MethodSettings,
        "curves": CurveSettings,
        "solver": SolverSettings,
    }
    names = [part for part in location[:-1] if isinstance(part, str)]
    return list((tables[names[-1]] if names else StudySettings).model_fields)
