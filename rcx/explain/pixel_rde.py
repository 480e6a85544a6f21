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
    classifier : Classifier, nn.Module or str
        The classifier, see `rcx.load_classifier`. It is not changed.
    lambda_k : float
        Trade-off, positive. The default is that of the report.
    distortion : {"relative", "probability", "l2", "kl", "maximise-target"}
        Measure of how far the answer moves, see `rcx.solver.distortion`. ``"probability"`` is the
        published one.
    target_distortion : float, optional
        As for `rcx.CartoonX`.
    start : str, Tensor or StartNetwork
        Mask that the solver starts from: ``"ones"``, ``"random"``, ``"uniform"``,
        ``"foreground"``, ``"foreground-uniform"``, ``"predicted"``, a mask ``(K,)`` or ``(N, K)``,
        or a network, see `rcx.starts.initial_mask`.
    solver : str or SolverSettings, optional
        Settings of the solver, by name or one by one, see `rcx.SolverSettings.preset`. By default
        these are ``"pixels-1"``.
    clamp : bool
        Whether to clamp obfuscated images to [0, 1] before they are classified. The published code
        does so for CartoonX only.
    seed, device, batch_size, chunk, evaluation_samples
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
    default_solver = SolverSettings.preset("pixels-1")

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
        """Make the representation of images of a size ``(H, W)`` by their pixels."""
        return Pixels(size)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw masks ``(N, K)`` as they are, ``(N, 1, H, W)``."""
        return representation.synthesise(mask[:, None])

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Return the masks ``(N, K)`` themselves, ``(N, 1, H, W)``."""
        return self.picture(representation, images, mask)
