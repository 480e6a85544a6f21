"""What an explanation is, and how it is kept in a file."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rcx.images.descriptions import described
from rcx.system.files import DamagedError, packed, unpacked, write_whole

if TYPE_CHECKING:
    from rcx.images.figures import StyledFigure

_FORMAT = "rcx explanation 2"
_EARLIER = "rcx explanation "

BLACK = 0.15
"""A picture without a pixel brighter than this grey value, of white's 1, is all black: on a screen,
it has a fiftieth of the light of white, and the eye takes it for black."""

_SHOWN = 8  # images that a notebook shows of a batch


@dataclass(frozen=True)
class Explanation:
    """Explanations of N images.

    In a notebook it shows itself, as `figure` draws it.

    Attributes
    ----------
    images : Tensor
        ``(N, C, H, W)`` uint8, the images in 8 bits, to be shown beside the pictures.
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
        ``(N,)``, the last optimality residual, see `rcx.solver.moments.projected_residual`.
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"``, ``"residual"``, each ``(N, steps)``; NaN
        after an image has stopped.
    class_names : dict of int to str
        Names of the classes that occur, as far as the classifier has names.
    settings : dict
        Everything that determined the result, as plain JSON values: method, representation,
        classifier and hash of its weights, solver settings, seed, versions.
    """

    images: Tensor = field(repr=False)
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
    class_names: dict[int, str] = field(repr=False)
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
        class_names = {index: name for part in parts for index, name in part.class_names.items()}
        return replace(parts[0], history=history, class_names=class_names, **rows)

    @property
    def empty(self) -> Tensor:
        """Which explanations ``(N,)`` show nothing, bool.

        Either the mask keeps less than one coefficient in all, or the picture is all black
        (`BLACK`) and the label is lost: then losing the class costs less than keeping it.
        """
        black = self.picture.amax((1, 2, 3)) < BLACK
        return (self.mask.sum(1) < 1) | (black & ~self.label_kept)

    def label(self, index: int) -> str:
        """Name of a class that occurs, or ``"class 7"`` where the classifier has no names."""
        return self.class_names.get(index, f"class {index}")

    def figure(self) -> StyledFigure:
        """Draw each image beside its explanation, as ``rcx explain`` does.

        Returns
        -------
        Figure
            A row for each image: class and probability, and what the explanation keeps of them.
        """
        from rcx.explain.figures import explanation_figure  # which needs this module

        return explanation_figure(self)

    def _repr_html_(self) -> str:
        """Show the figure in a notebook, of a large batch its beginning."""
        figure = self[:_SHOWN].figure()
        source = base64.b64encode(figure._repr_png_()).decode()
        alt = html.escape(described(figure), quote=True)
        more = f"<p>and {len(self) - _SHOWN} more images</p>" if len(self) > _SHOWN else ""
        return (
            f'<img src="data:image/png;base64,{source}" alt="{alt}" style="max-width: 100%">{more}'
        )

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
        notes = {"settings": self.settings, "class_names": self.class_names}
        texts = {name: json.dumps(value, sort_keys=True) for name, value in notes.items()}
        return tensors, {"format": _FORMAT, **texts}

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> Explanation:
        """Make the explanation that gave these parts.

        Raises
        ------
        ValueError
            If they are parts of something else; the message goes on after a file's name.
        """
        if notes.get("format") != _FORMAT and notes.get("format", "").startswith(_EARLIER):
            raise ValueError("is of an earlier format of rcx: explain the images again")
        if notes.get("format") != _FORMAT:
            raise ValueError("is a safetensors file, but no rcx explanation")
        rows = {name: tensor for name, tensor in tensors.items() if "." not in name}
        history = {
            name.partition(".")[2]: tensor for name, tensor in tensors.items() if "." in name
        }
        others = {"history", "class_names", "settings"}
        if odd := {attribute.name for attribute in fields(cls)} - others ^ rows.keys():
            raise ValueError(f"does not fit this version of rcx: {', '.join(sorted(odd))}")
        named = json.loads(notes["class_names"])
        return cls(
            history=history,
            class_names={int(index): name for index, name in named.items()},
            settings=json.loads(notes["settings"]),
            **rows,
        )

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
