"""CartoonX and Pixel RDE: the same method in two representations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from rcx.classifiers import Classifier
from rcx.explainer import Explainer
from rcx.representations import Pixels, Representation, Wavelets


class CartoonX(Explainer):
    """Explain by the wavelet coefficients that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`. Comes back as it was.
    lambda_k : float
        Trade-off: distortion units per unit of non-sparsity. The larger, the sparser.
    wavelet, levels, padding
        See `rcx.representations.Wavelets`.
    distortion : {"probability", "l2", "kl", "maximise-target"}
        See `rcx.distortion.distortion`.
    target_distortion : float, optional
        Find each image's own lambda, the one at which its distortion is this large; ``lambda_k`` is
        then where the search begins.
    keep_label : bool
        Where the explained class is lost, try a few smaller lambdas: where the classifier is
        unsure, deleting everything can cost less than the rate of an explanation.
    start : {"ones", "random", "uniform"} or Tensor
        See `rcx.starts.initial_mask`.
    solver : {"fast", "published"} or SolverSettings
        The published settings take 2,000 steps of 64 samples.
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

    References
    ----------
    .. [1] S. Kolek, D. A. Nguyen, R. Levie, J. Bruna, G. Kutyniok, "Cartoon Explanations of Image
       Classifiers", ECCV 2022.
    """

    method = "CartoonX"
    default_lambda_k = 20.0

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        wavelet: str = "db3",
        levels: int = 5,
        padding: str = "zero",
        **options: Any,
    ) -> None:
        super().__init__(classifier, lambda_k, **options)
        self.wavelet, self.levels, self.padding = wavelet, levels, padding

    def representation(self, size: Sequence[int]) -> Wavelets:
        """Wavelets for images of a size ``(H, W)``."""
        return Wavelets(size, self.wavelet, self.levels, self.padding)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the cartoon: the grey image synthesised from its masked coefficients."""
        grey = representation.analyse(images.mean(1, keepdim=True))
        return representation.synthesise(mask[:, None] * grey).clamp(0, 1)


class PixelRDE(Explainer):
    """Explain by the pixels that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier, distortion, target_distortion, keep_label, start, solver, seed, device
        As for `CartoonX`.
    batch_size, chunk, evaluation_samples
        As for `CartoonX`.
    lambda_k : float
        As for `CartoonX`; 4 by default, as in the report.
    clamp : bool
        Clamp obfuscated images to [0, 1] before they are classified. The published code does this
        for CartoonX only; hence False.

    References
    ----------
    .. [1] S. Kolek et al., "A rate-distortion framework for explaining black-box model decisions",
       xxAI, 2022.
    """

    method = "Pixel RDE"
    default_lambda_k = 4.0

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        clamp: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(classifier, lambda_k, clamp=clamp, **options)

    def representation(self, size: Sequence[int]) -> Pixels:
        """Pixels of images of a size ``(H, W)``."""
        return Pixels(size)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the mask itself."""
        return representation.synthesise(mask[:, None])
