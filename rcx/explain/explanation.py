"""Explanations, and their files."""

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

from rcx.classifiers.answers import Meaning, kind_of_answer
from rcx.images.descriptions import figure_description
from rcx.solver.moments import CONVERGED
from rcx.solver.problem import joined_histories
from rcx.system.files import check_format, packed, read_whole, write_whole

if TYPE_CHECKING:
    from rcx.images.figures import StyledFigure

_FORMAT = "rcx explanation 2"

BLACK = 0.15
"""Grey value below which a picture looks black, where 1 is white. On a screen, a pixel of this
value gives a fiftieth of the light of a white one."""

_SHOWN = 8  # largest number of images that a notebook shows


@dataclass(frozen=True)
class Explanation:
    """Explanations of N images.

    As the last line of a notebook's cell, it shows itself as `figure` draws it.

    Attributes
    ----------
    images : Tensor
        ``(N, C, H, W)`` uint8, the images in 8 bits, which `figure` shows beside the pictures.
    picture : Tensor
        ``(N, 1, H, W)`` in [0, 1]. For CartoonX this is the cartoon: the grey image synthesised
        from its masked coefficients. For Pixel RDE it is the mask itself. WaveletX and ShearletX
        scale their cartoons, so that the brightest pixel is 1.
    mask : Tensor
        ``(N, K)`` in [0, 1], relevance of the coefficients.
    distortion : Tensor
        ``(N,)``, mean distortions over fresh noise samples.
    distortion_error : Tensor
        ``(N,)``, standard errors of these means.
    nonsparsity : Tensor
        ``(N,)`` in [0, 1], mean mask entries, which are the rates.
    loss : Tensor
        ``(N,)``, distortion plus ``lambda_k`` times non-sparsity, plus the spatial penalty where
        the settings name one.
    lambda_k : Tensor
        ``(N,)``, trade-offs.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    predicted : Tensor
        ``(N,)`` int64, the classes predicted for the images.
    probability : Tensor
        ``(N,)``, probabilities of the explained classes for the images, or their scores, see
        ``quantity``.
    probability_after : Tensor
        ``(N,)``, mean probabilities of the explained classes over the obfuscations.
    predicted_after : Tensor
        ``(N,)`` int64, the classes with the largest mean probability over the obfuscations.
    label_kept : Tensor
        ``(N,)`` bool, whether ``predicted_after`` is the explained class. Of labels of which
        several may hold, whether the probability is on the same side of 0.5 as before. Of scores,
        whether the score changed by at most half of its size.
    converged : Tensor
        ``(N,)`` bool, whether the residual was below the tolerance at the end, see
        `rcx.solver.Solution`.
    steps : Tensor
        ``(N,)`` int64, steps of the solve that ended at the mask.
    residual : Tensor
        ``(N,)``, residuals after the last step, see `rcx.solver.projected_residual`.
    history : dict of str to Tensor
        ``"distortion"``, ``"nonsparsity"``, ``"loss"`` and ``"residual"``, each ``(N, T)``, at the
        mask before each of T steps. They are NaN after an image has stopped.
    class_names : dict of int to str
        Names of the classes that occur, if the classifier has names.
    settings : dict
        All that determined the result, as plain JSON values: method, representation, classifier
        and hash of its weights, solver settings, seed and versions.
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
        """Select images. An integer gives an explanation of one image."""
        if isinstance(rows, int):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"image {rows} of an explanation of {len(self)}")
            rows = slice(rows, rows + 1 or None)
        selection: dict[str, Any] = {name: tensor[rows] for name, tensor in self.tensors()}
        history = {name: curve[rows] for name, curve in self.history.items()}
        return replace(self, history=history, **selection)

    def __iter__(self) -> Iterator[Explanation]:
        return (self[row] for row in range(len(self)))

    @classmethod
    def cat(cls, parts: Sequence[Explanation]) -> Explanation:
        """Join explanations that were made with the same settings.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not parts:
            raise ValueError("there is no explanation to join")
        names = [name for name, _ in parts[0].tensors()]
        rows: dict[str, Any] = {
            name: torch.cat([getattr(part, name) for part in parts]) for name in names
        }
        history = joined_histories([part.history for part in parts])
        class_names = {index: name for part in parts for index, name in part.class_names.items()}
        return replace(parts[0], history=history, class_names=class_names, **rows)

    @property
    def empty(self) -> Tensor:
        """Whether each explanation shows nothing, ``(N,)`` bool.

        An explanation is empty if its mask entries sum to less than 1, or if its picture is all
        darker than `BLACK` and the label is lost. Losing the class then costs less than keeping it.
        """
        black = self.picture.amax((1, 2, 3)) < BLACK
        return (self.mask.sum(1) < 1) | (black & ~self.label_kept)

    def label(self, index: int) -> str:
        """Name of a class that occurs, or a text like ``"class 7"`` if it has no name."""
        return self.class_names.get(index, f"{self.meaning.noun} {index}")

    @property
    def meaning(self) -> Meaning:
        """What the explained numbers mean, as the settings say."""
        return Meaning(
            kind_of_answer(self.settings.get("answer", "softmax")), self.settings.get("scale")
        )

    @property
    def quantity(self) -> str:
        """The word for the numbers before and after, which is "probability" or "score"."""
        return self.meaning.quantity

    def figure(self) -> StyledFigure:
        """Draw each image beside its explanation, as ``rcx explain`` does.

        Returns
        -------
        StyledFigure
            A row for each image, see `explanation_figure`.
        """
        from rcx.explain.figures import explanation_figure  # that module imports this one

        return explanation_figure(self)

    def _repr_html_(self) -> str:
        """Show the figure in a notebook, or its first rows if there are many images."""
        figure = self[:_SHOWN].figure()
        source = base64.b64encode(figure._repr_png_()).decode()
        alt = html.escape(figure_description(figure), quote=True)
        picture = f'<img src="data:image/png;base64,{source}" alt="{alt}" style="max-width: 100%">'
        rest = len(self) - _SHOWN
        return picture + (f"<p>and {rest} more image{'s' * (rest > 1)}</p>" if rest > 0 else "")

    @property
    def tolerance(self) -> float:
        """The residual below which a mask has converged, the solver's or `rcx.solver.CONVERGED`."""
        return float(self.settings.get("solver", {}).get("tolerance") or CONVERGED)

    @property
    def settled_at(self) -> Tensor:
        """Step ``(N,)`` in which the residual was first below `tolerance`, or 0."""
        below = self.history["residual"] < self.tolerance
        earlier = (below.cumsum(1) == 0).sum(1)
        return torch.where(below.any(1), earlier + 1, 0)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Iterate over the names and tensors of all attributes with one row per image."""
        for attribute in fields(self):
            value = getattr(self, attribute.name)
            if isinstance(value, Tensor):
                yield attribute.name, value

    def parts(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the tensors and the notes of which a file is made."""
        tensors = dict(self.tensors())
        tensors |= {f"history.{name}": curve for name, curve in self.history.items()}
        notes = {"settings": self.settings, "class_names": self.class_names}
        texts = {name: json.dumps(value, sort_keys=True) for name, value in notes.items()}
        return tensors, {"format": _FORMAT, **texts}

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> Explanation:
        """Make an explanation of what `parts` returned.

        Raises
        ------
        ValueError
            If the parts are those of something else. The message goes on after a file's name.
        """
        check_format(notes, _FORMAT, "explain the images again")
        rows = {name: tensor for name, tensor in tensors.items() if "." not in name}
        history = {
            name.partition(".")[2]: tensor for name, tensor in tensors.items() if "." in name
        }
        others = {"history", "class_names", "settings"}
        expected = {attribute.name for attribute in fields(cls)} - others
        if differences := expected ^ rows.keys():
            names = ", ".join(sorted(differences))
            raise ValueError(f"does not fit this version of rcx, which differs in: {names}")
        class_names = json.loads(notes["class_names"])
        return cls(
            history=history,
            class_names={int(index): name for index, name in class_names.items()},
            settings=json.loads(notes["settings"]),
            **rows,
        )

    def save(self, path: str | Path) -> Path:
        """Write to a safetensors file. It appears whole or not at all.

        The file's metadata hold the settings, as JSON, under ``"settings"``.
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
            If the file is damaged, of an earlier format, or holds something else.
        """
        return read_whole(path, cls.from_parts)
