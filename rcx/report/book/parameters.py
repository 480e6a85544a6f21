"""Parameters of chapters, from the book's configuration and from the environment."""

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

EVERY_CHAPTER = "*"
"""Key of the parameters that all chapters get."""

Settings = dict[str, dict[str, Any]]
"""Parameters by chapter and name."""


class ParameterError(ValueError):
    """Error of a parameter that cannot be understood, or that no chapter declares."""


def settings_from(configured: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Join the parameters of the configuration with those of the environment, which have priority.

    Parameters
    ----------
    configured : mapping
        ``rcx_parameters`` of ``_config.yml``: the parameters of each chapter by name, and under
        ``"*"`` those of all chapters.
    environment : mapping
        Environment variables. ``PROFILE`` sets the parameter ``profile`` of every chapter.
        ``RCX_PARAMETERS`` sets others. It holds pairs ``name=value`` for every chapter and
        ``chapter.name=value`` for one, separated by spaces. Or it is a JSON object of parameters
        for every chapter, or of the same form as ``configured``.

    Returns
    -------
    dict of str to dict
        Parameters by chapter. Those for every chapter stand under ``"*"``.

    Raises
    ------
    ParameterError
        If a setting has another form.
    """
    settings: Settings = {}
    for chapter, values in configured.items():
        if values is not None and not isinstance(values, Mapping):
            raise ParameterError(
                f"rcx_parameters in _config.yml: {chapter!r} holds {values!r}; "
                "write the chapter's parameters below it as 'name: value'."
            )
        settings[chapter] = dict(values or {})
    if profile := environment.get("PROFILE"):
        settings.setdefault(EVERY_CHAPTER, {})["profile"] = profile
    for chapter, name, value in _environment_triples(environment.get("RCX_PARAMETERS", "")):
        settings.setdefault(chapter, {})[name] = value
    return settings


def parameters_for(chapter: str, declared: Iterable[str], settings: Settings) -> dict[str, Any]:
    """Select the parameters of one chapter.

    Parameters
    ----------
    chapter : str
        Name of the chapter.
    declared : iterable of str
        Names of the parameters that the chapter declares.
    settings : dict
        Parameters as from `settings_from`.

    Returns
    -------
    dict of str to object
        The parameters that are set for this chapter, and of those that are set for every chapter
        the ones that this chapter declares.
    """
    known = set(declared)
    shared = {k: v for k, v in settings.get(EVERY_CHAPTER, {}).items() if k in known}
    return {**shared, **settings.get(chapter, {})}


def check_settings(declared: Mapping[str, Iterable[str]], settings: Settings) -> None:
    """Check that every parameter that is set reaches a chapter.

    Parameters
    ----------
    declared : mapping of str to iterable of str
        Names of the parameters that each chapter of the book declares.
    settings : dict
        Parameters as from `settings_from`.

    Raises
    ------
    ParameterError
        If there is no such chapter, or the chapter does not declare the parameter.
    """
    everywhere = {name for names in declared.values() for name in names}
    for chapter, values in settings.items():
        if chapter != EVERY_CHAPTER and chapter not in declared:
            raise ParameterError(
                f"Parameters are set for the chapter {chapter!r}, which the book does not have; "
                f"its chapters: {_listed(declared)}."
            )
        known = everywhere if chapter == EVERY_CHAPTER else set(declared[chapter])
        for name in values:
            if name not in known:
                where = "No chapter" if chapter == EVERY_CHAPTER else f"The chapter {chapter!r}"
                declares = "declares" if chapter != EVERY_CHAPTER else "of the book declares"
                raise ParameterError(
                    f"{where} {declares} a parameter {name!r}; known here: {_listed(known)}."
                )


def _environment_triples(text: str) -> list[tuple[str, str, Any]]:
    """Split ``RCX_PARAMETERS`` into triples of chapter, name and value."""
    text = text.strip()
    if not text.startswith("{"):
        return [_pair(word) for word in text.split()]
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ParameterError(f"RCX_PARAMETERS is not valid JSON ({error}): {text}") from error
    triples = []
    for key, value in values.items():
        if isinstance(value, dict):
            triples += [(key, name, setting) for name, setting in value.items()]
        else:
            triples.append((EVERY_CHAPTER, key, value))
    return triples


def _pair(word: str) -> tuple[str, str, Any]:
    """Read ``name=value`` or ``chapter.name=value``. A value that is no Python literal is text."""
    key, equals, value = word.partition("=")
    chapter, _, name = key.rpartition(".")
    if not (equals and name):
        raise ParameterError(
            f"RCX_PARAMETERS: {word!r} is not of the form name=value or chapter.name=value."
        )
    try:
        parsed = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
    except (ValueError, SyntaxError):
        parsed = value
    return chapter or EVERY_CHAPTER, name, parsed


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
