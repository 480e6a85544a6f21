"""Metrics of masks: how concise and how precise they are, and which edges they invent."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad

from rcx.classifiers.classifier import Classifier
from rcx.explain.attribution import brightened, kept_image
from rcx.representations.representation import Representation
from rcx.system.isolation import isolated

_EDGE = 0.1  # gradient of grey values from which a pixel belongs to an edge, as published


@isolated()
@torch.no_grad()
def conciseness_preciseness(
    classifier: Classifier | nn.Module,
    representation: Representation,
    images: Tensor,
    mask: Tensor,
    target: Tensor,
    probability_after: Tensor,
) -> dict[str, Tensor]:
    """Divide what a mask keeps of the class's probability by what it keeps of the image.

    Three numerators are in use. Each is relative to the class's probability for the image.

    ``"class"``
        the class's probability for `rcx.explain.kept_image`, as the paper says [1]_;
    ``"largest"``
        the largest probability of any class, for the same image scaled to the maximum 1, as the
        authors' code has it;
    ``"noisy"``
        the class's mean probability over noisy obfuscations, as in StartGrad [2]_.

    Three denominators are in use, too. Each is the information in what is kept, relative to that in
    the image.

    ``"pixels"``
        the sum of the pixels' magnitudes;
    ``"coefficients"``
        the sum of the coefficients' magnitudes;
    ``"entropy"``
        the entropy of the shares that the coefficients have in the sum of their squares.

    Parameters
    ----------
    classifier : Classifier or nn.Module
        From images in [0, 1] to logits of classes, on the device of the images.
    representation, images, mask
        As for `rcx.explain.kept_image`.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    probability_after : Tensor
        ``(N,)``, as of `rcx.Explanation`.

    Returns
    -------
    dict of str to Tensor
        ``(N,)`` by ``"NUMERATOR / DENOMINATOR"``, not negative; larger is better. A mask of ones
        has 1. Empty masks have NaN or infinity.

    References
    ----------
    .. [1] S. Kolek et al., "Explaining Image Classifiers with Multiscale Directional Image
       Representation", CVPR 2023, Section 5.
    .. [2] B. Uendes et al., "Start Smart: Leveraging Gradients For Enhancing Mask-based XAI
       Methods", ICLR 2025.
    """
    kept = kept_image(representation, images, mask)
    index = target[:, None]
    before = classifier(images).softmax(1).gather(1, index)[:, 0]
    of_class = classifier(kept).softmax(1).gather(1, index)[:, 0]
    largest = classifier(brightened(kept)).softmax(1).amax(1)
    retained = {"class": of_class, "largest": largest, "noisy": probability_after.to(before)}
    coefficients = representation.analyse(images)
    masked = mask[:, None] * coefficients
    information = {
        "pixels": kept.sum((1, 2, 3)) / images.sum((1, 2, 3)),
        "coefficients": masked.abs().sum((1, 2)) / coefficients.abs().sum((1, 2)),
        "entropy": _entropy(masked) / _entropy(coefficients),
    }
    return {
        f"{numerator} / {denominator}": probability / before / share
        for numerator, probability in retained.items()
        for denominator, share in information.items()
    }


def _entropy(coefficients: Tensor) -> Tensor:
    """Entropy ``(N,)`` of the shares of the coefficients ``(N, C, K)`` in the sum of squares."""
    squares = coefficients.flatten(1).double().square()
    shares = squares / squares.sum(1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(1)
    return entropy.to(coefficients)


def hallucination(pictures: Tensor, images: Tensor) -> Tensor:
    """Count the edges of explanations that are not edges of the image [1]_.

    Edges are pixels whose gradient, by Sobel's filter on the grey image, is above 0.1. Those of the
    image are widened by a pixel each way before they are compared. The picture is scaled to the
    maximum 1 first.

    Parameters
    ----------
    pictures, images : Tensor
        ``(N, C, H, W)`` in [0, 1], explanations as images, and the images.

    Returns
    -------
    Tensor
        ``(N,)``, not negative, 0 where no edge is invented; a share of the number of the image's
        edge pixels, which can be above 1. NaN where the image has no edge.

    References
    ----------
    .. [1] S. Kolek et al., "Explaining Image Classifiers with Multiscale Directional Image
       Representation", CVPR 2023, Section 5, and its code.
    """
    edges, invented = edges_of(images), edges_of(brightened(pictures))
    near = max_pool2d(edges.float()[:, None], 3, stride=1, padding=1)[:, 0] > 0
    return (invented & ~near).sum((1, 2)) / edges.sum((1, 2))


def edges_of(images: Tensor) -> Tensor:
    """Find the edges of images ``(N, C, H, W)`` in [0, 1], ``(N, H, W)`` bool."""
    grey = pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(grey) / 8
    kernels = torch.stack((across, across.T))[:, None]
    slope: Tensor = torch.linalg.vector_norm(conv2d(grey, kernels), dim=1)
    return slope > _EDGE
