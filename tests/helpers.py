"""Small images, classifiers and problems that the tests of the method share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.objective import Objective


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_images(
    n: int, size: tuple[int, int] = (24, 24), channels: int = 3, seed: int = 0
) -> Tensor:
    """Random clouds that fill [0, 1]."""
    coarse = torch.rand(n, channels, 4, 4, generator=seeded(seed))
    clouds = nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)
    low, high = clouds.amin((1, 2, 3), keepdim=True), clouds.amax((1, 2, 3), keepdim=True)
    return (clouds - low) / (high - low)


def tiny_cnn(
    channels: int = 3, classes: int = 5, seed: int = 0, gain: float = 4.0
) -> nn.Sequential:
    """A convolutional network of any input size that tells smooth images apart."""
    head = nn.Linear(54, classes)
    model = nn.Sequential(
        nn.Conv2d(channels, 6, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(6, momentum=None),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.BatchNorm1d(54, momentum=None),
        head,
    )
    generator = seeded(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5, generator=generator)
        head.weight *= gain
        head.bias.zero_()
        model(smooth_images(64, channels=channels, seed=seed))  # norms take their statistics
    model.eval()
    return model


class Linear(nn.Module):
    """Logits that are linear in the pixels; float64, so that finite differences are exact."""

    def __init__(self, inputs: int, classes: int = 3, seed: int = 0, gain: float = 2.0) -> None:
        super().__init__()
        weight = torch.randn(inputs, classes, generator=seeded(seed), dtype=torch.float64)
        self.weight = nn.Parameter(gain * weight)

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight.to(images)


def make_objective(
    classifier: nn.Module,
    images: Tensor,
    target: Sequence[int] | None = None,
    *,
    representation: Representation | None = None,
    measure: DistortionMeasure = "probability",
    clamp: bool = True,
    antithetic: bool = True,
    chunk: int | None = None,
) -> Objective:
    """Objective for images, in wavelets (haar, 2 levels) if not said otherwise."""
    height, width = images.shape[-2:]
    with torch.no_grad():
        logits = classifier(images)
    return Objective(
        classifier,
        representation or Wavelets((height, width), "haar", 2),
        images,
        logits,
        logits.argmax(1) if target is None else torch.tensor(target),
        measure=measure,
        clamp=clamp,
        antithetic=antithetic,
        chunk=chunk,
    )


def pixel_objective(seed: int, copies: int = 1, size: int = 3) -> Objective:
    """One grey image of a few pixels, once or more, and a linear classifier of it."""
    image = torch.rand(1, 1, size, size, generator=seeded(seed), dtype=torch.float64)
    return make_objective(
        Linear(size**2, seed=seed, gain=3.0),
        image.expand(copies, -1, -1, -1),
        representation=Pixels(size),
        clamp=False,
    )
