"""WaveletX and ShearletX against their published losses, and what all explainers promise."""

import inspect
from typing import Any, get_type_hints

import pytest
import torch
from explainers import COMMON
from helpers import seeded, smooth_images, tiny_cnn
from pytorch_wavelets import DWTForward, DWTInverse

import rcx
from rcx.explain import METHODS, Explainer, method_named
from rcx.explain.options import ExplainerOptions, MethodOptions
from rcx.representations.shearlets import Shearlets

SIZE = (32, 40)
QUICK: dict[str, Any] = COMMON | {"solver": rcx.SolverSettings(steps=0), "evaluation_samples": 4096}


def test_the_loss_of_waveletx_is_that_of_the_authors_code() -> None:
    images, model = smooth_images(1, SIZE), tiny_cnn()
    analyse = DWTForward(J=2, wave="db3", mode="zero")
    synthesise = DWTInverse(wave="db3", mode="zero")
    generator = seeded(0)
    low, high = analyse(images)
    parts = [low, *high]
    masks = [torch.rand(1, 1, *part.shape[2:], generator=generator) for part in parts]
    explainer = rcx.WaveletX(model, levels=2, start=flat(masks[:1] + masks[:0:-1]), **QUICK)
    explanation = explainer.explain(images, 1)

    samples = []
    for _ in range(4096):
        mixed = []
        for part, mask in zip(parts, masks, strict=True):
            spread, middle = part.std(), part.mean()
            noise = torch.rand(part.shape, generator=generator) * 2 * spread + middle - spread
            mixed.append(mask * part + (1 - mask) * noise)
        samples.append(synthesise((mixed[0], mixed[1:])).clamp(0, 1))
    probabilities = model(torch.cat(samples)).softmax(1)[:, 1]
    distortion = (1 - probabilities).square().mean()
    grey_low, grey_high = analyse(images.mean(1, keepdim=True))
    kept = [mask * part for mask, part in zip(masks, [grey_low, *grey_high], strict=True)]
    picture = synthesise((kept[0], kept[1:])).clamp(0, 1)
    rate = torch.cat([mask.flatten() for mask in masks]).mean()
    loss = distortion + 2 * rate + 10 * picture.abs().mean()
    torch.testing.assert_close(explanation.loss[0], loss, atol=0.005, rtol=0)
    torch.testing.assert_close(explanation.picture, picture / picture.max(), atol=1e-5, rtol=1e-4)


def flat(masks: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([mask.flatten() for mask in masks])


@pytest.mark.parametrize("as_published", [False, True])
def test_the_loss_of_shearletx_is_that_of_the_authors_code(as_published: bool) -> None:
    images, model, levels = smooth_images(1, SIZE), tiny_cnn(), (0, 1)
    representation = Shearlets(SIZE, levels)
    coefficients = representation.analyse(images)
    grey = representation.analyse(images.mean(1))
    bands = (len(representation.bands), -1)
    generator = seeded(0)
    mask = torch.rand(1, representation.length, generator=generator)
    explanation = rcx.ShearletX(
        model, start=mask, shear_levels=levels, as_published=as_published, **QUICK
    ).explain(images, 1)

    spread, middle = (
        statistic[..., None].expand(*grey.unflatten(-1, bands).shape).flatten(-2)
        for statistic in (grey.unflatten(-1, bands).std(-1), grey.unflatten(-1, bands).mean(-1))
    )
    distances = []
    for _ in range(64):
        # the same noise in all colours
        noise = torch.rand(64, 1, representation.length, generator=generator)
        mixed = mask * coefficients + (1 - mask) * (noise * 2 * spread + middle - spread)
        if as_published:
            obfuscated = representation.synthesise(mixed.clamp(0, 1))
        else:
            obfuscated = representation.synthesise(mixed).clamp(0, 1)
        distances.append((1 - model(obfuscated).softmax(1)[:, 1]).square())
    picture = representation.synthesise(mask * grey).clamp(0, 1)
    loss = torch.cat(distances).mean() + mask.mean() + 2 * picture.mean()
    torch.testing.assert_close(explanation.loss[0], loss, atol=0.005, rtol=0)


def test_clamping_coefficients_is_recorded() -> None:
    explainer = rcx.ShearletX(tiny_cnn(), as_published=True, shear_levels=(0,), **QUICK)
    assert explainer.explain(smooth_images(1)).settings["clamp"] == "coefficients"
    with pytest.raises(ValueError, match="clamp must be"):
        rcx.CartoonX(tiny_cnn(), clamp="image")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METHODS)
def test_a_signature_shows_every_option_with_the_methods_own_default(name: str) -> None:
    explainer_class = METHODS[name]
    parameters = inspect.signature(explainer_class).parameters
    assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    assert set(get_type_hints(ExplainerOptions)) < set(parameters)
    assert set(parameters) - {"classifier"} <= set(get_type_hints(MethodOptions))
    explainer = explainer_class(tiny_cnn())
    for option in ("lambda_k", "distortion", "noise", "spatial_penalty", "clamp"):
        assert getattr(explainer, option) == parameters[option].default
    assert explainer.solver == explainer_class.default_solver


def test_the_types_of_options_are_those_of_the_base_class() -> None:
    parameters = inspect.signature(Explainer.__init__).parameters
    keywords = {name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    assert keywords == set(get_type_hints(ExplainerOptions))


@pytest.mark.parametrize("name", ["Pixel RDE", "PixelRDE", "pixel-rde", "PIXEL_RDE"])
def test_methods_are_found_in_any_spelling(name: str) -> None:
    assert method_named(name) is rcx.PixelRDE


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="unknown method 'lime'; one of CartoonX, Pixel RDE"):
        method_named("lime")
