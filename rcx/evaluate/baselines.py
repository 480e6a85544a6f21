"""Other methods' explanations, by captum, as maps that can be judged by the same curves."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from captum.attr import (
    GuidedBackprop,
    IntegratedGradients,
    KernelShap,
    LayerGradCam,
    NoiseTunnel,
    Saliency,
)
from skimage.segmentation import slic
from torch import Tensor, nn
from torch.nn.functional import interpolate

from rcx.classifiers.classifier import (
    Classifier,
    ClassifierError,
    checked_logits,
    inference_copy,
)
from rcx.classifiers.devices import chosen_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import checked_targets
from rcx.evaluate.rankings import Seed, image_seeds
from rcx.images.checks import checked_images

Baseline = Literal["integrated gradients", "SmoothGrad", "GradCAM", "guided backprop", "KernelSHAP"]
"""Other methods than rcx's own, see `rcx.evaluate.attribution`."""

_AT_ONCE = 16  # images in one pass through the network
_PATH_STEPS = 32  # of the integral; 20 to 300 in the publication
_NOISE_SAMPLES, _NOISE = 32, 0.15  # the publication finds 10 to 20 % of the range good
_SEGMENTS, _COALITIONS = 50, 256  # five coalitions for each unknown of the regression


def attribution(
    name: Baseline,
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    seed: Seed = 0,
    device: str | torch.device = "auto",
) -> Tensor:
    """Relevance of each pixel by another method than rcx's own.

    All explain the logit of the target.

    Parameters
    ----------
    name : str
        ``"integrated gradients"`` [1]_: gradients along the straight line from the image's mean
        colour, times the way; magnitudes, summed over the colours.
        ``"SmoothGrad"`` [2]_: the gradient, averaged over noisy images; magnitudes, summed.
        ``"GradCAM"`` [3]_: the last feature map that has places, its channels weighted by their
        mean gradients; the positive part, bilinear between the places. For convolutional networks.
        ``"guided backprop"`` [4]_: the gradient, of which ReLUs let only the positive part back;
        magnitudes, summed. For networks with ``nn.ReLU``; other nonlinearities stay as they are.
        ``"KernelSHAP"`` [5]_: Shapley values of superpixels by a weighted regression; the positive
        part. Superpixels [6]_ follow the edges of the image, which the squares of a grid do not.
        Those left out have the image's mean colour.
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`. Comes back as it was: a copy is asked.
    images : Tensor
        ``(N, C, H, W)``, float, in [0, 1].
    target : int, sequence of int or Tensor, optional
        Classes to explain, one for all or one each; None explains the predicted classes.
    seed : int or sequence of int
        Of SmoothGrad's noise and KernelSHAP's coalitions, see `rcx.evaluate.image_seeds`; an
        image's map does not depend on the other images.
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.

    Returns
    -------
    Tensor
        ``(N, H, W)`` float32 on the CPU, not negative. For curves:
        ``Ranking(Pixels(images.shape[-2:]), maps)``.

    Raises
    ------
    ClassifierError
        If the method does not apply to the network.
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
    """
    if name not in get_args(Baseline):
        raise ValueError(f"unknown baseline {name!r}; one of {', '.join(get_args(Baseline))}")
    place = chosen_device(device)
    with torch.inference_mode(False), torch.enable_grad():
        images = checked_images(images).to(place, copy=True)
        model = inference_copy(load_classifier(classifier), place, images)
        for module in model.modules():
            # captum's hooks cannot look at what is overwritten
            if getattr(module, "inplace", False):
                vars(module)["inplace"] = False
        with torch.no_grad():
            logits = torch.cat([checked_logits(model, some) for some in images.split(_AT_ONCE)])
        targets = checked_targets(target, logits).tolist()
        check_applies(name, model)
        maps = []
        for row, number in enumerate(image_seeds(seed, len(images))):
            devices = [place] if place.type == "cuda" else []
            # captum draws from torch's global source
            with torch.random.fork_rng(devices), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
                torch.manual_seed(number)
                image = images[row : row + 1].clone().requires_grad_()
                maps.append(_METHODS[name](model, image, targets[row]))
    return torch.cat(maps).detach().float().cpu()


def attributions(
    classifier: Classifier | nn.Module | str,
    images: Tensor,
    target: int | Sequence[int] | Tensor | None = None,
    *,
    seed: Seed = 0,
    device: str | torch.device = "auto",
) -> dict[str, Tensor]:
    """Relevance of each pixel by every baseline that applies to the network.

    Parameters are those of `attribution`.

    Returns
    -------
    dict of str to Tensor
        Maps as of `attribution`, by name.
    """
    model = load_classifier(classifier)
    return {
        name: attribution(name, model, images, target, seed=seed, device=device)
        for name in get_args(Baseline)
        if _hindrance(name, model) is None
    }


