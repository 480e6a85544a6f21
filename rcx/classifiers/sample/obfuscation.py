"""Random obfuscation: the classifiers meet in training what an explanation shows them."""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, avg_pool2d, interpolate

_LEVELS = 5


def obfuscate_at_random(
    images: Tensor, regions: Tensor, inside: Tensor, outside: Tensor, generator: torch.Generator
) -> Tensor:
    """Replace randomly chosen coefficients of a Laplacian pyramid by Gaussian noise.

    The noise has the mean and the deviation of each image's band, as in a rate-distortion
    explanation; only the pyramid is simpler than a wavelet transform.

    Parameters
    ----------
    images
        Colours in [0, 1] of shape (N, 3, H, W); H and W divisible by 32.
    regions
        1 inside the region and 0 outside, of shape (N, h, w), in any resolution.
    inside, outside
        Chance in [0, 1] of shape (N,) that a coefficient inside or outside the region is kept.
    generator
        Source of every random draw.

    Returns
    -------
        Colours of shape (N, 3, H, W), not clamped.
    """
    coarse, area = images, regions[:, None]
    bands: list[Tensor] = []
    for level in range(_LEVELS + 1):
        fine = coarse
        if level < _LEVELS:
            coarse = avg_pool2d(fine, 2)
            fine = fine - _double(coarse)
        # maximum pooling: a coefficient belongs to the region if it touches it
        within = adaptive_max_pool2d(area, fine.shape[-2:])
        chance = torch.lerp(outside[:, None, None, None], inside[:, None, None, None], within)
        kept = torch.rand(within.shape, generator=generator) < chance
        deviation, mean = torch.std_mean(fine, dim=(1, 2, 3), keepdim=True)
        noise = torch.randn(fine.shape, generator=generator).mul_(deviation).add_(mean)
        bands.append(torch.where(kept, fine, noise))
    result = bands.pop()
    while bands:
        result = _double(result).add_(bands.pop())
    return result


def _double(images: Tensor) -> Tensor:
    return interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)
