"""What a network's answer means: classes, labels or scores, and where it stands in the output."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

AnswerKind = Literal["softmax", "sigmoid", "score"]
"""Names of the meanings of an answer, which `rcx.load_classifier` describes."""

Answer = AnswerKind | str | Callable[[Any], Tensor]
"""What a network's output means, or a function from the output to scores ``(N,)`` or ``(N, M)``, or
the name of such a function as ``"module:function"`` or ``"file.py:function"``."""

Ending = Literal["softmax", "sigmoid", "features", "other"]
"""What a network's output was last passed through, as `found_ending` found out."""

# Operations that change the shape or the type of numbers and leave their values.
_SAME_VALUES = re.compile(
    "Alias|Clamp|Clone|Expand|Permute|Reshape|Select|Slice|Squeeze|T|ToCopy|Transpose|UnsafeView|"
    "Unsqueeze|View"
)
_ENDINGS: dict[str, Ending] = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "NativeLayerNorm": "features",
    "NativeBatchNorm": "features",
}


class ClassifierError(ValueError):
    """A classifier cannot take images of this size, or its answer is not what it was taken for."""


@dataclass(frozen=True)
class Meaning:
    """How a network's numbers are turned into scores, and when an answer is the same as before.

    Attributes
    ----------
    kind : {"softmax", "sigmoid", "score"}
        Logits of classes that exclude each other, logits of labels of which several may hold, or
        scores that stand for themselves.
    scale : float or None
        What a change of a score is compared with, positive. None compares with the size of the
        image's own score. Probabilities are always compared with themselves.
    """

    kind: AnswerKind = "softmax"
    scale: float | None = None

    @property
    def noun(self) -> str:
        """What a number without a name is called."""
        return "score" if self.kind == "score" else "class"

    @property
    def quantity(self) -> str:
        """What the numbers are called that say how strong an answer is."""
        return "score" if self.kind == "score" else "probability"

    def scores(self, logits: Tensor) -> Tensor:
        """Turn logits into probabilities of the same shape. Scores are returned as they are."""
        if self.kind == "softmax":
            return logits.softmax(-1)
        return logits.sigmoid() if self.kind == "sigmoid" else logits

    def sizes(self, scores: Tensor) -> Tensor:
        """What changes of scores are compared with, in the same shape, positive or 0."""
        return scores.abs() if self.scale is None else torch.full_like(scores, self.scale)

    def kept(self, before: Tensor, after: Tensor, target: Tensor) -> Tensor:
        """Whether the answers to N images are the same after a change as before.

        Parameters
        ----------
        before, after : Tensor
            ``(N, M)``, scores.
        target : Tensor
            ``(N,)`` int64, the explained classes, labels or scores.

        Returns
        -------
        Tensor
            ``(N,)`` bool. A class is kept if it has the largest score after the change, a label if
            it is on the same side of 0.5 as before, and a score if it changed by at most half of
            its size.
        """
        if self.kind == "softmax":
            return after.argmax(1) == target
        first, second = (scores.gather(1, target[:, None]).squeeze(1) for scores in (before, after))
        if self.kind == "sigmoid":
            return (first >= 0.5) == (second >= 0.5)
        return (second - first).abs() <= self.sizes(first) / 2


CLASSES = Meaning()
"""The meaning of logits of classes that exclude each other."""


def checked_answer(answer: Answer, scale: float | None) -> tuple[Meaning, Answer]:
    """Return the meaning of an answer, and the answer with a named function in place of its name.

    Raises
    ------
    ValueError
        If the answer is unknown, or ``scale`` is not positive or given for probabilities.
    """
    if isinstance(answer, str) and answer not in get_args(AnswerKind):
        answer = _named_function(answer)
    kind = kind_of_answer(answer)
    if scale is not None and not 0 < scale < float("inf"):
        raise ValueError(f"scale must be positive, got {scale!r}")
    if scale is not None and kind != "score":
        raise ValueError(f"scale is for scores, and answer={answer!r} means probabilities")
    return Meaning(kind, scale), answer


def kind_of_answer(answer: Answer) -> AnswerKind:
    """Return the kind of an answer or of its name in results. Functions return scores."""
    kinds: tuple[AnswerKind, ...] = get_args(AnswerKind)
    return next((kind for kind in kinds if kind == answer), "score")


def answer_name(answer: Answer) -> str:
    """Name an answer in results: its meaning, or a function's module and name."""
    if isinstance(answer, str):
        return answer
    name = getattr(answer, "__qualname__", type(answer).__qualname__)
    return f"{getattr(answer, '__module__', None) or '__main__'}:{name}"


