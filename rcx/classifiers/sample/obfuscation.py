"""Random obfuscation, which shows classifiers in training such images as explanations do."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, avg_pool2d, interpolate

_LEVELS = 5


def obfuscate_at_random(
    images: Tensor, regions: Tensor, inside: Tensor, outside: Tensor, generator: torch.Generator
) -> Tensor:
    """Replace random coefficients of a Laplacian pyramid by Gaussian noise.

    The noise has the mean and the deviation of the image's band, as in a rate-distortion
    explanation. Only the pyramid is simpler than a wavelet transform.

    Parameters
    ----------
    images : Tensor
        ``(N, 3, H, W)`` in [0, 1]. H and W are divisible by 32.
    regions : Tensor
        ``(N, h, w)``, 1 inside a region and 0 outside, in any resolution.
    inside, outside : Tensor
        ``(N,)`` in [0, 1], the probability that a coefficient inside or outside the region is kept.
    generator : torch.Generator
        Source of every random draw.

    Returns
    -------
    Tensor
        ``(N, 3, H, W)``, not clamped to [0, 1].
    """
    coarse, area = images, regions[:, None]
    bands: list[Tensor] = []
    for level in range(_LEVELS + 1):
        fine = coarse
        if level < _LEVELS:
            coarse = avg_pool2d(fine, 2)
            fine = fine - _double(coarse)
        # By maximum pooling, a coefficient belongs to the region if it touches it.
        within = adaptive_max_pool2d(area, fine.shape[-2:])
        probability = torch.lerp(outside[:, None, None, None], inside[:, None, None, None], within)
        keep = torch.rand(within.shape, generator=generator) < probability
        deviation, mean = torch.std_mean(fine, dim=(1, 2, 3), keepdim=True)
        noise = torch.randn(fine.shape, generator=generator).mul_(deviation).add_(mean)
        bands.append(torch.where(keep, fine, noise))
    result = bands.pop()
    while bands:
        result = _double(result).add_(bands.pop())
    return result


def _double(images: Tensor) -> Tensor:
    """Enlarge images to twice their height and width."""
    return interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
