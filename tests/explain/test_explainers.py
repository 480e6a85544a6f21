"""CartoonX and Pixel RDE as users call them: batches, seeds, and what an explanation says."""

import copy
import json
from typing import get_args

import pytest
import torch
from explainers import (
    QUICK,
    Method,
    assert_same_bits,
    assert_same_rows,
    cartoonx,
    every_method,
    penalty_of,
    pixel_rde,
)
from helpers import seeded, smooth_images, tiny_cnn

import rcx
from rcx.explain.empty import EmptyExplanationWarning
from rcx.solver.distortion import DistortionMeasure
from rcx.starts.initial import Start

# The clouds have no foreground, and there is no start network for the tiny classifier.
STARTS = [start for start in get_args(Start) if start != "predicted"]
pytestmark = pytest.mark.filterwarnings("ignore::rcx.starts.foreground.ForegroundWarning")


# --- one call for many


@pytest.mark.parametrize("start", ["ones", "random", "uniform"])
@every_method
def test_images_in_one_call_equal_images_alone(method: Method, start: str) -> None:
    images, targets = smooth_images(4, (24, 26), seed=1), [0, 3, 1, 2]
    classifier = tiny_cnn()
    explainer = method(classifier, start=start)
    batch = explainer.explain(images, targets, warn=False)
    assert batch.target.tolist() == targets
    for row, image in enumerate(images):
        alone = explainer.explain(image, targets[row], warn=False)
        assert_same_rows(batch, row, alone, atol=2e-3)


@every_method
def test_the_predicted_classes_are_explained_by_default(method: Method) -> None:
    images, classifier = smooth_images(8), tiny_cnn()
    explainer = method(classifier)
    predicted = classifier(images).argmax(1)
    assert len(predicted.unique()) > 2
    batch = explainer.explain(images)
    assert torch.equal(batch.target, predicted)
    assert torch.equal(batch.predicted, predicted)
    assert_same_bits(batch, explainer.explain(images, predicted))
    assert_same_bits(explainer.explain(images, 3), explainer.explain(images, [3] * 8))


def test_images_that_stop_at_different_steps_equal_images_alone() -> None:
    solver = rcx.SolverSettings(steps=60, samples=4, tolerance=0.6, overshoot=1)
    explainer = cartoonx(tiny_cnn(), 1.0, solver=solver)
    images = smooth_images(4, seed=1)
    batch = explainer.explain(images)
    assert len(set(batch.steps.tolist())) > 1
    for row, image in enumerate(images):
        assert_same_rows(batch, row, explainer.explain(image), atol=2e-3)


@pytest.mark.parametrize("split", [{"chunk": 2}, {"batch_size": 2}, {"batch_size": 1, "chunk": 1}])
@every_method
def test_splitting_the_work_does_not_change_the_result(
    method: Method, split: dict[str, int]
) -> None:
    images = smooth_images(3)
    targets = [2, 0, 1]
    whole, parts = (
        method(tiny_cnn(), **options).explain(images, targets) for options in ({}, split)
    )
    assert len(parts) == 3
    for row in range(3):
        assert_same_rows(whole, row, parts[row], atol=2e-3)


