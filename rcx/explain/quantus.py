"""Explanations by the convention of Quantus, so that its metrics can be computed on them."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.cartoonx import CartoonX
from rcx.explain.pixel_rde import PixelRDE
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.settings import Preset, SolverSettings
from rcx.starts.initial import AnyStart
from rcx.system.isolation import isolated

Method = Literal["CartoonX", "PixelRDE"]
"""Names of the explainers."""

_METHODS: dict[Method, type[CartoonX] | type[PixelRDE]] = {
    "CartoonX": CartoonX,
    "PixelRDE": PixelRDE,
}


@isolated()
def explain_func(
    model: Classifier | nn.Module,
    inputs: npt.ArrayLike | Tensor,
    targets: npt.ArrayLike | Tensor,
    *,
    method: Method = "CartoonX",
    lambda_k: float | None = None,
    wavelet: str | None = None,
    levels: int | None = None,
    padding: str | None = None,
    distortion: DistortionMeasure = "relative",
    target_distortion: float | None = None,
    start: AnyStart = "ones",
    solver: Preset | SolverSettings | None = None,
    clamp: bool | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    chunk: int | None = None,
    evaluation_samples: int = 64,
) -> npt.NDArray[np.float32]:
    """Explain images by the convention of Quantus [1]_: from arrays to an array.

    Parameters
    ----------
    model : Classifier or nn.Module
        The classifier, from images in [0, 1] to logits. It is not changed. Wrap a module that
        expects normalised images first, see `rcx.load_classifier`.
    inputs : array-like or Tensor
        ``(N, C, H, W)`` in [0, 1]. Metrics perturb images; what then lies outside is clamped, see
        `rcx.CartoonX.attribute`.
    targets : array-like or Tensor
        ``(N,)`` or one number or name, the classes to explain.
    method : {"CartoonX", "PixelRDE"}
        The explainer.
    lambda_k : float, optional
        Trade-off, positive. By default it is 20 for CartoonX and 4 for Pixel RDE.
    wavelet, levels, padding : optional
        As for `rcx.CartoonX`. Pixel RDE has none of them.
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
        Settings of the solver, see `rcx.SolverSettings`. By default they are those of the method.
    clamp : bool, optional
        Whether to clamp obfuscated images to [0, 1]. By default CartoonX does, and Pixel RDE not.
    device : str or torch.device, optional
        Device to compute on. None and ``"auto"`` take a GPU if there is one. Quantus passes None
        if it is told nothing.
    seed, batch_size, chunk, evaluation_samples
        As for `rcx.CartoonX`.

    Returns
    -------
    ndarray
        ``(N, 1, H, W)`` float32, relevance of the pixels, not negative, see
        `rcx.CartoonX.attribute`.

    Raises
    ------
    TypeError, ValueError
        For an unknown method, for wavelet options given to Pixel RDE, for images of several sizes,
        and as for `rcx.CartoonX`.

    References
    ----------
    .. [1] A. Hedström et al., "Quantus: An Explainable AI Toolkit for Responsible Evaluation of
       Neural Network Explanations and Beyond", JMLR 24, 2023.
    """
    if method not in get_args(Method):
        raise ValueError(f"unknown method {method!r}; one of {get_args(Method)}")
    wavelet_options = _given(wavelet=wavelet, levels=levels, padding=padding)
    if method == "PixelRDE" and wavelet_options:
        raise ValueError(
            f"{', '.join(wavelet_options)}: PixelRDE has no wavelets; use CartoonX or leave it out"
        )
    own_options = wavelet_options | _given(lambda_k=lambda_k, clamp=clamp)
    explainer = _METHODS[method](
        model,
        distortion=distortion,
        target_distortion=target_distortion,
        start=start,
        solver=solver,
        seed=seed,
        device="auto" if device is None else device,
        batch_size=batch_size,
        chunk=chunk,
        evaluation_samples=evaluation_samples,
        **own_options,
    )
    classes = targets if isinstance(targets, Tensor) else np.asarray(targets)
    relevance = cast(Tensor, explainer.attribute(_images(inputs), classes))
    return relevance[:, :1].cpu().float().numpy()


def _images(inputs: npt.ArrayLike | Tensor) -> Tensor:
    """Return images as one tensor, or raise ValueError if they have several sizes."""
    if isinstance(inputs, Tensor):
        return inputs
    parts = list(inputs) if isinstance(inputs, list | tuple) else []
    sizes = {tuple(np.shape(part)) for part in parts}
    if len(sizes) > 1:
        listed = " and ".join(map(str, sorted(sizes)))
        raise ValueError(
            f"inputs must be one array (N, C, H, W), but its images have the shapes {listed}; call "
            "explain_func for each size, or use rcx.explain_all"
        )
    if parts and all(isinstance(part, Tensor) for part in parts):
        return torch.stack(cast("list[Tensor]", parts))
    array = np.array(inputs)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"inputs must be an array of numbers (N, C, H, W), got {array.dtype}")
    return torch.as_tensor(array)


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that are not None. A method has its own defaults of the others."""
    return {name: value for name, value in options.items() if value is not None}