def check_applies(name: Baseline, model: Classifier) -> None:
    """Raise `rcx.classifiers.ClassifierError` if a method does not apply to a network."""
    hindrance = _hindrance(name, model)
    if hindrance is not None:
        raise ClassifierError(f"{name} does not apply to {model.name}: {hindrance}")


def _integrated_gradients(model: Classifier, image: Tensor, target: int) -> Tensor:
    found = IntegratedGradients(model).attribute(
        image,
        baselines=_mean_colour(image),
        target=target,
        n_steps=_PATH_STEPS,
        internal_batch_size=_AT_ONCE,
    )
    return _magnitude(found)


def _smooth_grad(model: Classifier, image: Tensor, target: int) -> Tensor:
    found = NoiseTunnel(Saliency(model)).attribute(
        image,
        nt_type="smoothgrad",
        nt_samples=_NOISE_SAMPLES,
        nt_samples_batch_size=_AT_ONCE,
        stdevs=_NOISE,
        target=target,
        abs=False,
    )
    return _magnitude(found)


def _grad_cam(model: Classifier, image: Tensor, target: int) -> Tensor:
    layer = _last_feature_map(model, image)
    found = LayerGradCam(model, layer).attribute(image, target, relu_attributions=True)
    size = tuple(image.shape[-2:])
    return interpolate(found, size, mode="bilinear", align_corners=False)[:, 0]


def _guided_backprop(model: Classifier, image: Tensor, target: int) -> Tensor:
    return _magnitude(GuidedBackprop(model).attribute(image, target))


def _kernel_shap(model: Classifier, image: Tensor, target: int) -> Tensor:
    segments = _superpixels(image[0].detach().cpu())
    with torch.no_grad():
        found = KernelShap(model).attribute(
            image,
            baselines=_mean_colour(image),
            target=target,
            feature_mask=segments.to(image.device)[None, None],
            n_samples=_COALITIONS,
            perturbations_per_eval=_AT_ONCE,
        )
    # every pixel and colour of a superpixel has the superpixel's value
    return found[:, 0].clamp_min(0)


def _superpixels(image: Tensor) -> Tensor:
    """Number of each pixel's superpixel, ``(H, W)`` int64, from 0; about `_SEGMENTS` of them.

    Where the image has no edges, or so many that what is found falls apart, they become squares.
    """
    pixels = image.permute(1, 2, 0).double().numpy()
    colours = pixels.shape[-1] == 3
    for compactness in (10, 1e3):  # the weight of places against colours
        found = slic(
            pixels,
            _SEGMENTS,
            compactness=compactness,
            start_label=0,
            channel_axis=-1,
            convert2lab=colours,
        )
        if found.max() >= _SEGMENTS // 2:
            return torch.from_numpy(found)
    height, width = image.shape[1:]
    side = round(_SEGMENTS**0.5)
    rows = torch.arange(height) * min(side, height) // height
    columns = torch.arange(width) * min(side, width) // width
    return rows[:, None] * min(side, width) + columns


_METHODS: dict[Baseline, Callable[[Classifier, Tensor, int], Tensor]] = {
    "integrated gradients": _integrated_gradients,
    "SmoothGrad": _smooth_grad,
    "GradCAM": _grad_cam,
    "guided backprop": _guided_backprop,
    "KernelSHAP": _kernel_shap,
}


def _mean_colour(image: Tensor) -> Tensor:
    return image.mean((2, 3), keepdim=True).expand_as(image)


def _magnitude(gradients: Tensor) -> Tensor:
    return gradients.abs().sum(1)


def _hindrance(name: Baseline, model: Classifier) -> str | None:
    """Why a method does not apply to a network, if it does not."""
    if name == "GradCAM" and any("attention" in type(m).__name__.lower() for m in model.modules()):
        return (
            "its answer is made by attention between tokens, not from a last convolutional feature "
            "map; see rcx.evaluate.rollout for the attention itself"
        )
    if name == "guided backprop" and not any(isinstance(m, nn.ReLU) for m in model.modules()):
        return "it changes how gradients pass nn.ReLU modules, and there is none"
    return None


def _last_feature_map(model: Classifier, image: Tensor) -> nn.Module:
    """Find the module whose output is the last that has channels and more than one place.

    Adaptive pooling does not count: what it returns has the network's places no more.
    """
    last: list[nn.Module] = []

    def look(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[-2:]) > 1:
            last[:] = [module]

    pooling = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    hooks = [
        module.register_forward_hook(look)
        for module in model.model.modules()
        if not isinstance(module, pooling)
    ]
    with torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    if not last:
        raise ClassifierError(f"GradCAM does not apply to {model.name}: it has no feature map")
    return last[0]
