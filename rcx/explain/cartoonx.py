"""CartoonX: the method on wavelet coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.explainer import Explainer
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.noise import adaptive_gaussian
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import AnyStart


class CartoonX(Explainer):
    """Explain by the wavelet coefficients that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`. Comes back as it was.
    lambda_k : float
        Trade-off: distortion units per unit of non-sparsity, positive. The larger, the sparser.
    wavelet, levels, padding
        See `rcx.representations.Wavelets`.
    distortion : {"relative", "probability", "l2", "kl", "maximise-target"}
        How far the answer moved, see `rcx.solver.distortion`. ``"probability"`` is the published
        measure.
    target_distortion : float, optional
        Find each image's own lambda, the one at which its distortion is this large, within a tenth;
        ``lambda_k`` is then where the search begins.
    start : str, Tensor or StartNetwork
        Where the solver begins: ``"ones"``, ``"random"``, ``"uniform"``, ``"foreground"``,
        ``"foreground-uniform"``, ``"predicted"``, a mask ``(K,)`` or ``(N, K)``, or a network, see
        `rcx.starts.initial_mask`.
    solver : {"fast", "short", "published"} or SolverSettings, optional
        How the mask is found, see `rcx.SolverSettings`; None takes ``default_solver``. The
        published settings take 2,000 steps of 64 samples.
    clamp : bool
        Clamp obfuscated images to [0, 1] before they are classified, as published.
    seed : int
        For the random draws, where `explain` is given no generator.
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.
    batch_size : int, optional
        Images optimised together; None takes 32 on a GPU, and 1 on a CPU, where more save no time
        and one gives the same bits whatever else is explained in the call.
    chunk : int, optional
        Most obfuscated images in one pass through the network; None chooses.
    evaluation_samples : int
        Fresh noise samples for the distortion that is reported.

    Raises
    ------
    TypeError, ValueError
        For settings that are none of the above.

    References
    ----------
    .. [1] S. Kolek, D. A. Nguyen, R. Levie, J. Bruna, G. Kutyniok, "Cartoon Explanations of Image
       Classifiers", ECCV 2022.
    """

    method = "CartoonX"

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float = 20.0,
        *,
        wavelet: str = "db3",
        levels: int = 5,
        padding: str = "zero",
        distortion: DistortionMeasure = "relative",
        target_distortion: float | None = None,
        start: AnyStart = "ones",
        solver: Preset | SolverSettings | None = None,
        clamp: bool = True,
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
        self.wavelet, self.levels, self.padding = wavelet, levels, padding

    def representation(self, size: Sequence[int]) -> Wavelets:
        """Wavelets for images of a size ``(H, W)``."""
        return Wavelets(size, self.wavelet, self.levels, self.padding)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the cartoon: the grey image synthesised from its masked coefficients."""
        grey = representation.analyse(images.mean(1, keepdim=True))
        return representation.synthesise(mask[:, None] * grey).clamp(0, 1)

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Amplitude, at each pixel, of what the mask keeps.

        The image is synthesised in colour from its masked coefficients, less the mean of their
        band, around which the noise lies that stands for what is not kept; its amplitude is the
        root of the sum of squares over the colours. So a dark object counts as much as a bright
        one, while in the cartoon's brightness it counts nothing.

        Parameters
        ----------
        representation : Representation
            Of the images' size.
        images : Tensor
            ``(N, C, H, W)``.
        mask : Tensor
            ``(N, K)``.

        Returns
        -------
        Tensor
            ``(N, 1, H, W)``, 0 where nothing is kept.
        """
        coefficients = representation.analyse(images)
        kept = coefficients - adaptive_gaussian(coefficients, representation.bands).mean
        return representation.synthesise(mask[:, None] * kept).norm(dim=1, keepdim=True)
