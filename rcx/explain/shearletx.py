"""ShearletX: the method on shearlet coefficients, with a spatial penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.explainer import Explainer
from rcx.explain.options import ExplainerOptions
from rcx.representations.shearlet_filters import ShearletSystem
from rcx.representations.shearlets import Shearlets
from rcx.solver.settings import SolverSettings


class ShearletX(Explainer):
    """Explain by shearlet coefficients, which draw edges at any angle [1]_.

    A shearlet has a scale, a place and an angle, so that an edge takes few of them, and does not
    fall apart into squares as it may with wavelets. The picture's mean brightness is added to the
    loss. The defaults are those of the authors' code: the distortion asks for a class probability
    of 1, and the noise is uniform, has the statistics of the grey image, and is the same in all
    colours.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        The classifier, see `rcx.load_classifier`. It is not changed.
    lambda_k : float
        Trade-off, positive: the distortion that a non-sparsity of 1 is worth.
    shear_levels : sequence of int
        How finely each scale tells angles apart, see `rcx.representations.Shearlets`.
    system : {"compact", "meyer"}
        Kind of the filters, see `rcx.representations.Shearlets`.
    as_published : bool
        Whether to clamp the obfuscated coefficients to [0, 1], as the authors' code does in place
        of the images. Most coefficients are signed, so that this takes away half of every edge. It
        is the same as ``clamp="coefficients"``.
    distortion, target_distortion, noise, spatial_penalty, start, solver, clamp, seed, device, \
    batch_size, chunk, evaluation_samples
        As for `rcx.CartoonX`.

    Raises
    ------
    TypeError, ValueError
        As for `rcx.CartoonX`.

    References
    ----------
    .. [1] S. Kolek, R. Windesheim, H. Andrade-Loarca, G. Kutyniok, R. Levie, "Explaining Image
       Classifiers with Multiscale Directional Image Representation", CVPR 2023.
    """

    method = "ShearletX"
    default_lambda_k = 1.0
    default_distortion = "maximise-target"
    default_noise = "uniform"
    scaled_pictures = True  # as in the authors' code; the penalty makes them dark
    default_spatial_penalty = 2.0
    default_solver = SolverSettings.preset("spatial-1")
    grey_noise = True

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        shear_levels: Sequence[int] = (1, 1, 2, 2),
        system: ShearletSystem = "compact",
        as_published: bool = False,
        **options: Unpack[ExplainerOptions],
    ) -> None:
        if as_published:
            options["clamp"] = "coefficients"
        super().__init__(classifier, lambda_k, **options)
        self.shear_levels, self.system = tuple(shear_levels), system

    def representation(self, size: Sequence[int]) -> Shearlets:
        """Make the shearlet transform of images of a size ``(H, W)``."""
        return Shearlets(size, self.shear_levels, self.system)
