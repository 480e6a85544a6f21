"""Small images, classifiers and problems that the tests of the method share."""

import io
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from rcx.images.figures import StyledFigure
from rcx.images.scenes import Scenes, draw_scenes
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.loop import Watch, solve
from rcx.solver.moments import Momentum
from rcx.solver.objective import Objective
from rcx.solver.problem import Problem, Solution
from rcx.solver.settings import SolverSettings

# Projected Adam as published, but with larger steps.
PLAIN: dict[str, Any] = {
    "antithetic": False,
    "learning_rate": 0.05,
    "early_share": 0,
    "decay_share": 0,
    "overshoot": 1.0,
    "memory": 0.999,
    "reach": 1.0,
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def unseen_scenes() -> Scenes:
    """300 scenes whose seed is neither a training seed nor that of the training script's test."""
    return draw_scenes(300, seed=20_240_229)


def rendered(figure: StyledFigure) -> npt.NDArray[np.uint8]:
    """Pixels ``(height, width, 3)`` of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def random_tensor(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=dtype)


def smooth_images(
    n: int, size: tuple[int, int] = (24, 24), channels: int = 3, seed: int = 0
) -> Tensor:
    """Images of random clouds, each with values from 0 to 1."""
    coarse = torch.rand(n, channels, 4, 4, generator=seeded(seed))
    clouds = nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True)
    low, high = clouds.amin((1, 2, 3), keepdim=True), clouds.amax((1, 2, 3), keepdim=True)
    return (clouds - low) / (high - low)


def tiny_cnn(
    channels: int = 3, classes: int = 5, seed: int = 0, gain: float = 4.0
) -> nn.Sequential:
    """A convolutional network for any image size, which gives smooth images different classes."""
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
        model(smooth_images(64, channels=channels, seed=seed))  # the norms collect statistics
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
    """Objective of images, by default in Haar wavelets of 2 levels."""
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


def ones(objective: Objective) -> Tensor:
    """Masks that keep the whole images."""
    return torch.ones_like(objective.coefficients[:, 0])


def lambdas(objective: Objective, *values: float) -> Tensor:
    """One lambda for each image, or the same for all."""
    return torch.tensor(values).to(objective.coefficients).expand(len(objective))


def pixel_objective(seed: int, copies: int = 1, size: int = 3) -> Objective:
    """Objective of copies of a grey image with few pixels, for a linear classifier."""
    image = torch.rand(1, 1, size, size, generator=seeded(seed), dtype=torch.float64)
    return make_objective(
        Linear(size**2, seed=seed, gain=3.0),
        image.expand(copies, -1, -1, -1),
        representation=Pixels(size),
        clamp=False,
    )


class Bowl(Objective):
    """Mean over entries of ``a (1 - m)^2``, with noisy slopes, whose optimum is known."""

    def __init__(self, curvature: Tensor, deviation: float = 0.0) -> None:
        self.curvature, self.deviation = curvature, deviation

    def __len__(self) -> int:
        return len(self.curvature)

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        shape = (samples, *self.curvature.shape[1:])
        return torch.randn(shape, generator=generator, dtype=self.curvature.dtype)

    def gradient(self, mask: Tensor, fields: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        curvature = self.curvature[rows]
        slope = -2 * curvature * (1 - mask) + self.deviation * fields.mean(0)
        return (curvature * (1 - mask) ** 2).mean(1), slope / mask.shape[1]

    def ends(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(self.curvature[:, 0]), self.curvature.mean(1)

    def loss(self, mask: Tensor, lambda_k: Tensor) -> Tensor:
        return (self.curvature * (1 - mask) ** 2).mean(1) + lambda_k * mask.mean(1)

    def optimum(self, lambda_k: Tensor) -> Tensor:
        return (1 - lambda_k[:, None] / (2 * self.curvature)).clamp(0, 1)


def bowl(n: int = 3, deviation: float = 0.0, length: int = 60) -> Bowl:
    curvature = 3 * torch.rand(n, length, generator=seeded(5), dtype=torch.float64)
    return Bowl(curvature, deviation)


def solved(
    objective: Objective,
    start: Tensor,
    lambda_k: Tensor,
    settings: SolverSettings,
    noise: torch.Generator,
    *,
    momentum: Momentum | None = None,
    watch: Watch | None = None,
) -> Solution:
    """Solve the problem of these parts."""
    return solve(Problem(objective, start, lambda_k, noise, momentum), settings, watch)


def solve_bowl(problem: Bowl, lambda_k: Tensor, seed: int = 0, **settings: Any) -> Solution:
    start = torch.ones_like(problem.curvature)
    return solved(problem, start, lambda_k, SolverSettings(**settings), seeded(seed))
