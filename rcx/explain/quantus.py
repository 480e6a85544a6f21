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

Method = Literal["CartoonX", "PixelRDE"]

_METHODS: dict[Method, type[CartoonX] | type[PixelRDE]] = {
    "CartoonX": CartoonX,
    "PixelRDE": PixelRDE,
}


def explain_func(
    model: Classifier | nn.Module,
    inputs: npt.ArrayLike | Tensor,
    targets: npt.ArrayLike | Tensor,
    *,
    method: Method = "CartoonX",
    device: str | torch.device | None = None,
    **options: Any,
) -> npt.NDArray[np.float32]:
    """Explain images by the convention of Quantus [1]_: arrays go in, an array comes out.

    Parameters
    ----------
    model : Classifier or nn.Module
        From images in [0, 1] to logits: a module that expects normalised images is to be wrapped
        first, see `rcx.load_classifier`. Comes back as it was.
    inputs : array-like or Tensor
        ``(N, C, H, W)`` in [0, 1]. As in `rcx.CartoonX.attribute`, what leaves the range a little
        is clamped.
    targets : array-like or Tensor
        ``(N,)`` or one number: classes to explain.
    method : {"CartoonX", "PixelRDE"}
        The explainer.
    device : str or torch.device, optional
        None, as Quantus passes where it is told nothing, takes a GPU where there is one.
    **options
        Of the explainer, as ``lambda_k`` and ``seed``.

    Returns
    -------
    ndarray
        ``(N, 1, H, W)`` float32, not negative, see `rcx.CartoonX.relevance`.

    Raises
    ------
    TypeError, ValueError
        For an unknown method, or as the explainer raises them.

    References
    ----------
    .. [1] A. Hedström et al., "Quantus: An Explainable AI Toolkit for Responsible Evaluation of
       Neural Network Explanations and Beyond", JMLR 24, 2023.
    """
    if method not in get_args(Method):
        raise ValueError(f"unknown method {method!r}; one of {get_args(Method)}")
    images = torch.as_tensor(np.array(inputs) if not isinstance(inputs, Tensor) else inputs)
    chosen = torch.as_tensor(np.array(targets) if not isinstance(targets, Tensor) else targets)
    explainer = _METHODS[method](model, device="auto" if device is None else device, **options)
    relevance = cast(Tensor, explainer.attribute(images, chosen))
    return relevance[:, :1].cpu().float().numpy()
