"""Classifiers with their preprocessing inside, which turn images in [0, 1] into logits."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from rcx.classifiers.class_names import ClassNames, checked_class_names
from rcx.classifiers.folding import fold_batch_norms
from rcx.classifiers.weights import sha256, state_tensors


class ClassifierError(ValueError):
    """A classifier cannot take images of this size, or its logits are not finite."""


class Classifier(nn.Module):
    """A model together with the normalisation that it expects.

    Parameters
    ----------
    model : nn.Module
        A model from normalised images ``(N, C, H, W)`` to logits ``(N, classes)``. Its mode and its
        parameters stay as they are.
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

    Attributes
    ----------
    copied_hash : str or None
        The original's ``weights_hash``, in a copy whose weights were changed by folding.

    Raises
    ------
    ValueError
        If only one of ``mean`` and ``std`` is given, if they are no finite numbers, if a ``std`` is
        not positive, if ``input_size`` is not positive, or if ``class_names`` are not a name for
        each index from 0.
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
    ) -> None:
        super().__init__()
        if (mean is None) != (std is None):
            raise ValueError("mean and std belong together: give both or neither")
        if input_size is not None and input_size < 1:
            raise ValueError(f"input_size must be a positive integer, not {input_size!r}")
        self.model = model
        self.name = name
        self.normalize = normalize and mean is not None
        self.class_names = None if class_names is None else checked_class_names(class_names)
        self.input_size = input_size
        self.register_buffer("mean", self._per_channel(mean), persistent=False)
        self.register_buffer("std", self._per_channel(std), persistent=False)
        if self.std is not None and not bool((self.std > 0).all()):
            raise ValueError(f"std must be positive, not {std!r}")
        self.training = model.training
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
        """Return the logits ``(N, classes)`` of images ``(N, C, H, W)`` in [0, 1].

        Raises
        ------
        ClassifierError
            If the model cannot take images of this size.
        TypeError
            If ``images`` is no batch, or the model's answer is no tensor with one row per image.
        """
        if not isinstance(images, torch.Tensor) or images.ndim != 4:
            raise TypeError(f"images must be a tensor (N, C, H, W), not {_kind(images)}")
        normalised = images
        if self.mean is not None and self.std is not None:
            # The conversion is made here, because the model may have been moved after wrapping.
            normalised = (images - self.mean.to(images)) / self.std.to(images)
        # A model in half or double precision is given images of its own precision.
        precision = next((p.dtype for p in self.model.parameters() if p.is_floating_point()), None)
        if precision is not None and normalised.is_floating_point():
            normalised = normalised.to(precision)
        try:
            logits = self.model(normalised)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, AssertionError, ValueError) as error:
            made_for = self.input_size
            height, width = images.shape[-2:]
            if made_for is None or height == width == made_for:
                raise
            raise ClassifierError(
                f"{self.name} cannot take {height}x{width} images, "
                f"it was made for {made_for}x{made_for}: {error}"
            ) from error
        if not isinstance(logits, torch.Tensor) or logits.shape[:-1] != images.shape[:1]:
            raise TypeError(
                f"{self.name} must return logits ({len(images)}, classes), not "
                f"{_kind(logits)}; wrap it in a module that returns the logits alone"
            )
        return logits.to(images.dtype) if images.is_floating_point() else logits

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Return the probabilities ``(N, classes)`` of images ``(N, C, H, W)`` in [0, 1]."""
        return torch.softmax(self(images), dim=-1)

    def label(self, index: int) -> str:
        """Return the name of a class, or ``"class 7"`` if the classifier has no names."""
        names = self.class_names
        return names[index] if names and 0 <= index < len(names) else f"class {index}"

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


def _kind(value: object) -> str:
    """Say in an error what a value is that should be a tensor of another shape."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


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


def inference_copy(
    classifier: Classifier,
    device: torch.device | str = "cpu",
    example: torch.Tensor | None = None,
) -> Classifier:
    """Make a copy of a classifier that computes explanations fast and leaves the original alone.

    The copy is in eval mode and float32, its parameters take no gradients, and its batch norms are
    folded into convolutions.

    Parameters
    ----------
    classifier : Classifier
        The original. Its mode, parameters, hooks and device stay as they are.
    device : torch.device or str
        The copy's device.
    example : Tensor, optional
        ``(N, C, H, W)`` in [0, 1], images of the size that will be explained. The first two show
        whether the folded copy answers like the original. By default, they are random images of
        the classifier's ``input_size``, or of 224 pixels.

    Returns
    -------
    Classifier
        The copy. Its logits equal the original's up to rounding, and its ``weights_hash`` is the
        original's.

    Raises
    ------
    TypeError
        If the model cannot be copied.
    """
    try:
        copied = copy.deepcopy(classifier)
    except Exception as error:
        raise TypeError(
            f"{classifier.name} cannot be copied ({error}); explaining needs a copy so that your "
            "model stays as it is: give the model copy.deepcopy support, or build it anew from "
            "its state_dict"
        ) from error
    copied.eval().requires_grad_(False).to(device).float()
    if example is None:
        size = classifier.input_size or 224
        example = torch.rand(
            2, 3, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float32
        )
    copied.copied_hash = classifier.weights_hash
    return fold_batch_norms(copied, example[:2].detach().to(device))
