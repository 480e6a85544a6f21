"""Lambdas that are searched or followed: a target distortion, a path, and what they cost."""

import threading
from collections.abc import Callable

import pytest
import torch
from explainers import (
    Method,
    assert_same_bits,
    assert_same_rows,
    cartoonx,
    every_method,
    penalty_of,
)
from helpers import smooth_images, tiny_cnn

import rcx

SOLVER = rcx.SolverSettings(steps=60, samples=4)


def explainer(
    *, batch_size: int = 1, classifier: torch.nn.Module | None = None, target: float | None = None
) -> rcx.CartoonX:
    return rcx.CartoonX(
        classifier or tiny_cnn(),
        16,
        levels=2,
        solver=SOLVER,
        evaluation_samples=64,
        batch_size=batch_size,
        target_distortion=target,
    )


class Counting(torch.nn.Module):
    """A classifier that counts the images that all of its copies classify."""

    images = 0
    lock = threading.Lock()

    def __init__(self) -> None:
        super().__init__()
        self.model = tiny_cnn()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with Counting.lock:
            Counting.images += len(images)
        logits: torch.Tensor = self.model(images)
        return logits


def images_classified(work: Callable[[], object]) -> int:
    """Number of images that `Counting` classifies during a piece of work."""
    Counting.images = 0
    work()
    return Counting.images


def test_one_explanation_is_one_solve() -> None:
    images = smooth_images(4)
    once = len(images) * SOLVER.steps * SOLVER.samples
    count = images_classified(lambda: explainer(classifier=Counting()).explain(images))
    # Besides the steps, each image is classified once, the ends of the overshoot need as many
    # samples as a step, and 64 samples judge the mask. The check of the answer classifies two
    # images twice, and that of the folded network two images three times.
    assert once < count <= once + len(images) * (1 + SOLVER.samples + 64) + 10


def test_only_images_that_miss_their_target_are_solved_again() -> None:
    images = smooth_images(4)
    single, together = (
        images_classified(
            lambda size=size: explainer(  # type: ignore[misc]
                classifier=Counting(), target=0.05, batch_size=size
            ).explain(images)
        )
        for size in (1, 4)
    )
    once = images_classified(lambda: explainer(classifier=Counting()).explain(images))
    assert once < single  # some image is solved again
    assert together <= 1.02 * single


def test_a_path_does_not_depend_on_the_batch_though_images_stop_at_different_steps() -> None:
    images, lambda_ks = smooth_images(4), (2.0, 0.5)
    solver = SOLVER.model_copy(update={"tolerance": 0.6, "overshoot": 1.0})
    together, alone = (
        rcx.CartoonX(
            tiny_cnn(), levels=2, solver=solver, evaluation_samples=64, batch_size=size
        ).explain_path(images, lambda_ks)
        for size in (4, 1)
    )
    assert len(set(together[1].steps.tolist())) > 1  # the path begins here
    for in_batch, single in zip(together, alone, strict=True):
        torch.testing.assert_close(in_batch.mask, single.mask, rtol=1e-3, atol=1e-3)


def test_the_path_of_an_image_does_not_depend_on_the_images_before_it() -> None:
    images, lambda_ks = smooth_images(8), (4.0, 16.0, 30.0)
    path = explainer().explain_path(images, lambda_ks)
    alone = explainer().explain_path(images[3:4], lambda_ks)
    for in_batch, single in zip(path, alone, strict=True):
        assert torch.equal(in_batch.mask[3:4], single.mask)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_progress_counts_the_steps_of_all_solves(batch_size: int) -> None:
    calls: list[tuple[int, int]] = []
    explainer(target=0.05, batch_size=batch_size).explain(
        smooth_images(4), progress=lambda done, most: calls.append((done, most))
    )
    assert len(calls) > 4 * SOLVER.steps // batch_size
    assert all(done <= most for done, most in calls)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


