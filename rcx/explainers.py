"""CartoonX and Pixel RDE: the same method in two representations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rcx.classifiers import Classifier
from rcx.explainer import Explainer
from rcx.noise import adaptive_gaussian
from rcx.representations import Pixels, Representation, Wavelets
from rcx.solver import SolverSettings

_BEYOND = 0.25  # how far from [0, 1] `attribute` takes a perturbed image for an image


class _Attributing(Explainer):
    """An explainer that speaks captum's language: relevance of pixels, in the input's shape."""

    @abstractmethod
    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Relevance ``(N, 1, H, W)`` of each pixel, not negative."""

    def attribute(
        self,
        inputs: Tensor | tuple[Tensor],
        target: int | Sequence[int] | Tensor | None = None,
        **options: Any,
    ) -> Tensor | tuple[Tensor]:
        """Relevance of pixels, by the interface that captum's attributions have.

        Parameters
        ----------
        inputs : Tensor or tuple of Tensor
            Images ``(N, C, H, W)`` in [0, 1], or a tuple of this one tensor. What leaves [0, 1] by
            no more than a quarter, as where captum perturbs images, is clamped.
        target : int, sequence of int or Tensor, optional
            As for `explain`.
        **options
            ``generator`` and ``progress``, as for `explain`.

        Returns
        -------
        Tensor or tuple of Tensor
            In the shape of ``inputs``, on their device, not negative: the same for all colours,
            as masks are shared by them. See `relevance`.

        Raises
        ------
        TypeError, ValueError
            As for `explain`.
        """
        if isinstance(inputs, tuple):
            if len(inputs) != 1:
                raise ValueError(f"inputs must be one batch of images, got {len(inputs)} tensors")
            return (self._attributed(inputs[0], target, options),)
        return self._attributed(inputs, target, options)

    def _attributed(
        self,
        images: Tensor,
        target: int | Sequence[int] | Tensor | None,
        options: dict[str, Any],
    ) -> Tensor:
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise TypeError("inputs must be a float tensor (N, C, H, W) in [0, 1]")
        # what lies farther out, or is NaN, stays what it is, for `explain` to refuse
        near = images.detach()
        near = torch.where((near - 0.5).abs() <= 0.5 + _BEYOND, near.clamp(0, 1), near)
        with torch.enable_grad():  # captum's metrics forbid gradients around the call
            explanation = self.explain(near, target, **options)
        representation = self.representation(images.shape[-2:])
        relevance = self.relevance(representation, near.float().cpu(), explanation.mask)
        return relevance.expand(images.shape).contiguous().to(images)  # captum takes views of it


class CartoonX(_Attributing):
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
    solver : {"fast", "short", "published"} or SolverSettings, optional
        The published settings take 2,000 steps of 64 samples; None takes `default_solver`.
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


class PixelRDE(_Attributing):
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
    # its masks are far from the published schedule's with fewer steps than a cartoon needs
    default_solver = SolverSettings(steps=180)

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

    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """The mask itself, ``(N, 1, H, W)``."""
        return self.picture(representation, images, mask)
