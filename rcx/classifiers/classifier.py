"""Classifiers with their preprocessing inside: images in [0, 1] go in, logits come out."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from rcx.classifiers.folding import fold_batch_norms
from rcx.classifiers.weights import (
    sha256,
    state_tensors,
)


class ClassifierError(ValueError):
    """A classifier cannot take these images, or answers with something that is no logit."""


class Classifier(nn.Module):
    """A model together with the normalisation that it expects.

    Parameters
    ----------
    model : nn.Module
        Takes normalised images (N, C, H, W) and returns logits (N, classes). Kept as it is:
        neither its mode nor its parameters are touched.
    name : str
        What it is called in messages and results.
    normalize : bool
        Whether ``(images - mean) / std`` is applied. Without ``mean`` and ``std`` there is
        nothing to apply, and the attribute is False.
    mean, std : sequence of float, optional
        One value per channel (or one for all); ``std`` positive. As attributes they are buffers
        (C, 1, 1), or None where nothing is applied.
    class_names : sequence of str, optional
        By class index.
    input_size : int, optional
        Height and width that the model was made for; others may work too.

    Raises
    ------
    ValueError
        If only one of ``mean`` and ``std`` is given, or they are not usable numbers.
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
        class_names: Sequence[str] | None = None,
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
        self.class_names = None if class_names is None else tuple(class_names)
        self.input_size = input_size
        self.register_buffer("mean", self._per_channel(mean), persistent=False)
        self.register_buffer("std", self._per_channel(std), persistent=False)
        if self.std is not None and not bool((self.std > 0).all()):
            raise ValueError(f"std must be positive, not {std!r}")
        self.training = model.training
        self._hash: tuple[object, str] | None = None
        self.copied_hash: str | None = None  # the original's, in a copy with folded weights

    def _per_channel(self, values: Sequence[float] | None) -> torch.Tensor | None:
        if values is None or not self.normalize:
            return None
        tensor = torch.as_tensor(values, dtype=torch.float32).flatten()
        if tensor.numel() == 0 or not bool(tensor.isfinite().all()):
            raise ValueError(f"mean and std must be finite numbers, not {values!r}")
        return tensor[:, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, C, H, W) in [0, 1].

        Raises
        ------
        ClassifierError
            If the model cannot take images of this size.
        TypeError
            If ``images`` is no batch, or the model's answer no tensor of one row per image.
        """
        if not isinstance(images, torch.Tensor) or images.ndim != 4:
            raise TypeError(f"images must be a tensor (N, C, H, W), not {described_value(images)}")
        normalised = images
        if self.mean is not None and self.std is not None:
            # Converted here, so that a model moved after it was wrapped still works.
            normalised = (images - self.mean.to(images)) / self.std.to(images)
        # a model in half or double precision is asked in its own
        own = next((p.dtype for p in self.model.parameters() if p.is_floating_point()), None)
        if own is not None and normalised.is_floating_point():
            normalised = normalised.to(own)
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
                f"{described_value(logits)}; wrap it in a module that returns the logits alone"
            )
        return logits.to(images.dtype) if images.is_floating_point() else logits

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """Softmax probabilities (N, classes) of images (N, C, H, W) in [0, 1]."""
        return torch.softmax(self(images), dim=-1)

    def label(self, index: int) -> str:
        """Name of a class, or ``"class 7"`` where the names are not known."""
        names = self.class_names
        return names[index] if names and 0 <= index < len(names) else f"class {index}"

    @property
    def weights_hash(self) -> str:
        """SHA-256 over the names, types, shapes and bytes of the model's parameters and buffers."""
        if self.copied_hash is not None:
            return self.copied_hash
        # A tensor's version counts its changes in place, so a model trained on is hashed anew.
        tensors = state_tensors(self.model)
        state = [(key, value.data_ptr(), value._version) for key, value in tensors.items()]
        if self._hash is None or self._hash[0] != state:
            self._hash = (state, sha256(tensors))
        return self._hash[1]


def described_value(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def checked_logits(classifier: Classifier, images: torch.Tensor, *, first: int = 0) -> torch.Tensor:
    """Logits (N, classes) of images (N, C, H, W), all of them finite.

    In an error the images count from ``first``.

    Raises
    ------
    ClassifierError
        If a logit is NaN or infinite (the first such image is named), or the model cannot take
        images of this size.
    TypeError
        If the model does not return logits.
    """
    logits: torch.Tensor = classifier(images)
    bad = ~logits.isfinite().all(dim=-1)
    if bad.any():
        index = first + int(bad.nonzero()[0])
        raise ClassifierError(
            f"the classifier {classifier.name} returned NaN or infinite logits for image {index}"
        )
    return logits


def inference_copy(
    classifier: Classifier,
    device: torch.device | str = "cpu",
    example: torch.Tensor | None = None,
) -> Classifier:
    """Copy a classifier for explaining: eval, frozen, float32, on ``device``, batch norms folded.

    Parameters
    ----------
    classifier : Classifier
        Left as it is: mode, requires_grad, hooks, device.
    device : torch.device or str
        Where the copy is put.
    example : Tensor (N, C, H, W), optional
        Images of the size that will be explained, in [0, 1]; the first two show whether the
        folded copy answers like the original. Random images of ``input_size`` by default.

    Returns
    -------
    Classifier
        Only its input takes gradients; its logits equal the original's up to rounding, and
        ``weights_hash`` is the original's.

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
        example = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    copied.copied_hash = classifier.weights_hash
    return fold_batch_norms(copied, example[:2].detach().to(device))
