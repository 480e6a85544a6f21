"""Kinds of results, and how each is kept in a file as tensors and notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from rcx.evaluate.curves import Curve
from rcx.explain.explanation import Explanation


@dataclass(frozen=True)
class Evaluation:
    """How far an explanation's mask moves the classifier's answer.

    The distance is the Euclidean one between the vectors of all classes' probabilities.

    Attributes
    ----------
    one_draw : Tensor
        ``(N,)``, with one draw of noise, as the report's sweep over lambda measured it.
    mean : Tensor
        ``(N,)``, mean over many draws.
    error : Tensor
        ``(N,)``, standard error of that mean.
    """

    one_draw: Tensor
    mean: Tensor
    error: Tensor


@dataclass(frozen=True)
class Map:
    """Relevance of pixels.

    Attributes
    ----------
    relevance : Tensor
        ``(N, H, W)``, not negative.
    """

    relevance: Tensor


class Rollout(Map):
    """A map by attention rollout, in [0, 1], see `rcx.evaluate.rollout`."""


class Attribution(Map):
    """A map by another method, see `rcx.evaluate.attribution`."""


@dataclass(frozen=True)
class Scores:
    """An explanation, or a map by another method, as metrics see it.

    Attributes
    ----------
    values : dict of str to Tensor
        ``(N,)`` by the name of the metric, see `rcx.evaluate.METRICS`.
    """

    values: dict[str, Tensor]


Result = Explanation | Curve | Evaluation | Map | Scores
"""A result of any kind."""

Parts = tuple[dict[str, Tensor], dict[str, str]]
"""Tensors and notes, both by name."""

_CURVE_SETTINGS = ("direction", "protocol", "measure", "draws")


class Kind(NamedTuple):
    """How a kind of result is taken apart into tensors and notes, and put together again."""

    parts: Callable[[Any], Parts]
    whole: Callable[[Mapping[str, Tensor], Mapping[str, str]], Result]


def _curve_parts(curve: Curve) -> Parts:
    tensors = {name: getattr(curve, name) for name in ("percent", "distortion", "spread")}
    settings = {name: getattr(curve, name) for name in _CURVE_SETTINGS}
    return tensors, {"format": "rcx curve 1", "settings": json.dumps(settings, sort_keys=True)}


def _whole_curve(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> Curve:
    parts: dict[str, Any] = {**tensors, **json.loads(notes["settings"])}
    return Curve(**parts)


def _plain(kind: type[Evaluation] | type[Map]) -> Kind:
    note = {"format": f"rcx {kind.__name__.lower()} 1"}
    return Kind(lambda result: (dict(vars(result)), note), lambda tensors, notes: kind(**tensors))


KINDS: dict[str, Kind] = {
    "explanation": Kind(Explanation.parts, Explanation.from_parts),
    "curve": Kind(_curve_parts, _whole_curve),
    "evaluation": _plain(Evaluation),
    "rollout": _plain(Rollout),
    "attribution": _plain(Attribution),
    "scores": Kind(
        lambda scores: (dict(scores.values), {"format": "rcx scores 1"}),
        lambda tensors, notes: Scores(dict(tensors)),
    ),
}