def answer_source(answer: Answer) -> str | None:
    """Return the hash of a function's source text, so that a study notices a change, or None."""
    try:
        text = inspect.getsource(answer)  # type: ignore[arg-type]
    except (OSError, TypeError):  # a kind of answer, or a function that was typed in
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _named_function(name: str) -> Callable[[Any], Tensor]:
    """Import a function by a name such as ``"package.module:function"`` or ``"file.py:name"``."""
    module, _, attribute = name.rpartition(":")
    known = ", ".join(repr(kind) for kind in get_args(AnswerKind))
    if not (module and attribute):
        raise ValueError(
            f"unknown answer {name!r}: give {known}, a function, or its name as "
            "'module:function' or 'file.py:function'"
        )
    try:
        function = getattr(_imported(module), attribute)
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise ValueError(f"the answer {name!r} cannot be imported: {error}") from error
    if not callable(function):
        raise ValueError(f"the answer {name!r} is a {type(function).__name__}, and no function")
    result: Callable[[Any], Tensor] = function
    return result


def _imported(module: str) -> ModuleType:
    """Import a module by its name, or run a file that ends in ``.py``."""
    if not module.endswith(".py"):
        return import_module(module)
    spec = spec_from_file_location(Path(module).stem, module)
    if spec is None or spec.loader is None:
        raise ImportError(f"{module} is no Python file")
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def output_tensor(output: object, count: int) -> Tensor:
    """Take the logits out of a network's output.

    Parameters
    ----------
    output : object
        A tensor; an output with the attribute or the key ``logits``, as of transformers; or a
        mapping or sequence in which one tensor alone has the shape ``(N, M)``.
    count : int
        The number N of images.

    Raises
    ------
    TypeError
        If there is no such tensor, or more than one. The message is what the output is, as the
        end of a sentence.
    """
    if isinstance(output, Tensor):
        return output
    logits = getattr(output, "logits", None)
    if isinstance(output, Mapping):
        logits = output.get("logits")
    if isinstance(logits, Tensor):
        return logits
    if isinstance(output, Mapping):
        parts = {str(name): part for name, part in output.items()}
    elif isinstance(output, Sequence) and not isinstance(output, str):
        names = getattr(output, "_fields", range(len(output)))
        parts = {str(name): part for name, part in zip(names, output, strict=True)}
    else:
        raise TypeError(f"a {type(output).__name__}")
    fitting = [
        part
        for part in parts.values()
        if isinstance(part, Tensor) and part.ndim == 2 and len(part) == count
    ]
    if len(fitting) == 1:
        return fitting[0]
    contents = ", ".join(f"{name}: {kind_of(part)}" for name, part in parts.items())
    raise TypeError(f"a {type(output).__name__} of {contents or 'nothing'}")


def kind_of(value: object) -> str:
    """Say in an error what a value is."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def found_ending(numbers: Tensor) -> Ending:
    """Find out what numbers ``(N, M)`` were last passed through.

    The record that torch keeps for the gradient tells it. A softmax is also known by rows of
    numbers from 0 to 1 that sum to 1.
    """
    node: Any = numbers.grad_fn
    while node is not None:
        operation = re.sub(r"Backward\d*$", "", node.name())
        if operation in _ENDINGS:
            return _ENDINGS[operation]
        if not _SAME_VALUES.fullmatch(operation) or not node.next_functions:
            break
        node = node.next_functions[0][0]
    values = numbers.detach().double()
    sums_to_one = bool(((values.sum(-1) - 1).abs() < 1e-4).all())
    if values.shape[-1] > 1 and sums_to_one and bool((values >= 0).all()):
        return "softmax"
    return "other"


def as_logits(numbers: Tensor, kind: AnswerKind, ending: Ending) -> Tensor:
    """Turn a network's numbers ``(N, M)`` into logits, or leave scores as they are.

    Probabilities of a network that ends in a softmax or a sigmoid become their logits. The one
    logit ``z`` of a network for two classes becomes ``(-z, z)``.
    """
    if kind == "score":
        return numbers
    # Half precision has no room for small probabilities, and the logarithm must stay finite.
    tiny = torch.finfo(numbers.dtype).tiny
    if kind == "softmax":
        return numbers.clamp_min(tiny).log() if ending == "softmax" else numbers
    if ending == "sigmoid":
        numbers = numbers.clamp_min(tiny).log() - (1 - numbers).clamp_min(tiny).log()
    return torch.cat((-numbers, numbers), 1) if numbers.shape[1] == 1 else numbers
