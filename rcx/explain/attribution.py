"""What a mask shows of an image, as a picture and as a relevance of the pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from rcx.classifiers.targets import Target
from rcx.explain.explanation import Explanation
from rcx.representations.representation import Representation
from rcx.solver.loop import Progress
from rcx.solver.noise import adaptive_gaussian

_MARGIN = 0.25  # values this far outside [0, 1] are clamped


class Attributing(ABC):
    """An explainer that can show masks as pictures and as relevance of pixels."""

    @abstractmethod
    def representation(self, size: Sequence[int]) -> Representation:
        """Make the representation of images of a size ``(H, W)``."""

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Synthesise grey images from their masked coefficients, ``(N, 1, H, W)`` in [0, 1]."""
        grey = representation.analyse(images.mean(1, keepdim=True))
        return representation.synthesise(mask[:, None] * grey).clamp(0, 1)

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
        deviations = coefficients - adaptive_gaussian(coefficients, representation.bands).mean
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
    ) -> Explanation:
        """Explain a batch of images."""

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
            Images ``(N, C, H, W)`` in [0, 1], or a tuple of this one tensor. Captum perturbs
            images, so values outside [0, 1] by at most 0.25 are clamped.
        target, generator, progress
            As for `explain`.

        Returns
        -------
        Tensor or tuple of Tensor
            Relevance in the shape of ``inputs``, on their device, not negative, see `relevance`. It
            is the same for all colours, because they share a mask.

        Raises
        ------
        TypeError, ValueError
            For inputs of another type or shape, and as for `explain`.
        """
        if isinstance(inputs, tuple):
            if len(inputs) != 1:
                raise ValueError(f"inputs must be one batch of images, got {len(inputs)} tensors")
            (images,) = inputs
        else:
            images = inputs
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise TypeError("inputs must be a float tensor (N, C, H, W) in [0, 1]")
        # NaN and values farther outside remain, so that `explain` refuses them.
        clamped = images.detach()
        near = (clamped - 0.5).abs() <= 0.5 + _MARGIN
        clamped = torch.where(near, clamped.clamp(0, 1), clamped)
        with torch.enable_grad():  # captum's metrics switch gradients off
            explanation = self.explain(clamped, target, generator=generator, progress=progress)
        representation = self.representation(images.shape[-2:])
        relevance = self.relevance(representation, clamped.float().cpu(), explanation.mask)
        # Captum takes views of the result, so it must own its memory.
        attribution = relevance.expand(images.shape).contiguous().to(images)
        return (attribution,) if isinstance(inputs, tuple) else attribution
