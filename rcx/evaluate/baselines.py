"""Explanations by other methods, computed with captum, as maps that the same curves can judge.

The extra ``rcx[baselines]`` brings captum and scikit-image. This module can be imported without
them; `attribution` cannot be called without them.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import Target, checked_targets
from rcx.evaluate.feature_maps import InapplicableError, last_feature_map
from rcx.evaluate.own_draws import OwnDraws
from rcx.evaluate.rankings import Seed, image_seeds
from rcx.images.checks import checked_images
from rcx.solver.lanes import Lanes
from rcx.system.isolation import isolated

Baseline = Literal[
    "integrated gradients",
    "SmoothGrad",
    "wavelet gradients",
    "GradCAM",
    "guided backprop",
    "KernelSHAP",
]
"""Names of the other methods; `rcx.evaluate.attribution` describes them."""

_BATCH = 16  # images in one pass through the network
# packages of the extra, by the names of their modules
_PACKAGES = {"captum": "captum", "skimage": "scikit-image", "sklearn": "scikit-learn"}


@isolated()
def attribution(
    name: Baseline,
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    target: Target = None,
    *,
    seed: Seed = 0,
    device: str | torch.device = "auto",
) -> Tensor:
    """Compute the relevance of each pixel by a method other than rcx's own.

    Every method explains the logit of the target.

    Parameters
    ----------
    name : str
        The method.
        ``"integrated gradients"`` [1]_ averages the gradients along the straight line from the
        image's mean colour to the image and multiplies them by the difference of the two. The map
        is the sum of the magnitudes over the colours.
        ``"SmoothGrad"`` [2]_ averages the gradient over noisy copies of the image. The map is the
        sum of the magnitudes over the colours.
        ``"wavelet gradients"`` [7]_ are the same gradient by the coefficients of Haar wavelets,
        averaged over the colours. Magnitudes are divided by the largest of their band and
        interpolated bilinearly. The map is their sum over the details of three levels, or of as
        many as a smaller image has.
        ``"GradCAM"`` [3]_ adds up the channels of the last feature map that has more than one
        position, each weighted by its mean gradient. The map is the positive part, interpolated
        bilinearly. The method applies to convolutional networks.
        ``"guided backprop"`` [4]_ is the gradient where every ReLU passes only positive gradients
        back. The map is the sum of the magnitudes over the colours. The method applies to networks
        with ``nn.ReLU``; other nonlinearities keep their gradients.
        ``"KernelSHAP"`` [5]_ estimates the Shapley values of superpixels [6]_ by a weighted
        regression. Superpixels follow the edges of the image. A superpixel that is left out gets
        the image's mean colour. The map is the positive part.
    classifier : Classifier, nn.Module or str
        The classifier, as for `rcx.load_classifier`. A copy is asked, so that it is not changed.
    images : Tensor
        ``(N, C, H, W)``, float, in [0, 1].
    target : int, str, sequence, array or Tensor, optional
        Classes to explain, as for `rcx.CartoonX.explain`; None explains the predicted classes.
    seed : int or sequence of int
        Seed of SmoothGrad's noise and KernelSHAP's coalitions, see `rcx.evaluate.image_seeds`. An
        image's map does not depend on the other images.
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.

    Returns
    -------
    Tensor
        ``(N, H, W)`` float32 on the CPU, not negative. ``Ranking(Pixels(images.shape[-2:]), maps)``
        turns the maps into an order for curves.

    Raises
    ------
    InapplicableError
        If the method does not apply to the network.
    ClassifierError
        If the network's answer is not what it was taken for.
    RuntimeError
        If captum or scikit-image is not installed.
    TypeError, ValueError
        For an unknown method, or images and targets that do not fit.

    References
    ----------
    .. [1] M. Sundararajan et al., "Axiomatic Attribution for Deep Networks", ICML 2017.
    .. [2] D. Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
    .. [3] R. R. Selvaraju et al., "Grad-CAM", ICCV 2017.
    .. [4] J. T. Springenberg et al., "Striving for Simplicity", ICLR Workshop 2015.
    .. [5] S. M. Lundberg, S.-I. Lee, "A Unified Approach to Interpreting Model Predictions",
       NeurIPS 2017.
    .. [6] R. Achanta et al., "SLIC Superpixels", IEEE TPAMI 34, 2012.
    .. [7] G. Kasmi et al., "One Wave to Explain Them All", ICML 2025, and its code.
    """
    if name not in get_args(Baseline):
        raise ValueError(f"unknown baseline {name!r}; one of {', '.join(get_args(Baseline))}")
    hardware = usable_device(device)
    images = checked_images(images).to(hardware, copy=True)
    model = inference_copy(load_classifier(classifier), hardware, images)
    for module in model.modules():
        # captum's hooks cannot see activations that are overwritten in place
        if getattr(module, "inplace", False):
            vars(module)["inplace"] = False
    with torch.no_grad():
        logits = torch.cat([checked_logits(model, part) for part in torch.split(images, _BATCH)])
    targets = checked_targets(target, logits, model).tolist()
    check_applies(name, model, images)
    from rcx.evaluate.captum_methods import METHODS

    seeds = image_seeds(seed, len(images))

    def map_of(lane: nn.Module, row: int) -> Tensor:
        image = images[row : row + 1].clone().requires_grad_()
        try:
            with OwnDraws(seeds[row]):
                return METHODS[name](cast(Classifier, lane), image, targets[row]).detach()
        except (AssertionError, AttributeError, RuntimeError, TypeError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise InapplicableError(f"{name} does not apply to {model.name}: {error}") from error

    with Lanes(model) as lanes:
        maps = lanes.map(map_of, range(len(images)))
    return torch.cat(maps).float().cpu()


def attributions(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    target: Target = None,
    *,
    seed: Seed = 0,
    device: str | torch.device = "auto",
) -> dict[str, Tensor]:
    """Compute the relevance of each pixel by every baseline that applies to the network.

    Parameters
    ----------
    classifier, images, target, seed, device
        As for `attribution`.

    Returns
    -------
    dict of str to Tensor
        The maps of `attribution` by the name of their method.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        As for `attribution`.

    Warns
    -----
    UserWarning
        For each method that does not apply to the network.
    """
    model, maps = load_classifier(classifier), {}
    for name in get_args(Baseline):
        try:
            maps[name] = attribution(name, model, images, target, seed=seed, device=device)
        except InapplicableError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
    return maps


def check_applies(name: Baseline, model: Classifier, images: Tensor) -> None:
    """Check that a method applies to a network and that the packages it needs are installed.

    Parameters
    ----------
    name : str
        The method.
    model : Classifier
        The classifier.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1]. The first one shows where GradCAM would look.

    Raises
    ------
    InapplicableError
        If the method does not apply to the network.
    RuntimeError
        If a package is not installed.
    """
    if name == "GradCAM":
        last_feature_map(model, images[:1])
    if name == "guided backprop" and not any(isinstance(m, nn.ReLU) for m in model.modules()):
        raise InapplicableError(
            f"guided backprop does not apply to {model.name}: it changes how gradients pass "
            "nn.ReLU modules, and there is none"
        )
    for module, package in _PACKAGES.items():
        if find_spec(module) is None:
            raise RuntimeError(f"other methods need {package}: pip install 'rcx[baselines]'")
