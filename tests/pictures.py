"""A picture, and torchvision's way to resize it, that the tests of image files share."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional

from rcx.images.decoding import Fit


def picture(height: int = 40, width: int = 60) -> Image.Image:
    """Smooth colours with a bright corner, so that no two orientations look alike."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    colours = np.stack([x, y, (1 - x) * y], axis=-1)
    colours[: height // 4, : width // 4] = 1
    return Image.fromarray((255 * colours).astype(np.uint8))


def resized(image: Image.Image, size: int, fit: Fit = "stretch") -> Tensor:
    """The image as torchvision reads and resizes it."""
    steps: list[Callable[[Any], Any]] = [functional.to_tensor]
    if fit == "stretch":
        steps += [transforms.Resize((size, size), antialias=True)]
    else:
        steps += [transforms.Resize(size, antialias=True), transforms.CenterCrop(size)]
    tensor: Tensor = transforms.Compose(steps)(image)
    return tensor
