"""What an explanation is, and how it is kept in a file."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rcx.files import DamagedError, packed, unpacked
from rcx.system import write_whole

_FORMAT = "rcx explanation 1"


@dataclass(frozen=True)
class Explanation:
    """Explanations of N images.

    Attributes
    ----------
    picture : Tensor
        ``(N, 1, H, W)`` in [0, 1]: the grey image synthesised from its masked coefficients. For
        CartoonX this is the cartoon, for Pixel RDE the mask itself.
    mask : Tensor
        ``(N, K)`` in [0, 1], relevance of the coefficients.
    distortion : Tensor
        ``(N,)``, mean over fresh noise samples.
    distortion_error : Tensor
        ``(N,)``, standard error of that mean.
    nonsparsity : Tensor
        ``(N,)``, mean mask entry: the rate.
    loss : Tensor
        ``(N,)``, distortion plus lambda_k times non-sparsity.
    lambda_k : Tensor
        ``(N,)``.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    predicted : Tensor
        ``(N,)`` int64, the classes predicted for the images.
    probability : Tensor
        ``(N,)``, of the explained class, for the image.
    probability_after : Tensor
        ``(N,)``, of the explained class, mean over the obfuscations.
    predicted_after : Tensor
        ``(N,)`` int64, the class that is most probable over the obfuscations.
    label_kept : Tensor
        ``(N,)`` bool: ``predicted_after`` is the explained class.
    converged : Tensor
        ``(N,)`` bool: the solver stopped by its stopping rule; otherwise it ran out of steps.
    steps : Tensor
        ``(N,)`` int64.
    residual : Tensor
        ``(N,)``, the last optimality residual, see `rcx.moments.projected_residual`.
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"``, ``"residual"``, each ``(N, steps)``; NaN
        after an image has stopped.
    settings : dict
        Everything that determined the result, as plain JSON values: method, representation,
        classifier and hash of its weights, solver settings, seed, versions.
    """

    picture: Tensor
    mask: Tensor
    distortion: Tensor
    distortion_error: Tensor
    nonsparsity: Tensor
    loss: Tensor
    lambda_k: Tensor
    target: Tensor
    predicted: Tensor
    probability: Tensor
    probability_after: Tensor
    predicted_after: Tensor
    label_kept: Tensor
    converged: Tensor
    steps: Tensor
    residual: Tensor
    history: dict[str, Tensor] = field(repr=False)
    settings: dict[str, Any] = field(repr=False)

    def __len__(self) -> int:
        return len(self.mask)

    def __getitem__(self, rows: int | slice | Tensor) -> Explanation:
        """Explanation of some of the images; an integer gives a batch of one."""
        if isinstance(rows, int):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"image {rows} of an explanation of {len(self)}")
            rows = slice(rows, rows + 1 or None)
        chosen: dict[str, Any] = {name: tensor[rows] for name, tensor in self.tensors()}
        history = {name: curve[rows] for name, curve in self.history.items()}
        return replace(self, history=history, **chosen)

    def __iter__(self) -> Iterator[Explanation]:
        return (self[row] for row in range(len(self)))

    @classmethod
    def cat(cls, parts: Sequence[Explanation]) -> Explanation:
        """Join explanations of the same kind, made with the same settings, in order."""
        if not parts:
            raise ValueError("there is no explanation to join")
        names = [name for name, _ in parts[0].tensors()]
        rows: dict[str, Any] = {
            name: torch.cat([getattr(part, name) for part in parts]) for name in names
        }
        history = {name: _stacked([p.history[name] for p in parts]) for name in parts[0].history}
        return replace(parts[0], history=history, **rows)

    @property
    def settled_at(self) -> Tensor:
        """Step ``(N,)`` after which the residual was first below the solver's tolerance, else 0.

        Settings that take all of their steps (``stop_early=False``) would have stopped there.
        """
        below = self.history["residual"] < self.settings["solver"]["tolerance"]
        earlier = (below.cumsum(1) == 0).sum(1)
        return torch.where(below.any(1), earlier + 1, 0)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors of the attributes that have one row per image."""
        for attribute in fields(self):
            value = getattr(self, attribute.name)
            if isinstance(value, Tensor):
                yield attribute.name, value

    def parts(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Tensors and metadata of which a file is made."""
        tensors = dict(self.tensors())
        tensors |= {f"history.{name}": curve for name, curve in self.history.items()}
        return tensors, {"format": _FORMAT, "settings": json.dumps(self.settings, sort_keys=True)}

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> Explanation:
        """Make the explanation that gave these parts.

        Raises
        ------
        ValueError
            If they are parts of something else; the message goes on after a file's name.
        """
        if notes.get("format") != _FORMAT:
            raise ValueError("is a safetensors file, but no rcx explanation")
        rows = {name: tensor for name, tensor in tensors.items() if "." not in name}
        history = {
            name.partition(".")[2]: tensor for name, tensor in tensors.items() if "." in name
        }
        missing = {a.name for a in fields(cls)} - {"history", "settings"} ^ rows.keys()
        if missing:
            raise ValueError(f"does not fit this version of rcx: {', '.join(sorted(missing))}")
        return cls(history=history, settings=json.loads(notes["settings"]), **rows)

    def save(self, path: str | Path) -> Path:
        """Write to a safetensors file; the file appears whole or not at all.

        The settings are in the file's metadata under ``"settings"``, as JSON.
        """
        path = Path(path)
        write_whole(path, packed(*self.parts()))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Explanation:
        """Read what `save` wrote, or an explanation of a study's store.

        Raises
        ------
        ValueError
            If the file is damaged or holds something else.
        """
        try:
            return cls.from_parts(*unpacked(Path(path).read_bytes()))
        except DamagedError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path} {error}") from error


def _stacked(curves: Sequence[Tensor]) -> Tensor:
    """Join curves ``(n, steps)`` of different lengths, the shorter ones continued by NaN."""
    longest = max(curve.shape[1] for curve in curves)
    missing = [
        curve.new_full((len(curve), longest - curve.shape[1]), torch.nan) for curve in curves
    ]
    return torch.cat([torch.cat(pair, dim=1) for pair in zip(curves, missing, strict=True)])


def versions() -> dict[str, str]:
    """Versions of Python, of rcx and of the libraries that a result depends on."""
    names = ("rcx", "torch", "torchvision", "timm", "PyWavelets", "numpy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}
