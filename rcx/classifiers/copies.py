"""Copies of classifiers that explain fast and leave the user's network as it is."""

from __future__ import annotations

import copy

import torch

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.folding import fold_batch_norms
from rcx.classifiers.sizes import image_size
from rcx.classifiers.structure import compiled_inside, hooks_of


def inference_copy(
    classifier: Classifier,
    device: torch.device | str = "cpu",
    example: torch.Tensor | None = None,
) -> Classifier:
    """Make a copy of a classifier that computes explanations fast and leaves the original alone.

    The copy is in eval mode and float32, its parameters take no gradients, and its batch norms are
    folded into convolutions. Hooks are left out of it unless they change the answer: for this, the
    copy with the hooks classifies one image.

    Parameters
    ----------
    classifier : Classifier
        The original. Its mode, parameters, hooks and device stay as they are.
    device : torch.device or str
        The copy's device.
    example : Tensor, optional
        ``(N, C, H, W)`` in [0, 1], images of the size that will be explained. The first two show
        whether the folded copy answers like the original. By default, they are random images of
        the size that `rcx.classifiers.image_size` chooses.

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
        with torch.no_grad():  # so that the weights of a TorchScript copy are its own
            copied = copy.deepcopy(classifier)
    except Exception as error:
        raise TypeError(
            f"{classifier.name} cannot be copied ({error}); explaining needs a copy so that your "
            "model stays as it is: give the model copy.deepcopy support, or build it anew from "
            "its state_dict"
        ) from error
    copied.eval().requires_grad_(False).to(device).float()
    if example is None:
        size, source = image_size(classifier), torch.Generator().manual_seed(0)
        example = torch.rand(
            2, classifier.channels, size, size, generator=source, dtype=torch.float32
        )
    copied.copied_hash = classifier.weights_hash
    example = example[:2].detach().to(device)
    for name, network in compiled_inside(copied):
        copied.set_submodule(name, network)
    folded = fold_batch_norms(_without_hooks(copied, example[:1]), example)
    classifier.ending = folded.ending  # if the images were classified, it is known now
    return folded


@torch.no_grad()
def _without_hooks(copied: Classifier, image: torch.Tensor) -> Classifier:
    """Leave out hooks, unless the copy then answers differently to an image ``(1, C, H, W)``.

    A hook that only looks would fill the user's own lists during an explanation.
    """
    if not any(hooks_of(*copied.modules())):
        return copied
    bare = copy.deepcopy(copied)
    for hooks in hooks_of(*bare.modules()):
        hooks.clear()
    try:
        same = torch.equal(bare._numbers(image), copied._numbers(image))
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return copied
    return bare if same else copied
