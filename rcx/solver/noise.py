"""What replaces that which a mask removes: noise with the statistics of each band, or a blur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from rcx.representations.representation import Band, Representation

NoiseKind = Literal["gaussian", "uniform", "zero", "blur"]
"""What replaces a coefficient that is not kept, see `make_noise`."""

Clamp = bool | Literal["coefficients"]
"""Whether obfuscated images are clamped to [0, 1]. The code of ShearletX clamps the obfuscated
coefficients instead, before the synthesis."""

_BLUR = 10 / 224  # deviation of the blur, as a share of the image's shorter side


def checked_noise(kind: NoiseKind) -> NoiseKind:
    """Return the name of a noise, or raise ValueError unless it is one of `NoiseKind`."""
    if kind not in get_args(NoiseKind):
        raise ValueError(f"unknown noise {kind!r}; one of {', '.join(get_args(NoiseKind))}")
    return kind


def checked_clamp(clamp: Clamp) -> Clamp:
    """Return a value of `Clamp`, or raise ValueError for another one."""
    if clamp not in (True, False, "coefficients"):
        raise ValueError(f'clamp must be True, False or "coefficients", got {clamp!r}')
    return clamp


class BandNoise(NamedTuple):
    """Mean and size of the noise at every coefficient.

    Attributes
    ----------
    mean, deviation : Tensor
        ``(N, 1, K)``, shared by the colours, or ``(N, C, K)``. A sample is the mean plus the
        deviation times a random field of mean 0.
    """

    mean: Tensor
    deviation: Tensor


def band_noise(coefficients: Tensor, bands: Sequence[Band]) -> BandNoise:
    """Measure the mean and standard deviation of each band, over colours and positions.

    Parameters
    ----------
    coefficients : Tensor
        ``(N, C, K)``.
    bands : sequence of Band
        Slices that together cover the coefficient axis.

    Returns
    -------
    BandNoise
        Statistics for each image, ``(N, 1, K)``, constant within a band. A band of a single value
        has the deviation 0.

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
    return BandNoise(mean, deviation)


def make_noise(
    kind: NoiseKind,
    representation: Representation,
    images: Tensor,
    coefficients: Tensor,
    *,
    grey: bool = False,
) -> BandNoise:
    """Make the noise of a kind for images.

    Parameters
    ----------
    kind : {"gaussian", "uniform", "zero", "blur"}
        ``"gaussian"`` and ``"uniform"`` have the mean and the deviation of each band. A uniform
        value is between the mean minus and plus one deviation, as in ShearletX. ``"zero"`` leaves
        nothing. ``"blur"`` is the image, blurred by a Gaussian of 10 pixels for 224, as in the
        meaningful perturbations of Fong and Vedaldi (ICCV 2017).
    representation : Representation
        Representation of images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    coefficients : Tensor
        ``(N, C, K)``, those of the images.
    grey : bool
        Whether the statistics are those of the grey images.

    Raises
    ------
    ValueError
        For an unknown kind.
    """
    checked_noise(kind)
    if kind == "zero":
        nothing = torch.zeros_like(coefficients[:, :1])
        return BandNoise(nothing, nothing)
    if kind == "blur":
        deviation = _BLUR * min(images.shape[-2:])
        reach = min(min(images.shape[-2:]) - 1, int(3 * deviation) + 1)
        blurred = gaussian_blur(images, [2 * reach + 1] * 2, [deviation])
        mean = representation.analyse(blurred)
        return BandNoise(mean, torch.zeros_like(mean[:, :1]))
    return band_noise(
        coefficients.mean(1, keepdim=True) if grey else coefficients, representation.bands
    )


def draw_fields(kind: NoiseKind, shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw fields of noise of mean 0: standard normal, uniform in [-1, 1], or zeros.

    ``"zero"`` and ``"blur"`` draw nothing. One field is then enough, and ``shape`` is ignored but
    for the rest of its axes.
    """
    draw = {"gaussian": torch.randn, "uniform": torch.rand}.get(kind)
    if draw is None:
        return torch.zeros(1, *shape[1:], device=generator.device)
    fields: Tensor = draw(*shape, generator=generator, device=generator.device, dtype=torch.float32)
    return fields if kind == "gaussian" else 2 * fields - 1


def obfuscate(
    representation: Representation,
    coefficients: Tensor,
    mask: Tensor,
    noise: BandNoise,
    fields: Tensor,
    signs: Tensor | None = None,
    *,
    clamp: Clamp = True,
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
    noise : BandNoise
        Statistics of the noise for the N images.
    fields : Tensor
        ``(F, C, K)``, or ``(F, 1, K)`` for noise that the colours share, common to the images.
    signs : Tensor, optional
        ``(S,)``, each -1 or 1. Each field is synthesised once and serves S samples, one for each
        sign. ``(1, -1)`` gives antithetic pairs. None uses each field once, as it is.
    clamp : bool or "coefficients"
        Whether to clamp the obfuscations to [0, 1], the range of an image. With
        ``"coefficients"``, these are clamped, and the image is not.

    Returns
    -------
    Tensor
        ``(N, F * S, C, H, W)``.
    """
    weight, signal = mask[:, None, None], coefficients[:, None]
    mean, varying = noise.mean[:, None], noise.deviation[:, None] * fields
    if clamp == "coefficients" or signs is None:
        if signs is not None:
            varying = (varying[:, :, None] * signs[:, None, None]).flatten(1, 2)
        mixed = torch.lerp(
            (mean + varying).expand(*varying.shape[:2], *signal.shape[2:]), signal, weight
        )
        if clamp == "coefficients":
            return representation.synthesise(mixed.clamp(0, 1))
        images = representation.synthesise(mixed)
        return images.clamp(0, 1) if clamp else images
    # One call for both parts: with many small calls, two lanes would wait for each other.
    kept = torch.lerp(mean.expand_as(signal), signal, weight).flatten(1, 2)
    replaced = torch.lerp(varying, torch.zeros_like(varying), weight).flatten(1, 2)
    parts = representation.synthesise(torch.cat((kept, replaced), 1))
    still, moving = parts[:, : signal.shape[2]], parts[:, signal.shape[2] :]
    moving = moving.unflatten(1, varying.shape[1:3])[:, :, None] * signs[:, None, None, None]
    obfuscations: Tensor = still[:, None] + moving.flatten(1, 2)
    return obfuscations.clamp(0, 1) if clamp else obfuscations