def test_starting_masks_stay_with_their_images_when_the_work_is_split() -> None:
    length = cartoonx(tiny_cnn()).representation((24, 24)).length
    starts = torch.rand(3, length, generator=seeded(0))
    for batch_size in (1, 2, 8):
        explainer = cartoonx(tiny_cnn(), start=starts, batch_size=batch_size)
        explanation = explainer.explain(smooth_images(3))
        torch.testing.assert_close(explanation.history["nonsparsity"][:, 0], starts.mean(1))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_images_side_by_side_are_the_same_bits_as_images_alone(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        explainer = cartoonx(tiny_cnn(), batch_size=1)
        images = smooth_images(5)
        assert explainer.images_at_a_time == threads
        together = explainer.explain(images)  # two pairs, and one image on all lanes
        for row in range(5):
            assert_same_bits(together[row], explainer.explain(images[row : row + 1]))
    finally:
        torch.set_num_threads(before)


# --- seeds


@pytest.mark.parametrize("start", STARTS)
@every_method
def test_a_seed_gives_the_same_bits(method: Method, start: str) -> None:
    images, classifier = smooth_images(2), tiny_cnn()
    state = torch.get_rng_state()
    first, second, other = (
        method(classifier, start=start, seed=seed).explain(images) for seed in (3, 3, 4)
    )
    assert_same_bits(first, second)
    assert not torch.equal(first.mask, other.mask)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.settings["seed"] == 3


@every_method
def test_a_given_generator_replaces_the_seed_and_moves_on(method: Method) -> None:
    images, explainer = smooth_images(2), method(tiny_cnn(), seed=3)
    expected = explainer.explain(images)
    assert_same_bits(explainer.explain(images), expected)
    assert_same_bits(explainer.explain(images, generator=seeded(3)), expected)
    generator = seeded(5)
    given = explainer.explain(images, generator=generator)
    assert given.settings["seed"] == 5
    assert not torch.equal(given.mask, expected.mask)
    # The second call with the same generator draws other noise.
    assert not torch.equal(explainer.explain(images, generator=generator).mask, given.mask)


# --- the explanation


@every_method
def test_an_explanation_is_consistent(method: Method) -> None:
    images, classifier = smooth_images(4), tiny_cnn()
    explainer = method(classifier, 2.0)
    explanation = explainer.explain(images)
    representation = explainer.representation((24, 24))
    probabilities = classifier(images).softmax(-1)
    assert explanation.mask.shape == (4, representation.length)
    assert explanation.mask.min() >= 0
    assert explanation.mask.max() <= 1
    assert (explanation.mask < 1).any()
    assert explanation.picture.shape == (4, 1, 24, 24)
    assert explanation.picture.min() >= 0
    assert explanation.picture.max() <= 1
    torch.testing.assert_close(explanation.nonsparsity, explanation.mask.mean(1))
    torch.testing.assert_close(explanation.lambda_k, torch.full((4,), 2.0))
    penalty = penalty_of(explainer, images, explanation.mask)
    torch.testing.assert_close(
        explanation.loss, explanation.distortion + 2 * explanation.nonsparsity + penalty
    )
    torch.testing.assert_close(explanation.probability, probabilities.amax(1), atol=1e-5, rtol=0)
    kept = explanation.predicted_after == explanation.target
    assert torch.equal(explanation.label_kept, kept)
    assert ((explanation.probability_after >= 0) & (explanation.probability_after <= 1)).all()
    assert explanation.steps.tolist() == [10] * 4
    for curve in explanation.history.values():
        assert curve.shape == (4, 10)
        assert curve.isfinite().all()
    for _, tensor in explanation.tensors():
        assert not tensor.requires_grad


@every_method
def test_the_reported_distortion_is_measured_with_fresh_noise(method: Method) -> None:
    images = smooth_images(3)
    few, many = (
        method(tiny_cnn(), evaluation_samples=samples).explain(images) for samples in (64, 1024)
    )
    assert torch.equal(few.mask, many.mask)
    error = (few.distortion_error**2 + many.distortion_error**2).sqrt()
    assert ((few.distortion - many.distortion).abs() < 5 * error + 1e-6).all()
    assert (many.distortion_error < few.distortion_error).all()


@pytest.mark.parametrize("measure", get_args(DistortionMeasure))
@pytest.mark.parametrize("start", STARTS)
@every_method
def test_every_measure_and_start_lowers_the_loss(
    method: Method, start: str, measure: DistortionMeasure
) -> None:
    lambda_k = 2.0
    images = smooth_images(2)
    settings = rcx.SolverSettings(
        steps=25,
        samples=4,
        learning_rate=0.03,
        early_share=0,
        decay_share=0,
        reach=1,
    )
    explainer = method(tiny_cnn(), lambda_k, distortion=measure, start=start, solver=settings)
    explanation = explainer.explain(images)
    curve = explanation.history["loss"]
    assert (curve[:, -5:].mean(1) < curve[:, 0]).all()
    assert explanation.settings["distortion"] == measure


def test_pixel_rdes_picture_is_its_mask() -> None:
    explanation = pixel_rde(tiny_cnn()).explain(smooth_images(2, (17, 22)))
    assert torch.equal(explanation.picture.flatten(1), explanation.mask)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_cartoon_of_a_mask_of_ones_is_the_grey_image(channels: int) -> None:
    images = smooth_images(2, (25, 30), channels)
    explainer = cartoonx(tiny_cnn(channels))
    representation = explainer.representation((25, 30))
    everything = torch.ones(2, representation.length)
    picture = explainer.picture(representation, images, everything)
    torch.testing.assert_close(picture, images.mean(1, keepdim=True), atol=1e-5, rtol=0)
    nothing = explainer.picture(representation, images, torch.zeros_like(everything))
    assert (nothing == 0).all()


def test_the_cartoon_shows_the_masked_grey_image() -> None:
    images = smooth_images(2)
    explainer = cartoonx(tiny_cnn())
    explanation = explainer.explain(images)
    representation = explainer.representation((24, 24))
    picture = explainer.picture(representation, images, explanation.mask)
    assert torch.equal(explanation.picture, picture)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (40, 19)])
