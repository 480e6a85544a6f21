"""Parameters of chapters, from the book's configuration, the environment and the command line."""

import ast
import json
import math
import re
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
        ``chapter.name=value`` for one, separated by spaces. A value has spaces inside brackets or
        quotes only, as in ``lambda_ks=[5, 20]``. Or it is a JSON object of parameters for every
        chapter, or of the same form as ``configured``.

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


def numbers_of(value: object) -> list[float]:
    """Read a list of numbers, which the command line of papermill hands to a chapter as text.

    Parameters
    ----------
    value : sequence of float, float or str
        The numbers, one number, or their text: ``"[5, 20]"``, ``"5, 20"`` or ``"5"``.

    Returns
    -------
    list of float
        The numbers.

    Raises
    ------
    ValueError
        If the value is anything else, or a number is not finite.
    """
    parsed: Any = value
    if isinstance(value, str):
        try:
            parsed = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            parsed = None
    numbers = []
    for number in parsed if isinstance(parsed, list | tuple) else [parsed]:
        right = isinstance(number, int | float) and not isinstance(number, bool)
        if not right or not math.isfinite(number):
            raise ValueError(f"{value!r} is no list of numbers; write [5, 20] or '5, 20'.")
        numbers.append(float(number))
    return numbers


def _environment_triples(text: str) -> list[tuple[str, str, Any]]:
    """Split ``RCX_PARAMETERS`` into triples of chapter, name and value."""
    text = text.strip()
    if not text.startswith("{"):
        return [_pair(pair) for pair in _pairs(text)]
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


def _pairs(text: str) -> list[str]:
    """Split a text at its spaces, but not inside a value's brackets or quotes."""
    pairs: list[str] = []
    for word in re.findall(r"\S+\s*", text):
        if pairs and _is_open(pairs[-1]):
            pairs[-1] += word
        else:
            pairs.append(word)
    if pairs and _is_open(pairs[-1]):
        raise ParameterError(
            f"RCX_PARAMETERS: {pairs[-1].strip()!r} opens a bracket or a quote that nothing closes."
        )
    return [pair.strip() for pair in pairs]


def _is_open(pair: str) -> bool:
    """Tell whether a value begins with a bracket or a quote, and does not end yet."""
    value = pair.partition("=")[2].strip()
    if not value.startswith(("[", "(", "{", "'", '"')):
        return False
    try:
        ast.parse(value, mode="eval")
    except SyntaxError:
        return True
    return False


def _pair(word: str) -> tuple[str, str, Any]:
    """Read ``name=value`` or ``chapter.name=value``. A value that is no Python literal is text."""
    key, equals, value = word.partition("=")
    chapter, _, name = key.rpartition(".")
    if not (equals and name):
        raise ParameterError(
            f"RCX_PARAMETERS: {word!r} is not of the form name=value or chapter.name=value; "
            "put a value with spaces in brackets or quotes."
        )
    try:
        parsed = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
    except (ValueError, SyntaxError):
        parsed = value
    return chapter or EVERY_CHAPTER, name, parsed


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
