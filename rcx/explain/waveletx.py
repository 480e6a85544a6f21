"""WaveletX: CartoonX with a spatial penalty."""

from __future__ import annotations

from rcx.explain.cartoonx import CartoonX
from rcx.solver.settings import SolverSettings


class WaveletX(CartoonX):
    """Explain by wavelet coefficients, and keep the cartoon dark where nothing is needed [1]_.

    Sparse wavelet coefficients can draw what is not in the image, because a coefficient that is
    kept alone draws its whole wavelet. WaveletX therefore adds the cartoon's mean brightness to the
    loss. All else is as for `rcx.CartoonX`, with the defaults of the authors' code: the distortion
    asks for a class probability of 1, and the noise is uniform.

    Parameters
    ----------
    classifier, lambda_k, wavelet, levels, padding, distortion, target_distortion, noise, \
    spatial_penalty, start, solver, clamp, seed, device, batch_size, chunk, evaluation_samples
        As for `rcx.CartoonX`.

    References
    ----------
    .. [1] S. Kolek, R. Windesheim, H. Andrade-Loarca, G. Kutyniok, R. Levie, "Explaining Image
       Classifiers with Multiscale Directional Image Representation", CVPR 2023.
    """

    method = "WaveletX"
    default_lambda_k = 2.0
    default_distortion = "maximise-target"
    default_noise = "uniform"
    scaled_pictures = True  # as in the authors' code; the penalty makes them dark
    default_spatial_penalty = 10.0
    default_solver = SolverSettings.preset("spatial-1")
