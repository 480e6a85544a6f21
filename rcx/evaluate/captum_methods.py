"""Other methods as functions of one image, by captum, and the superpixels of KernelSHAP.

Importing this module needs the extra ``rcx[baselines]``.
"""

from __future__ import annotations

from collections.abc import Callable

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
from torch import Tensor
from torch.nn.functional import interpolate

from rcx.classifiers.classifier import Classifier
from rcx.evaluate.feature_maps import last_feature_map
from rcx.representations.wavelets import Wavelets, deepest_level
from rcx.system.quiet import ignored_warnings

_BATCH = 16  # images in one pass through the network
_PATH_STEPS = 32  # points of the integral; the publication uses 20 to 300
_NOISE_SAMPLES = 32
_NOISE = 0.15  # standard deviation; the publication recommends 10 to 20 % of the range
_WAVELET_LEVELS = 3  # of Haar wavelets, as in the publication's code
_SEGMENTS = 50  # superpixels, the unknowns of the regression
_COALITIONS = 256  # five for each unknown


def _integrated_gradients(model: Classifier, image: Tensor, target: int) -> Tensor:
    gradients = IntegratedGradients(model).attribute(
        image,
        baselines=_mean_colour(image),
        target=target,
        n_steps=_PATH_STEPS,
        internal_batch_size=_BATCH,
    )
    return _magnitude(gradients)


def _smooth_grad(model: Classifier, image: Tensor, target: int) -> Tensor:
    return _magnitude(_mean_gradient(model, image, target))


def _wavelet_gradients(model: Classifier, image: Tensor, target: int) -> Tensor:
    gradient = _mean_gradient(model, image, target)
    size = image.shape[-2:]
    wavelets = Wavelets(size, "haar", min(_WAVELET_LEVELS, deepest_level(size, "haar")))
    # by the chain rule, because an image is linear in its coefficients
    coefficients = gradient.new_zeros(*gradient.shape[:2], wavelets.length, requires_grad=True)
    synthesised = wavelets.synthesise(coefficients)
    (of_coefficients,) = torch.autograd.grad(synthesised, coefficients, gradient)
    relevance = torch.zeros_like(gradient[:, 0])
    for band in wavelets.bands[1:]:
        details = of_coefficients[..., band.positions].mean(1).abs().view(1, *band.shape)
        largest = details.amax((2, 3), keepdim=True).clamp_min(torch.finfo(details.dtype).tiny)
        shares = interpolate(details / largest, size, mode="bilinear", align_corners=False)
        relevance += shares.sum(1)
    return relevance


def _mean_gradient(model: Classifier, image: Tensor, target: int) -> Tensor:
    """Average the gradient over noisy copies of the image."""
    gradient: Tensor = NoiseTunnel(Saliency(model)).attribute(
        image,
        nt_type="smoothgrad",
        nt_samples=_NOISE_SAMPLES,
        nt_samples_batch_size=_BATCH,
        stdevs=_NOISE,
        target=target,
        abs=False,
    )
    return gradient


def _grad_cam(model: Classifier, image: Tensor, target: int) -> Tensor:
    layer = last_feature_map(model, image)
    coarse: Tensor = LayerGradCam(model, layer).attribute(image, target, relu_attributions=True)
    height, width = image.shape[-2:]
    return interpolate(coarse, (height, width), mode="bilinear", align_corners=False)[:, 0]


def _guided_backprop(model: Classifier, image: Tensor, target: int) -> Tensor:
    with ignored_warnings(UserWarning, "Setting backward hooks on ReLU"):
        return _magnitude(GuidedBackprop(model).attribute(image, target))


def _kernel_shap(model: Classifier, image: Tensor, target: int) -> Tensor:
    segments = _superpixels(image[0].detach().cpu())
    with torch.no_grad():
        values: Tensor = KernelShap(model).attribute(
            image,
            baselines=_mean_colour(image),
            target=target,
            feature_mask=segments.to(image.device)[None, None],
            n_samples=_COALITIONS,
            perturbations_per_eval=_BATCH,
        )
    # every pixel and colour of a superpixel has the superpixel's value
    return values[:, 0].clamp_min(0)


def _superpixels(image: Tensor) -> Tensor:
    """Number of each pixel's superpixel, ``(H, W)`` int64, from 0; about `_SEGMENTS` of them.

    An image without edges, or with too many, has no usable superpixels; it is cut into squares.
    """
    pixels = image.permute(1, 2, 0).double().numpy()
    has_colours = pixels.shape[-1] == 3
    for compactness in (10, 1e3):  # weight of the distance in space against that in colour
        segments = slic(
            pixels,
            _SEGMENTS,
            compactness=compactness,
            start_label=0,
            channel_axis=-1,
            convert2lab=has_colours,
        )
        if segments.max() >= _SEGMENTS // 2:
            return torch.from_numpy(segments)
    height, width = image.shape[1:]
    side = round(_SEGMENTS**0.5)
    rows = torch.arange(height) * min(side, height) // height
    columns = torch.arange(width) * min(side, width) // width
    squares: Tensor = rows[:, None] * min(side, width) + columns
    return squares


def _mean_colour(image: Tensor) -> Tensor:
    return image.mean((2, 3), keepdim=True).expand_as(image)


def _magnitude(gradients: Tensor) -> Tensor:
    return gradients.abs().sum(1)


METHODS: dict[str, Callable[[Classifier, Tensor, int], Tensor]] = {
    "integrated gradients": _integrated_gradients,
    "SmoothGrad": _smooth_grad,
    "wavelet gradients": _wavelet_gradients,
    "GradCAM": _grad_cam,
    "guided backprop": _guided_backprop,
    "KernelSHAP": _kernel_shap,
}
"""Each method takes a classifier, an image ``(1, C, H, W)`` and a class; it returns a map
``(1, H, W)``."""
