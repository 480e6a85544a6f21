"""Classifiers with their preprocessing inside, which turn images in [0, 1] into logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from rcx.classifiers.answers import (
    Answer,
    ClassifierError,
    Ending,
    answer_name,
    as_logits,
    checked_answer,
    kind_of,
    output_tensor,
)
from rcx.classifiers.class_names import ClassNames, checked_class_names
from rcx.classifiers.first_look import first_look
from rcx.classifiers.structure import check_weights, first_channels, unwrapped
from rcx.classifiers.weights import sha256, state_tensors


class Classifier(nn.Module):
    """A model together with the normalisation that it expects.

    Parameters
    ----------
    model : nn.Module
        A model of normalised images ``(N, C, H, W)``. Its mode and its parameters stay as they are.
        Of a compiled or parallel model, the model inside is used.
    name : str
        The classifier's name in messages and results.
    normalize : bool
        Whether the model is given ``(images - mean) / std``. The attribute is False if there are no
        ``mean`` and ``std``.
    mean, std : sequence of float, optional
        One value per colour, or one for all colours. Each ``std`` is positive. The attributes are
        buffers ``(C, 1, 1)``, or None if the images are not normalised.
    class_names : iterable of str or mapping, optional
        The names of the classes in the order of their indices, or by index, as in
        ``{0: "cat", 1: "dog"}``.
    input_size : int, optional
        Height and width in pixels that the model was made for. It may work for others too.
    answer, scale, channels : optional
        As for `rcx.load_classifier`.

    Attributes
    ----------
    meaning : Meaning
        How the model's numbers are turned into scores.
    channels : int
        Number of channels of the images.
    copied_hash : str or None
        The original's ``weights_hash``, in a copy whose weights were changed by folding.

    Raises
    ------
    ValueError
        If only one of ``mean`` and ``std`` is given, if they are no finite numbers, if a ``std`` is
        not positive, if ``input_size`` is not positive, if ``answer`` or ``scale`` do not fit, if
        the model says itself that it has no classes, if its weights have no values yet, or if
        ``class_names`` are not a name for each index from 0.
    TypeError
        If ``class_names`` are one text, or hold what is no text.
    """

    mean: torch.Tensor | None
    std: torch.Tensor | None

    def __init__(
        self,
        model: nn.Module,
        *,
        name: str,
        normalize: bool = True,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        class_names: ClassNames | None = None,
        input_size: int | None = None,
        answer: Answer = "softmax",
        scale: float | None = None,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        if (mean is None) != (std is None):
            raise ValueError("mean and std belong together: give both or neither")
        if input_size is not None and input_size < 1:
            raise ValueError(f"input_size must be a positive integer, not {input_size!r}")
        model = unwrapped(model)
        self.meaning, self.answer = checked_answer(answer, scale)
        if getattr(model, "num_classes", None) == 0 and not callable(self.answer):
            raise ValueError(
                f"{name} has no classification head and returns features (its num_classes is 0): "
                "load a model with a head, or give answer= a function from its output to scores"
            )
        check_weights(model, name)
        self.model = model
        self.name = name
        self.normalize = normalize and mean is not None
        self.class_names = None if class_names is None else checked_class_names(class_names)
        self.input_size = input_size
        self.register_buffer("mean", self._per_channel(mean), persistent=False)
        self.register_buffer("std", self._per_channel(std), persistent=False)
        if self.std is not None and not bool((self.std > 0).all()):
            raise ValueError(f"std must be positive, not {std!r}")
        if channels is not None and channels < 1:
            raise ValueError(f"channels must be a positive integer, not {channels!r}")
        normalised_channels = 0 if self.mean is None else len(self.mean)
        by_model = normalised_channels if normalised_channels > 1 else first_channels(model)
        self.channels = channels or by_model
        self.training = getattr(model, "training", False)  # a frozen TorchScript has no mode
        self.ending: Ending | None = None  # what the output was last passed through, once known
        self._hash: tuple[object, str] | None = None  # the state of the weights, and their hash
        self.copied_hash: str | None = None

    def _per_channel(self, values: Sequence[float] | None) -> torch.Tensor | None:
        """Return values as a tensor (C, 1, 1), or None if the images are not normalised."""
        if values is None or not self.normalize:
            return None
        tensor = torch.as_tensor(values, dtype=torch.float32, device="cpu").flatten()
        if tensor.numel() == 0 or not bool(tensor.isfinite().all()):
            raise ValueError(f"mean and std must be finite numbers, not {values!r}")
        return tensor[:, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits or scores ``(N, M)`` of images ``(N, C, H, W)`` in [0, 1].

        Raises
        ------
        ClassifierError
            If the model cannot take images of this size, or its answer is not of the kind that the
            classifier was told.
        TypeError
            If ``images`` is no batch, or the model's answer has no one row of numbers per image.
        """
        if not isinstance(images, torch.Tensor) or images.ndim != 4:
            raise TypeError(f"images must be a tensor (N, C, H, W), not {kind_of(images)}")
        if self.ending is None and not getattr(self.model, "training", False) and len(images):
            self.ending = first_look(
                self._numbers,
                images[:1],
                name=self.name,
                meaning=self.meaning,
                class_names=self.class_names,
            )
        logits = as_logits(self._numbers(images), self.meaning.kind, self.ending or "other")
        return logits.to(images.dtype) if images.is_floating_point() else logits

    def _numbers(self, images: torch.Tensor) -> torch.Tensor:
        """Return the model's own numbers ``(N, M)``, or what ``answer`` makes of its output."""
        if self.mean is not None and self.std is not None:
            # The conversion is made here, because the model may have been moved after wrapping.
            normalised = (images - self.mean.to(images)) / self.std.to(images)
        else:
            normalised = images.clone()  # a model that works in place must not change the images
        # A model in half or double precision is given images of its own precision.
        precision = next((p.dtype for p in self.model.parameters() if p.is_floating_point()), None)
        if precision is not None and normalised.is_floating_point():
            normalised = normalised.to(precision)
        try:
            output = self.model(normalised)
        except (torch.OutOfMemoryError, ClassifierError):
            raise
        except Exception as error:  # whatever the user's model raises
            raise ClassifierError(self._failure(tuple(images.shape), error)) from error
        if callable(self.answer):
            output = self.answer(output)
        try:
            numbers = output_tensor(output, len(images))
        except TypeError as error:
            raise TypeError(self._no_answer(str(error))) from error
        if numbers.ndim == 1 and self.meaning.kind != "softmax":
            numbers = numbers[:, None]
        if numbers.ndim != 2 or len(numbers) != len(images) or not numbers.is_floating_point():
            raise TypeError(self._no_answer(kind_of(numbers)))
        return numbers

    def _failure(self, shape: tuple[int, ...], error: Exception) -> str:
        """Say that the model cannot take images of a shape ``(N, C, H, W)``."""
        made_for, (height, width) = self.input_size, shape[-2:]
        cause = " ".join(str(error).split()) or type(error).__name__
        if made_for is None or height == width == made_for:
            return f"{self.name} cannot take images of the shape {shape}: {cause}"
        return (
            f"{self.name} cannot take {height}x{width} images, "
            f"it was made for {made_for}x{made_for}: {cause}"
        )

    def _no_answer(self, instead: str) -> str:
        """Say that the model, or the function ``answer``, returned no numbers."""
        if callable(self.answer):
            return f"answer must return scores (N,) or (N, M) of N images, not {instead}"
        return (
            f"{self.name} must return logits (N, classes) for N images, not {instead}; give "
            "answer= a function from its output to one number per image, or wrap it in a module "
            "that returns the logits alone"
        )

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Return the probabilities or scores ``(N, M)`` of images ``(N, C, H, W)`` in [0, 1]."""
        return self.meaning.scores(self(images))

    def label(self, index: int) -> str:
        """Return the name of a class, or a text like ``"class 7"`` if it has none."""
        names = self.class_names
        return names[index] if names and 0 <= index < len(names) else f"{self.meaning.noun} {index}"

    @property
    def settings(self) -> dict[str, str | bool | float | None]:
        """What results record of the classifier, as plain JSON values."""
        return {
            "classifier": self.name,
            "normalize": self.normalize,
            "answer": answer_name(self.answer),
            "scale": self.meaning.scale,
            "weights_hash": self.weights_hash,
        }

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the names, types, shapes and bytes of the model's parameters and buffers."""
        if self.copied_hash is not None:
            return self.copied_hash
        # A tensor's version counts its changes in place, so a model is hashed anew after training.
        tensors = state_tensors(self.model)
        state = [(key, value.data_ptr(), value._version) for key, value in tensors.items()]
        if self._hash is None or self._hash[0] != state:
            self._hash = (state, sha256(tensors))
        return self._hash[1]


def checked_logits(classifier: Classifier, images: torch.Tensor, *, first: int = 0) -> torch.Tensor:
    """Return a classifier's logits after checking that all of them are finite.

    Parameters
    ----------
    classifier : Classifier
        The classifier.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    first : int
        The number of the first image, for errors.

    Returns
    -------
    Tensor
        ``(N, classes)``.

    Raises
    ------
    ClassifierError
        If a logit is NaN or infinite, or the model cannot take images of this size. The message
        names the first image whose logits are not finite.
    TypeError
        If the model does not return logits.
    """
    logits: torch.Tensor = classifier(images)
    not_finite = ~logits.isfinite().all(dim=-1)
    if not_finite.any():
        index = first + int(not_finite.nonzero()[0])
        raise ClassifierError(
            f"the classifier {classifier.name} returned NaN or infinite logits for image {index}"
        )
    return logits
