"""The names of pretrained models, and those that are like a name that is unknown."""

from __future__ import annotations

import difflib

import timm
import torchvision

PACKAGED = "packaged/efficientnet_lite0"
"""The name of the classifier of photographs that needs no download."""

_SOURCES = ("torchvision", "timm", "packaged", "sample")
_INCLUDED = (PACKAGED, "sample/cnn", "sample/vit")


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers."""
    return list(torchvision.models.list_models(module=torchvision.models))


def unknown_model(name: str) -> str:
    """Say that a name is unknown, and give the names of models that are like it."""
    known = (
        [f"torchvision/{model}" for model in torchvision_names()]
        + [f"timm/{model}" for model in timm.list_models() + timm.list_pretrained()]
        + list(_INCLUDED)
    )
    prefixed = name.split("/")[0] in _SOURCES
    # A name without a source is compared with the models of every source.
    candidates = [name] if prefixed else [f"{source}/{name.split('/')[-1]}" for source in _SOURCES]
    similar = []
    for candidate in candidates:
        complete = not candidate.endswith("/")
        longer = [model for model in known if complete and model.startswith(candidate)]
        similar += longer[:3] or difflib.get_close_matches(candidate, known, 3, 0.8)
    hint = f"; did you mean {' or '.join(dict.fromkeys(similar))}?" if similar else ""
    problem = "unknown model" if prefixed else "unknown model source in"
    included = " or ".join((", ".join(_INCLUDED[:-1]), _INCLUDED[-1]))
    return f"{problem} {name!r}: use torchvision/NAME, timm/NAME, {included}{hint}"
