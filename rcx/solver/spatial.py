"""The spatial penalty: how bright the picture is that a mask draws."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rcx.representations.representation import Representation


def checked_penalty(weight: float) -> float:
    """Return a spatial penalty's weight, or raise ValueError unless it is finite, 0 or more."""
    if not 0 <= weight < math.inf:
        raise ValueError(f"spatial_penalty must be a number of at least 0, got {weight!r}")
    return float(weight)


@torch.enable_grad()
def spatial_penalty(
    representation: Representation, grey: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Measure the mean brightness of the pictures of masks, and its derivatives.

    A picture is the grey image, synthesised from its masked coefficients and clamped to [0, 1]. In
    CartoonX, sparse coefficients may draw edges and textures that the image has not. A penalty on
    the picture makes what is not needed black instead [1]_.

    Parameters
    ----------
    representation : Representation
        Representation of images of this size.
    grey : Tensor
        ``(n, K)``, coefficients of the grey images.
    mask : Tensor
        ``(n, K)`` in [0, 1].

    Returns
    -------
    penalty : Tensor
        ``(n,)`` in [0, 1].
    gradient : Tensor
        ``(n, K)``, derivatives by the mask.

    References
    ----------
    .. [1] S. Kolek et al., "Explaining Image Classifiers with Multiscale Directional Image
       Representation", CVPR 2023, Section 4.
    """
    part = mask.detach().requires_grad_()
    penalty = representation.synthesise(part * grey).clamp(0, 1).mean((-2, -1))
    (gradient,) = torch.autograd.grad(penalty.sum(), part)
    return penalty.detach(), gradient