@every_method
def test_a_path_gives_one_explanation_for_each_lambda_in_the_order_given(method: Method) -> None:
    images, targets = smooth_images(2), [1, 3]
    explainer = method(tiny_cnn())
    path = explainer.explain_path(images, [4.0, 0.5, 4.0, 1.0], targets)
    for explanation, lambda_k in zip(path, (4.0, 0.5, 4.0, 1.0), strict=True):
        assert explanation.lambda_k.tolist() == [lambda_k] * 2
        assert explanation.settings["lambda_k"] == lambda_k
        assert explanation.target.tolist() == targets
        penalty = penalty_of(explainer, images, explanation.mask)
        torch.testing.assert_close(
            explanation.loss - penalty, explanation.distortion + lambda_k * explanation.nonsparsity
        )
    assert_same_bits(path[0], path[2])
    again = explainer.explain_path(images, [4.0, 0.5, 4.0, 1.0], targets)
    for first, second in zip(path, again, strict=True):
        assert_same_bits(first, second)


@every_method
def test_a_path_begins_like_a_single_explanation_of_its_middle_lambda(method: Method) -> None:
    images = smooth_images(2)
    alone = method(tiny_cnn(), 2.0).explain(images)
    path = method(tiny_cnn(), 7.0).explain_path(images, [4.0, 0.5, 2.0])
    assert_same_bits(path[2], alone)


@every_method
def test_a_path_that_has_lost_its_answer_begins_anew_for_a_smaller_lambda(method: Method) -> None:
    images, solver = smooth_images(2), rcx.SolverSettings(steps=40, samples=2)
    path = method(tiny_cnn(), solver=solver).explain_path(images, [0.5, 1e4, 1e5])
    assert path[1].nonsparsity.max() < 0.2
    assert_same_bits(path[0], method(tiny_cnn(), 0.5, solver=solver).explain(images))


def test_only_images_that_have_lost_their_answer_begin_anew() -> None:
    images, lambda_ks = smooth_images(8), (2.0, 8.0, 30.0)
    path = explainer(batch_size=8).explain_path(images, lambda_ks)
    steps = path[0].steps
    anew = (steps == SOLVER.steps).nonzero().squeeze(1).tolist()
    assert 0 < len(anew) < len(images)
    alone = explainer().explain_path(images, lambda_ks)
    for in_batch, single in zip(path, alone, strict=True):
        assert torch.equal(in_batch.steps, single.steps)
        torch.testing.assert_close(in_batch.mask, single.mask, rtol=0, atol=0.05)
    finished = path[0].history["loss"].isfinite().sum(1)
    assert torch.equal(finished, steps)


@every_method
def test_along_a_path_masks_get_sparser(method: Method) -> None:
    solver = rcx.SolverSettings(samples=8)
    explainer = method(tiny_cnn(), solver=solver, evaluation_samples=64)
    path = explainer.explain_path(smooth_images(4), [0.5, 2.0, 8.0, 100.0])
    rates = torch.stack([explanation.nonsparsity.mean() for explanation in path])
    assert rates.diff().max() < 0
    assert rates[-1] < 0.3 * rates[0]


@pytest.mark.parametrize(
    ("lambda_ks", "message"),
    [
        ([], "at least one"),
        ([1.0, -1.0], "a positive number"),
        ([float("nan")], "a positive number"),
    ],
)
def test_paths_that_make_no_sense(lambda_ks: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cartoonx(tiny_cnn()).explain_path(smooth_images(1), lambda_ks)


def test_a_target_distortion_finds_each_image_its_own_lambda() -> None:
    images = smooth_images(4, seed=1)
    distortions = []
    for target in (0.01, 0.2):
        explainer = cartoonx(
            tiny_cnn(),
            target_distortion=target,
            solver=rcx.SolverSettings(samples=4),
            evaluation_samples=128,
        )
        explanation = explainer.explain(images)
        assert len(set(explanation.lambda_k.tolist())) > 1
        torch.testing.assert_close(
            explanation.loss,
            explanation.distortion + explanation.lambda_k * explanation.nonsparsity,
        )
        distortions.append(explanation.distortion.mean())
    assert distortions[0] < distortions[1]


def test_an_images_own_lambda_does_not_depend_on_its_batch() -> None:
    explainer = cartoonx(tiny_cnn(), target_distortion=0.05, evaluation_samples=64)
    images = smooth_images(3, seed=1)
    batch = explainer.explain(images)
    for row, image in enumerate(images):
        assert_same_rows(batch, row, explainer.explain(image), atol=2e-3)
