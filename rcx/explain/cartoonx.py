"""CartoonX: the method on wavelet coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.explainer import Explainer
from rcx.explain.options import ExplainerOptions
from rcx.representations.wavelets import Wavelets


class CartoonX(Explainer):
    """Explain by the wavelet coefficients that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, see `rcx.load_classifier`. It is not changed.
    lambda_k : float
        Trade-off, positive: the distortion that a non-sparsity of 1 is worth. A larger one gives
        sparser explanations.
    wavelet : str
        Name of a discrete wavelet of PyWavelets, such as ``"haar"``, see
        `rcx.representations.Wavelets`.
    levels : int
        Number of levels of the wavelet transform, at least 1.
    padding : str
        How the transform continues an image beyond its edges, see `rcx.representations.Wavelets`.
    distortion : {"relative", "probability", "l2", "kl", "maximise-target"}
        Measure of how far the answer moves, see `rcx.solver.distortion`. ``"probability"`` is the
        published one.
    noise : {"gaussian", "uniform", "zero", "blur"}
        What replaces the coefficients that are not kept, see `rcx.solver.make_noise`.
    spatial_penalty : float
        Weight of the cartoon's mean brightness in the loss, not negative, see
        `rcx.solver.spatial_penalty`. CartoonX has none.
    target_distortion : float, optional
        Distortion, positive, that each image is to have within a tenth. Each image then has its own
        lambda, and the search for it begins at ``lambda_k``.
    start : str, Tensor or StartNetwork
        Mask that the solver starts from: ``"ones"``, ``"random"``, ``"uniform"``,
        ``"foreground"``, ``"foreground-uniform"``, ``"predicted"``, a mask ``(K,)`` or ``(N, K)``,
        or a network, see `rcx.starts.initial_mask`.
    solver : str or SolverSettings, optional
        Settings of the solver, by name or one by one, see `rcx.SolverSettings.preset`. By default
        these are ``"fast"``. ``"published"`` takes 2,000 steps of 64 samples.
    clamp : bool or "coefficients"
        Whether to clamp obfuscated images to [0, 1] before they are classified, as published, see
        `rcx.solver.Clamp`.
    seed : int
        Seed of all random draws, if `explain` is given no generator.
    device : str, torch.device or None
        Device to compute on. ``"auto"`` and None take a GPU if there is one.
    batch_size : int, optional
        Number of images that are solved together, at least 1. By default this is 32 on a GPU and 1
        on a CPU. There, more would not save time, and with 1 an image's bits do not depend on the
        other images of the call.
    chunk : int, optional
        Largest number of obfuscated images in one pass through the network, at least 1. By default
        it depends on the size of the images and the device.
    evaluation_samples : int
        Number of fresh noise samples for the reported distortion, at least 1.

    Raises
    ------
    TypeError, ValueError
        For options of another type or outside these ranges.

    References
    ----------
    .. [1] S. Kolek, D. A. Nguyen, R. Levie, J. Bruna, G. Kutyniok, "Cartoon Explanations of Image
       Classifiers", ECCV 2022.
    """

    method = "CartoonX"

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        wavelet: str = "db3",
        levels: int = 5,
        padding: str = "zero",
        **options: Unpack[ExplainerOptions],
    ) -> None:
        super().__init__(classifier, lambda_k, **options)
        self.wavelet, self.levels, self.padding = wavelet, levels, padding

    def representation(self, size: Sequence[int]) -> Wavelets:
        """Make the wavelet transform of images of a size ``(H, W)``."""
        return Wavelets(size, self.wavelet, self.levels, self.padding)
