"""Explanations by the convention of Quantus, so that its metrics can be computed on them."""

from __future__ import annotations

from inspect import signature
from typing import Any, Unpack, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.explain.methods import method_named
from rcx.explain.options import MethodOptions, listing_options
from rcx.system.isolation import isolated


class _Options(MethodOptions, total=False):
    """Options of a method, and its name."""

    method: str


@listing_options(_Options)
@isolated()
def explain_func(
    model: Classifier | nn.Module,
    inputs: npt.ArrayLike | Tensor,
    targets: npt.ArrayLike | Tensor,
    **options: Unpack[_Options],
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
    method : str, optional
        Name of the method, one of `rcx.explain.METHODS`; by default CartoonX.
    **options
        Options of the explainer, such as ``lambda_k`` and ``solver`` of `rcx.CartoonX`. None, which
        Quantus passes for a device if it is told nothing, stands for the method's own default.

    Returns
    -------
    ndarray
        ``(N, 1, H, W)`` float32, relevance of the pixels, not negative, see
        `rcx.CartoonX.attribute`.

    Raises
    ------
    TypeError, ValueError
        For an unknown method, for an option that the method has not, for images of several sizes,
        and as for `rcx.CartoonX`.

    References
    ----------
    .. [1] A. Hedström et al., "Quantus: An Explainable AI Toolkit for Responsible Evaluation of
       Neural Network Explanations and Beyond", JMLR 24, 2023.
    """
    given = {name: value for name, value in options.items() if value is not None}
    explainer_class = method_named(str(given.pop("method", "CartoonX")))
    if foreign := given.keys() - signature(explainer_class).parameters.keys():
        raise TypeError(f"{explainer_class.method} has no option {', '.join(sorted(foreign))}")
    explainer = explainer_class(model, **cast("dict[str, Any]", given))
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
