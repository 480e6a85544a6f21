"""Pixel RDE: the method on pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.explainer import Explainer
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import AnyStart


class PixelRDE(Explainer):
    """Explain by the pixels that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier, distortion, target_distortion, start, solver, seed, device, batch_size, chunk
        As for `rcx.CartoonX`.
    lambda_k : float
        Trade-off, positive; 4 by default, as in the report.
    clamp : bool
        Clamp obfuscated images to [0, 1] before they are classified. The published code does this
        for CartoonX only; hence False.
    evaluation_samples : int
        As for `rcx.CartoonX`.

    Raises
    ------
    TypeError, ValueError
        As for `rcx.CartoonX`.

    References
    ----------
    .. [1] S. Kolek et al., "A rate-distortion framework for explaining black-box model decisions",
       xxAI, 2022.
    """

    method = "Pixel RDE"
    # its masks are far from the published schedule's with fewer steps than a cartoon needs
    default_solver = SolverSettings(steps=180)

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float = 4.0,
        *,
        distortion: DistortionMeasure = "relative",
        target_distortion: float | None = None,
        start: AnyStart = "ones",
        solver: Preset | SolverSettings | None = None,
        clamp: bool = False,
        seed: int = 0,
        device: str | torch.device = "auto",
        batch_size: int | None = None,
        chunk: int | None = None,
        evaluation_samples: int = 64,
    ) -> None:
        super().__init__(
            classifier,
            lambda_k,
            distortion=distortion,
            target_distortion=target_distortion,
            start=start,
            solver=solver,
            clamp=clamp,
            seed=seed,
            device=device,
            batch_size=batch_size,
            chunk=chunk,
            evaluation_samples=evaluation_samples,
        )

    def representation(self, size: Sequence[int]) -> Pixels:
        """Pixels of images of a size ``(H, W)``."""
        return Pixels(size)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the mask itself."""
        return representation.synthesise(mask[:, None])

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """The mask itself, ``(N, 1, H, W)``."""
        return self.picture(representation, images, mask)
