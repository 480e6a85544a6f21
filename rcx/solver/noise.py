"""The noise that replaces what a mask removes: Gaussian, with the statistics of each band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rcx.representations.representation import Band, Representation


class GaussianNoise(NamedTuple):
    """Mean and standard deviation of the noise at every coefficient.

    Attributes
    ----------
    mean, deviation : Tensor
        ``(N, 1, K)``, constant within a band and shared by the colours.
    """

    mean: Tensor
    deviation: Tensor


def adaptive_gaussian(coefficients: Tensor, bands: Sequence[Band]) -> GaussianNoise:
    """Measure the mean and standard deviation of each band, over colours and positions.

    Parameters
    ----------
    coefficients : Tensor
        ``(N, C, K)``.
    bands : sequence of Band
        Slices that together cover the coefficient axis.

    Returns
    -------
    GaussianNoise
        Statistics of the noise for each image. A band of a single value has the deviation 0.

    References
    ----------
    CartoonX, ECCV 2022, Section 3 ("adaptive Gaussian noise").
    """
    mean, deviation = (torch.empty_like(coefficients[:, :1]) for _ in range(2))
    for band in bands:
        values = coefficients[..., band.positions].flatten(1)
        spread = values.std(dim=1) if values.shape[1] > 1 else torch.zeros_like(values[:, 0])
        mean[..., band.positions] = values.mean(dim=1)[:, None, None]
        deviation[..., band.positions] = spread[:, None, None]
    return GaussianNoise(mean, deviation)


def obfuscate(
    representation: Representation,
    coefficients: Tensor,
    mask: Tensor,
    noise: GaussianNoise,
    fields: Tensor,
    signs: Tensor | None = None,
    *,
    clamp: bool = True,
) -> Tensor:
    """Keep the masked part of the image and replace the rest by noise.

    Computes ``synthesise(mask * coefficients + (1 - mask) * noise)``.

    Parameters
    ----------
    representation : Representation
        Representation of images of this size.
    coefficients : Tensor
        ``(N, C, K)``, coefficients of the images.
    mask : Tensor
        ``(N, K)`` in [0, 1].
    noise : GaussianNoise
        Statistics of the noise for the N images.
    fields : Tensor
        ``(F, C, K)``, standard normal draws, common to the images.
    signs : Tensor, optional
        ``(S,)``, each -1 or 1. Each field is synthesised once and serves S samples, one for each
        sign. ``(1, -1)`` gives antithetic pairs. None uses each field once, as it is.
    clamp : bool
        Whether to clamp the obfuscations to [0, 1], the range of an image.

    Returns
    -------
    Tensor
        ``(N, F * S, C, H, W)``.
    """
    weight, signal = mask[:, None, None], coefficients[:, None]
    mean, varying = noise.mean[:, None], noise.deviation[:, None] * fields
    if signs is None:
        obfuscations = representation.synthesise(torch.lerp(mean + varying, signal, weight))
    else:
        # One call for both parts: with many small calls, two lanes would wait for each other.
        start = torch.cat((mean.expand_as(signal), varying), 1)
        end = torch.cat((signal, torch.zeros_like(varying)), 1)
        parts = representation.synthesise(torch.lerp(start, end, weight))
        varying = parts[:, 1:, None] * signs[:, None, None, None]
        obfuscations = parts[:, :1] + varying.flatten(1, 2)
    return obfuscations.clamp(0, 1) if clamp else obfuscations
