"""Pixel RDE: the method on pixels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rcx.explain.explainer import Explainer
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.solver.settings import SolverSettings


class PixelRDE(Explainer):
    """Explain by the pixels that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, see `rcx.load_classifier`. It is not changed.
    lambda_k : float
        Trade-off, positive. The default is that of the report.
    solver : str or SolverSettings, optional
        Settings of the solver; by default ``"pixels-1"``.
    clamp : bool
        Whether to clamp obfuscated images to [0, 1] before they are classified. The published code
        does so for CartoonX only.
    distortion, target_distortion, noise, spatial_penalty, start, seed, device, batch_size, chunk, \
    evaluation_samples
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
    default_lambda_k = 4.0
    default_solver = SolverSettings.preset("pixels-1")
    default_clamp = False

    def representation(self, size: Sequence[int]) -> Pixels:
        """Make the representation of images of a size ``(H, W)`` by their pixels."""
        return Pixels(size)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw masks ``(N, K)`` as they are, ``(N, 1, H, W)``."""
        return representation.synthesise(mask[:, None])

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Return the masks ``(N, K)`` themselves, ``(N, 1, H, W)``."""
        return self.picture(representation, images, mask)