@pytest.mark.parametrize("channels", [1, 3])
@every_method
def test_colours_and_sizes(method: Method, channels: int, size: tuple[int, int]) -> None:
    images = smooth_images(2, size, channels)
    explanation = method(tiny_cnn(channels)).explain(images)
    assert explanation.picture.shape == (2, 1, *size)
    assert explanation.mask.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_images_of_other_float_types_are_explained_in_single_precision(dtype: torch.dtype) -> None:
    images = smooth_images(1).to(dtype)
    explanation = cartoonx(tiny_cnn()).explain(images)
    assert explanation.mask.dtype == torch.float32
    assert_same_bits(explanation, cartoonx(tiny_cnn()).explain(images.float()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_models_of_other_float_types_are_explained_in_single_precision(dtype: torch.dtype) -> None:
    images, model = smooth_images(1), tiny_cnn().to(dtype)
    explanation = cartoonx(model).explain(images)
    assert_same_bits(explanation, cartoonx(copy.deepcopy(model).float()).explain(images))
    assert all(p.dtype == dtype for p in model.parameters())
    logits = rcx.load_classifier(model)(images)
    assert logits.dtype == torch.float32
    assert logits.argmax(1).tolist() == explanation.predicted.tolist()


def test_a_large_lambda_deletes_everything() -> None:
    solver = rcx.SolverSettings(steps=120, samples=2)
    with pytest.warns(EmptyExplanationWarning):
        explanation = cartoonx(tiny_cnn(), 1e4, solver=solver).explain(smooth_images(2))
    assert explanation.nonsparsity.max() < 0.01
    assert explanation.empty.all()


def test_a_mask_can_be_the_start() -> None:
    explainer = cartoonx(tiny_cnn())
    length = explainer.representation((24, 24)).length
    start = torch.rand(2, length, generator=seeded(0))
    explanation = cartoonx(tiny_cnn(), start=start).explain(smooth_images(2))
    torch.testing.assert_close(explanation.history["nonsparsity"][:, 0], start.mean(1))


def test_defaults_are_those_of_the_report() -> None:
    classifier = tiny_cnn()
    assert rcx.CartoonX(classifier).lambda_k == 20
    assert rcx.PixelRDE(classifier).lambda_k == 4
    assert rcx.CartoonX(classifier).clamp
    assert not rcx.PixelRDE(classifier).clamp
    published = rcx.CartoonX(classifier, solver="published").solver
    assert published == rcx.SolverSettings.preset("published")


def test_each_method_has_its_own_default_solver() -> None:
    methods = rcx.CartoonX, rcx.PixelRDE
    cartoons, pixels = (method(tiny_cnn()).solver for method in methods)
    assert cartoons == rcx.SolverSettings()
    assert pixels == rcx.SolverSettings(steps=pixels.steps) and pixels.steps < cartoons.steps
    for method in methods:
        assert method(tiny_cnn(), solver="fast").solver == rcx.SolverSettings()


@every_method
def test_settings_describe_what_determined_the_result(method: Method) -> None:
    explainer = method(tiny_cnn(), 3.0)
    settings = explainer.explain(smooth_images(1)).settings
    assert json.loads(json.dumps(settings)) == settings
    assert settings["lambda_k"] == 3.0
    assert settings["solver"]["steps"] == QUICK.steps
    assert len(settings["weights_hash"]) == 64
    for name in ("method", "noise", "spatial_penalty", "distortion", "clamp"):
        assert settings[name] == getattr(explainer, name)


def test_progress_is_called_after_each_step() -> None:
    calls: list[tuple[int, int]] = []
    cartoonx(tiny_cnn()).explain(
        smooth_images(1), progress=lambda done, most: calls.append((done, most))
    )
    assert calls == [(step, 10) for step in range(1, 11)]
