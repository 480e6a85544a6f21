"""What is checked of a network on its first image: what its numbers are, and that they stay."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rcx.classifiers.answers import ClassifierError, Ending, Meaning, found_ending

# Relative difference between two answers to one image that rounding may make.
_STILL = 1e-3
# Fewer numbers may all be positive by chance.
_FEW = 10


def first_look(
    numbers_of: Callable[[Tensor], Tensor],
    image: Tensor,
    *,
    name: str,
    meaning: Meaning,
    class_names: Sequence[str] | None,
) -> Ending:
    """Find out from an image and its negative what a network's numbers are.

    Parameters
    ----------
    numbers_of : callable
        The network, from images to numbers ``(N, M)``.
    image : Tensor
        ``(1, C, H, W)`` in [0, 1].
    name : str
        The network's name in messages.
    meaning : Meaning
        What the numbers are taken for.
    class_names : sequence of str or None
        The names of the classes.

    Returns
    -------
    {"softmax", "sigmoid", "features", "other"}
        What the numbers were last passed through.

    Raises
    ------
    ClassifierError
        If the numbers are not what they are taken for, or fit no class names.

    Warns
    -----
    UserWarning
        If the numbers look like features, differ from call to call, or have no gradient.
    """
    with torch.enable_grad():
        probe = torch.cat((image, 1 - image)).detach().requires_grad_()
        numbers = numbers_of(probe)
        flat = numbers.requires_grad and not _gradient(numbers, probe).any()
    ending, kind, width = found_ending(numbers), meaning.kind, numbers.shape[1]
    if kind == "softmax" and width == 1:
        raise ClassifierError(
            f"{name} returns one number per image, whose softmax is always 1: give "
            "answer='sigmoid' if it is the logit of a class, or answer='score' for a number "
            "that stands for itself"
        )
    if kind != "score":
        if ending in ("softmax", "sigmoid") and ending != kind:
            raise ClassifierError(
                f"{name} ends in a {ending}, and its answer was taken for logits of a {kind}: "
                f"give answer='{ending}'"
            )
        classes = 2 if kind == "sigmoid" and width == 1 else width
        if class_names is not None and len(class_names) != classes:
            raise ClassifierError(
                f"{name} has {classes} classes, and {len(class_names)} class names were given"
            )
        positive = width >= _FEW and bool((numbers >= 0).all() and numbers.any())
        if class_names is None and ending != kind and (positive or ending == "features"):
            _warn(
                f"the {width} numbers that {name} returns look like features, not like logits: "
                "check that the model has its classification head"
            )
    if not bool(numbers.isfinite().all()):
        return ending  # whoever needs finite numbers names the image
    with torch.no_grad():
        again = numbers_of(probe.detach())
    difference, size = (again - numbers).abs().max(), numbers.abs().max()
    if bool(difference > _STILL * size):
        _warn(
            f"{name} answers the same image differently from call to call, because it draws "
            "random numbers or keeps a state: its explanations cannot be repeated"
        )
    elif flat and bool((numbers[0] != numbers[1]).any()):
        _warn(
            f"the answer of {name} has a gradient of 0 everywhere, as after rounding or a "
            "comparison: methods that descend on it find nothing"
        )
    return ending


def _gradient(numbers: Tensor, probe: Tensor) -> Tensor:
    """Gradient of the sum of squares by the images, or zeros if there is none."""
    (gradient,) = torch.autograd.grad(numbers.square().sum(), probe, allow_unused=True)
    return torch.zeros_like(probe) if gradient is None else gradient


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)
