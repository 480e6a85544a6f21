"""What a mask shows of an image, as a picture and as a relevance of the pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from rcx.classifiers.targets import Target
from rcx.explain.empty import warn_of_empty
from rcx.explain.explanation import Explanation
from rcx.representations.representation import Representation
from rcx.solver.loop import Progress
from rcx.solver.noise import band_noise
from rcx.system.isolation import isolated

_MOST_OUTSIDE = 0.12  # mean distance from [0, 1] of the values of an image that was perturbed


def kept_image(representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
    """Synthesise the colours that masks keep, with nothing in place of the rest.

    Parameters
    ----------
    representation : Representation
        Representation of images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    mask : Tensor
        ``(N, K)`` in [0, 1].

    Returns
    -------
    Tensor
        ``(N, C, H, W)`` in [0, 1].
    """
    return representation.synthesise(mask[:, None] * representation.analyse(images)).clamp(0, 1)


def brightened(pictures: Tensor) -> Tensor:
    """Scale pictures ``(N, C, H, W)`` so that the brightest value of each is 1."""
    brightest = pictures.amax((1, 2, 3), keepdim=True)
    return pictures / brightest.clamp_min(torch.finfo(pictures.dtype).tiny)


class Attributing(ABC):
    """An explainer that can show masks as pictures and as relevance of pixels."""

    scaled_pictures: ClassVar[bool] = False
    """Whether each picture is scaled so that its brightest pixel is 1."""

    @abstractmethod
    def representation(self, size: Sequence[int]) -> Representation:
        """Make the representation of images of a size ``(H, W)``."""

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Synthesise grey images from their masked coefficients, ``(N, 1, H, W)`` in [0, 1]."""
        picture = kept_image(representation, images.mean(1, keepdim=True), mask)
        return brightened(picture) if self.scaled_pictures else picture

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Compute the amplitude, at each pixel, of what the mask keeps.

        The mean of its band is subtracted from each coefficient, because the noise that replaces it
        has this mean. The image is then synthesised in colour from the masked coefficients, and the
        amplitude is the root of the sum of squares over the colours. A dark object so counts as
        much as a bright one, although it is dark in the cartoon.

        Parameters
        ----------
        representation : Representation
            Representation of images of this size.
        images : Tensor
            ``(N, C, H, W)`` in [0, 1].
        mask : Tensor
            ``(N, K)`` in [0, 1].

        Returns
        -------
        Tensor
            ``(N, 1, H, W)``, not negative; 0 where nothing is kept.
        """
        coefficients = representation.analyse(images)
        deviations = coefficients - band_noise(coefficients, representation.bands).mean
        colours = representation.synthesise(mask[:, None] * deviations)
        amplitude: Tensor = torch.linalg.vector_norm(colours, dim=1, keepdim=True)
        return amplitude

    @abstractmethod
    def explain(
        self,
        images: Tensor,
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
        warn: bool = True,
    ) -> Explanation:
        """Explain a batch of images."""

    @isolated()
    def attribute(
        self,
        inputs: Tensor | tuple[Tensor],
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor | tuple[Tensor]:
        """Explain images by the relevance of their pixels, by the interface of captum.

        Parameters
        ----------
        inputs : Tensor or tuple of Tensor
            Images ``(N, C, H, W)`` in [0, 1], or a tuple of this one tensor. Metrics perturb
            images, so values outside [0, 1] are clamped, if the image's values are at a mean
            distance of at most 0.12 from [0, 1]. Gaussian noise of deviation 0.25 remains below
            this on every image. Images in [0, 255] or [-1, 1], or normalised by the statistics of
            ImageNet, are as a rule farther away, and are refused.
        target, generator, progress
            As for `explain`.

        Returns
        -------
        Tensor or tuple of Tensor
            Relevance in the shape of ``inputs``, on their device, not negative, see `relevance`. It
            is the same for all colours, because they share a mask. It is 0 everywhere if nothing is
            kept of the image.

        Raises
        ------
        TypeError, ValueError
            For inputs of another type or shape, and as for `explain`.

        Warns
        -----
        EmptyExplanationWarning
            If an explanation shows nothing. Where its relevance is 0 everywhere, the visualiser of
            captum raises an AssertionError.
        """
        if isinstance(inputs, tuple):
            if len(inputs) != 1:
                raise ValueError(f"inputs must be one batch of images, got {len(inputs)} tensors")
            (images,) = inputs
        else:
            images = inputs
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise TypeError("inputs must be a float tensor (N, C, H, W) in [0, 1]")
        clamped = _clamped(images.detach())
        explanation = self.explain(
            clamped, target, generator=generator, progress=progress, warn=False
        )
        representation = self.representation(images.shape[-2:])
        relevance = self.relevance(representation, clamped.float().cpu(), explanation.mask)
        warn_of_empty(explanation, relevance)
        # Captum takes views of the result, so it must own its memory.
        attribution = relevance.expand(images.shape).contiguous().to(images)
        return (attribution,) if isinstance(inputs, tuple) else attribution


def _clamped(images: Tensor) -> Tensor:
    """Clamp perturbed images to [0, 1]. Others remain as they are, so that `explain` refuses them.

    Parameters
    ----------
    images : Tensor
        ``(N, C, H, W)``.
    """
    if not images.is_floating_point() or not images.numel():
        return images
    inside = images.clamp(0, 1)
    distance = (images - inside).float().abs().flatten(1).mean(1)
    perturbed = (distance <= _MOST_OUTSIDE)[:, None, None, None]  # NaN is not
    return torch.where(perturbed, inside, images)
