"""The interfaces of captum and Quantus for both methods, with captum's own metrics."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import visualization
from captum.metrics import infidelity, sensitivity_max
from helpers import seeded, smooth_images, tiny_cnn
from torch import Tensor

import rcx
from rcx.evaluate.localisation import share_inside
from rcx.explain import METHODS, Explainer
from rcx.explain.empty import EmptyExplanationWarning

IMAGES = smooth_images(2)
MODEL = rcx.load_classifier(tiny_cnn())
QUICK: dict[str, Any] = {
    "solver": rcx.SolverSettings(steps=6, samples=2),
    "device": "cpu",
    "evaluation_samples": 4,
}


@pytest.fixture(params=["CartoonX", "PixelRDE"])
def explainer(request: pytest.FixtureRequest) -> Explainer:
    if request.param == "PixelRDE":
        return rcx.PixelRDE(MODEL, 2, **QUICK)
    return rcx.CartoonX(MODEL, 2, levels=2, **QUICK)


def attributed(explainer: Explainer, images: Tensor, *arguments: Any) -> Tensor:
    relevance = explainer.attribute(images, *arguments)
    assert isinstance(relevance, Tensor)
    return relevance


# --- the relevance of a pixel


def haar(**options: Any) -> rcx.CartoonX:
    return rcx.CartoonX(MODEL, wavelet="haar", levels=2, **options)


def test_relevance_is_that_of_the_explanation(explainer: Explainer) -> None:
    relevance = attributed(explainer, IMAGES, 3)
    assert relevance.shape == IMAGES.shape
    assert relevance.min() >= 0 < relevance.max()
    assert torch.equal(relevance[:, 0], relevance[:, 2])
    explanation = explainer.explain(IMAGES, 3)
    representation = explainer.representation((24, 24))
    expected = explainer.relevance(representation, IMAGES, explanation.mask)
    assert torch.equal(relevance[:, :1], expected)
    if explainer.method == "Pixel RDE":
        assert torch.equal(relevance[:, :1], explanation.picture)


def test_nothing_kept_is_not_relevant_and_more_kept_is_more_relevant() -> None:
    representation = haar().representation((24, 24))
    mask = torch.rand(2, representation.length, generator=seeded(0))
    whole, half, nothing = (
        haar().relevance(representation, IMAGES, share * mask) for share in (1, 0.5, 0)
    )
    assert not nothing.any()
    torch.testing.assert_close(half, whole / 2)


def test_one_coefficient_is_relevant_where_its_wavelet_lies_by_hand() -> None:
    representation = haar().representation((24, 24))
    last = representation.length - 1  # the diagonal detail of the last 2 x 2 pixels
    mask = torch.zeros(2, representation.length)
    mask[:, last] = 1
    relevance = haar().relevance(representation, IMAGES, mask)
    assert not relevance[..., :22, :].any()
    assert not relevance[..., :22].any()
    (a, b), (c, d) = IMAGES[:, :, 22:, 22:].permute(2, 3, 0, 1)
    band = representation.bands[-1]
    mean = representation.analyse(IMAGES)[..., band.positions].flatten(1).mean(1)
    detail = (a - b - c + d) / 2 - mean[:, None]
    expected = (detail / 2).square().sum(1).sqrt()
    torch.testing.assert_close(
        relevance[:, 0, 22:, 22:], expected[:, None, None].expand(-1, 2, 2), atol=1e-6, rtol=1e-4
    )


def test_dark_objects_are_as_relevant_as_bright_ones() -> None:
    representation = haar().representation((24, 24))
    mask = torch.rand(2, representation.length, generator=seeded(1))
    torch.testing.assert_close(
        haar().relevance(representation, IMAGES, mask),
        haar().relevance(representation, 1 - IMAGES, mask),
        atol=1e-5,
        rtol=1e-4,
    )
    dark = torch.ones(1, 3, 24, 24)
    dark[..., 8:16, 8:16] = 0
    whole = haar().relevance(representation, dark, torch.ones(1, representation.length))
    objects = torch.zeros(1, 24, 24, dtype=torch.bool)
    objects[:, 8:16, 8:16] = True
    assert share_inside(whole, objects) > 3 * objects.float().mean()


# --- captum


def test_captums_metrics_run(explainer: Explainer) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        target = MODEL(IMAGES).argmax(1)
        sensitive = sensitivity_max(explainer.attribute, IMAGES, n_perturb_samples=2, target=target)
        assert sensitive.shape == (2,)
        assert bool((sensitive > 0).all())
        assert bool(sensitive.isfinite().all())

        def perturb(images: Tensor) -> tuple[Tensor, Tensor]:
            noise = 0.1 * torch.randn_like(images)
            return noise, (images - noise).clamp(0, 1)

        faithless = infidelity(
            MODEL, perturb, IMAGES, attributed(explainer, IMAGES, target), target=target
        )
    assert faithless.shape == (2,)
    assert bool((faithless >= 0).all())


def test_tuples_come_back_as_tuples_and_gradients_are_not_needed(explainer: Explainer) -> None:
    expected = attributed(explainer, IMAGES, 1)
    with torch.no_grad():
        (relevance,) = explainer.attribute((IMAGES.clone().requires_grad_(),), target=1)
    assert torch.equal(relevance, expected)
    assert attributed(explainer, IMAGES.double()).dtype == torch.float64


def test_values_outside_are_clamped_and_nan_is_refused(explainer: Explainer) -> None:
    beyond = IMAGES.clone()
    beyond[0, 0, 0, 0] = 1.1
    expected = attributed(explainer, beyond.clamp(0, 1))
    assert torch.equal(attributed(explainer, beyond), expected)
    beyond[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="image 0"):
        explainer.attribute(beyond)
    with pytest.raises(ValueError, match="one batch"):
        explainer.attribute((IMAGES, IMAGES))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="N, C, H, W"):
        explainer.attribute(IMAGES[0])


@pytest.mark.parametrize("deviation", [0.1, 0.25])
def test_gaussian_noise_on_any_image_is_clamped(explainer: Explainer, deviation: float) -> None:
    for brightness in (0.0, 0.5, 1.0):
        image = torch.full((1, 3, 24, 24), brightness)
        noisy = image + deviation * torch.randn(image.shape, generator=seeded(0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyExplanationWarning)
            relevance = attributed(explainer, noisy, 1)
            assert torch.equal(relevance, attributed(explainer, noisy.clamp(0, 1), 1))


@pytest.mark.parametrize(
    "other_range",
    [lambda image: 255 * image, lambda image: 2 * image - 1, lambda image: (image - 0.45) / 0.225],
    ids=["0 to 255", "-1 to 1", "normalised"],
)
def test_images_in_another_range_are_refused(
    explainer: Explainer, other_range: Callable[[Tensor], Tensor]
) -> None:
    images = IMAGES.clone()
    images[1] = other_range(images[1])
    with pytest.raises(ValueError, match=r"in \[0, 1\] and without NaN, image 1 is not; divide by"):
        explainer.attribute(images)


def test_a_map_of_zeros_is_told_because_captum_does_not_draw_it(explainer: Explainer) -> None:
    length = explainer.representation((24, 24)).length
    options = QUICK | {"start": torch.zeros(length), "solver": rcx.SolverSettings(steps=0)}
    if isinstance(explainer, rcx.CartoonX):
        explainer = rcx.CartoonX(MODEL, levels=2, **options)
    else:
        explainer = rcx.PixelRDE(MODEL, **options)
    with pytest.warns(EmptyExplanationWarning, match="relevance is 0 everywhere, which captum"):
        relevance = attributed(explainer, IMAGES[:1])
    assert not relevance.any()
    pixels = relevance[0].permute(1, 2, 0).numpy()
    with pytest.raises(AssertionError, match="scale factor = 0"):
        visualization.visualize_image_attr(
            pixels, method="heat_map", sign="positive", use_pyplot=False
        )


# --- Quantus


@pytest.mark.parametrize("method", ["CartoonX", "PixelRDE"])
def test_arrays_and_tensors_give_the_same_array(method: str) -> None:
    options = QUICK | {"lambda_k": 2.0} | ({"levels": 2} if method == "CartoonX" else {})
    relevance = rcx.explain_func(
        model=MODEL, inputs=IMAGES.numpy(), targets=np.array([3, 1]), method=method, **options
    )
    assert relevance.shape == (2, 1, 24, 24)
    assert relevance.dtype == np.float32
    again = rcx.explain_func(MODEL, IMAGES, torch.tensor([3, 1]), method=method, **options)
    assert np.array_equal(relevance, again)
    explainer = {"CartoonX": rcx.CartoonX, "PixelRDE": rcx.PixelRDE}[method](MODEL, **options)
    assert np.array_equal(relevance, attributed(explainer, IMAGES, [3, 1])[:, :1].numpy())


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown method 'LIME'"):
        rcx.explain_func(MODEL, IMAGES, [0, 0], method="LIME")


def test_wavelet_options_are_refused_for_pixel_rde() -> None:
    with pytest.raises(TypeError, match="Pixel RDE has no option levels, padding"):
        rcx.explain_func(MODEL, IMAGES, [0, 0], method="PixelRDE", levels=2, padding="zero")


@pytest.mark.parametrize("method", METHODS)
def test_options_that_are_none_are_the_methods_own(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainers: list[Explainer] = []

    def attribute(explainer: Explainer, images: Tensor, target: Tensor) -> Tensor:
        explainers.append(explainer)
        return images

    explainer_class = METHODS[method]
    monkeypatch.setattr(explainer_class, "attribute", attribute)
    rcx.explain_func(MODEL, IMAGES, [0, 0], method=method)
    expected = explainer_class(MODEL)
    for name in ("lambda_k", "clamp", "solver", "noise", "spatial_penalty", "distortion"):
        assert getattr(explainers[0], name) == getattr(expected, name)


def test_lists_of_images_are_explained_and_several_sizes_refused() -> None:
    options: dict[str, Any] = QUICK | {"lambda_k": 2.0, "levels": 2}
    relevance = rcx.explain_func(MODEL, IMAGES, [3, 1], **options)
    for inputs in (list(IMAGES), [image.numpy() for image in IMAGES], IMAGES.tolist()):
        assert np.array_equal(rcx.explain_func(MODEL, inputs, [3, 1], **options), relevance)
    for images in ([IMAGES[0], IMAGES[1, :, :20]], [IMAGES[0].numpy(), IMAGES[1, :, :20].numpy()]):
        with pytest.raises(ValueError, match=r"shapes \(3, 20, 24\) and \(3, 24, 24\)"):
            rcx.explain_func(MODEL, images, [3, 1], **options)
    with pytest.raises(TypeError, match="an array of numbers"):
        rcx.explain_func(MODEL, ["dog.jpg"], [0])
    with pytest.raises(ValueError, match="channels last"):
        rcx.explain_func(MODEL, IMAGES.permute(0, 2, 3, 1).numpy(), [3, 1], **options)
