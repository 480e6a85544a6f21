"""The solver against torch's Adam, brute force and known optima, and its conduct."""

from dataclasses import FrozenInstanceError
from itertools import product
from typing import Any, get_args

import pytest
import torch
from helpers import (
    PLAIN,
    bowl,
    lambdas,
    make_objective,
    ones,
    pixel_objective,
    seeded,
    smooth_images,
    solve_bowl,
    solved,
    tiny_cnn,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rcx.solver.distortion import DistortionMeasure
from rcx.solver.loop import solve
from rcx.solver.objective import Objective
from rcx.solver.problem import Problem
from rcx.solver.settings import SolverSettings

CAREFUL = SolverSettings(steps=300, samples=64, reach=0.05, overshoot=1)


# --- against torch's Adam


@pytest.mark.parametrize("antithetic", [True, False])
def test_full_reach_is_projected_adam(antithetic: bool) -> None:
    objective = make_objective(
        tiny_cnn().double(), smooth_images(2, (8, 8)).double(), antithetic=antithetic
    )
    lambda_k = torch.tensor([0.05, 0.5], dtype=torch.float64)
    settings = SolverSettings(**(PLAIN | {"antithetic": antithetic}), steps=40, samples=4)
    solution = solved(objective, ones(objective), lambda_k, settings, seeded(3))
    length = objective.representation.length
    for image in range(2):
        mask = ones(objective)[:1].requires_grad_()
        unit = lambda_k[image].item() / length
        adam = torch.optim.Adam([mask], lr=0.05)
        generator = seeded(3)
        for step in range(40):
            fields = objective.draw(4, generator)
            values, slope = objective.gradient(mask.detach(), fields, torch.tensor([image]))
            recorded = solution.history["distortion"][image, step]
            torch.testing.assert_close(recorded, values[0], atol=1e-9, rtol=1e-6)
            mask.grad = slope + unit
            adam.step()
            with torch.no_grad():
                mask.clamp_(0, 1)
        torch.testing.assert_close(solution.mask[image], mask[0].detach(), atol=1e-7, rtol=1e-6)
        assert 0 < mask.mean() < 1


def test_the_published_preset_is_the_reports() -> None:
    settings = SolverSettings.preset("published")
    assert (settings.steps, settings.samples, settings.antithetic) == (2000, 64, False)
    assert (settings.memory, settings.reach) == (0.999, 1)
    sizes = [settings.step_sizes(step, torch.ones(1).double()) for step in range(2000)]
    assert set(torch.cat(sizes).tolist()) == {1e-3}
    assert settings.tolerance == 0


# --- against brute force


def best_binary(objective: Objective, fields: Tensor, lambda_k: Tensor) -> Tensor:
    """Least loss over all masks of zeros and ones, on fixed noise, for each lambda."""
    length = objective.representation.length
    masks = torch.tensor(list(product((0.0, 1.0), repeat=length)), dtype=torch.float64)
    rows = torch.zeros(len(masks), dtype=torch.int64)
    distortion = objective.answer(masks, fields, rows).distortion
    return (distortion + lambda_k[:, None] * masks.mean(1)).amin(1)


def solver_and_best_losses(seed: int, settings: SolverSettings) -> tuple[Tensor, Tensor]:
    """Losses of the solver's masks and of the best binary masks, for three lambdas."""
    objective = pixel_objective(seed, copies=3)
    lambda_k = lambdas(objective, 0.02, 0.1, 0.5)
    fields = objective.draw(512, seeded(99))
    mask = solved(objective, ones(objective), lambda_k, settings, seeded(0)).mask
    loss = objective.answer(mask, fields).distortion + lambda_k * mask.mean(1)
    return loss, best_binary(objective, fields, lambda_k)


@pytest.mark.parametrize("seed", range(6))
def test_no_worse_than_the_best_of_all_binary_masks(seed: int) -> None:
    loss, best = solver_and_best_losses(seed, CAREFUL)
    assert (loss <= 1.05 * best + 1e-3).all()


def test_the_default_settings_come_near_the_best_binary_masks() -> None:
    pairs = [torch.stack(solver_and_best_losses(seed, SolverSettings())) for seed in range(6)]
    loss, best = torch.stack(pairs).sum(0)
    assert (loss <= 1.1 * best).all()


# --- against a known optimum


@pytest.mark.parametrize("deviation", [0.0, 0.5])
def test_finds_a_known_optimum(deviation: float) -> None:
    problem, lambda_k = bowl(deviation=deviation), torch.tensor([0.3, 1.0, 3.0]).double()
    solution = solve_bowl(problem, lambda_k, steps=300, samples=16)
    optimum = problem.optimum(lambda_k)
    excess = problem.loss(solution.mask, lambda_k) - problem.loss(optimum, lambda_k)
    assert excess.min() >= 0
    assert (excess < 0.02 * lambda_k).all()
    assert (solution.mask - optimum).abs().mean() < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_a_larger_lambda_keeps_less(seed: int) -> None:
    objective = pixel_objective(seed, copies=5)
    lambda_k = lambdas(objective, 0.01, 0.05, 0.25, 1.25, 6.25)
    mask = solved(objective, ones(objective), lambda_k, CAREFUL, seeded(0)).mask
    rates = mask.mean(1)
    assert rates.diff().max() < 0.02
    assert rates[-1] < rates[0]


def test_relative_distortion_has_the_optimum_of_lambda_times_the_squared_probability() -> None:
    classifier, images = tiny_cnn().double(), smooth_images(3, (12, 12)).double()
    relative, published = (
        make_objective(classifier, images, measure=measure, clamp=False)
        for measure in ("relative", "probability")
    )
    lambda_k, square = lambdas(relative, 0.5, 2.0, 8.0), relative.probability.square()
    assert square.max() < 0.9
    settings = SolverSettings(steps=60)
    first = solved(relative, ones(relative), lambda_k, settings, seeded(0))
    second = solved(published, ones(published), lambda_k * square, settings, seeded(0))
    torch.testing.assert_close(first.mask, second.mask, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(
        first.history["loss"] * square[:, None], second.history["loss"], atol=1e-6, rtol=1e-6
    )


# --- the overshoot and the room


def test_an_overshoot_that_never_ends_is_a_larger_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    # The room is so large that no distortion uses it up.
    monkeypatch.setattr("rcx.solver.room._SHARE", 1e12)
    problem, lambda_k = bowl(deviation=0.5), torch.tensor([0.3, 1.0, 3.0]).double()
    start = torch.ones(3, 60, dtype=torch.float64)
    plain = SolverSettings(**(PLAIN | {"memory": 0.9}), steps=80, samples=4)
    same = plain.model_copy(update={"early_share": 1.0})
    more = same.model_copy(update={"overshoot": 4.0})
    expected = solved(problem, start, 4 * lambda_k, same, seeded(0)).mask
    mask = solved(problem, start, lambda_k, more, seeded(0)).mask
    torch.testing.assert_close(mask, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("measure", get_args(DistortionMeasure))
def test_the_ends_are_the_masks_of_ones_and_of_zeros(measure: DistortionMeasure) -> None:
    objective = make_objective(tiny_cnn(), smooth_images(3), measure=measure)
    fields = objective.draw(8, seeded(1))
    masks = (ones(objective), 0 * ones(objective))
    for end, mask in zip(objective.ends(fields), masks, strict=True):
        # The answer to a mask of ones differs from that to the image by rounding.
        expected = objective.answer(mask, fields).distortion
        torch.testing.assert_close(end, expected, atol=1e-5, rtol=1e-4)


@given(steps=st.integers(1, 300), early=st.floats(0, 1))
def test_an_overshoot_falls_and_leaves_the_last_steps_to_lambda_itself(
    steps: int, early: float
) -> None:
    settings = SolverSettings(steps=steps, early_share=early)
    shares = [settings.surcharge(step) / 31 for step in range(steps)]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares, reverse=True)
    for step, share in enumerate(shares):
        if step / steps < early:
            assert share == 1
        elif step / steps >= 0.85:
            assert share == 0


def test_no_image_stops_before_lambda_has_long_been_its_own() -> None:
    settings: dict[str, Any] = {"steps": 200, "samples": 2, "tolerance": 1e9}
    solution = solve_bowl(bowl(), torch.ones(3).double(), **settings)
    # Lambda is its own from step 170 on, and the residual needs 20 more steps.
    assert (solution.steps == 191).all()


# --- the loop


@pytest.mark.parametrize("samples", [1, 4])
def test_a_seed_gives_the_same_bits(samples: int) -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    settings = SolverSettings(steps=8, samples=samples)
    arguments = (objective, ones(objective), lambdas(objective, 2.0), settings)
    state = torch.get_rng_state()
    first, second, other = (solved(*arguments, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.mask, second.mask)
    for name, curve in first.history.items():
        assert torch.equal(curve, second.history[name])
    assert not torch.equal(first.mask, other.mask)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_batch_equals_its_images_alone() -> None:
    classifier, images = tiny_cnn(), smooth_images(3, seed=2)
    settings = SolverSettings(steps=20, samples=4)
    values = (1.0, 4.0, 16.0)
    batch = make_objective(classifier, images, [0, 1, 2])
    solution = solved(batch, ones(batch), torch.tensor(values), settings, seeded(0))
    for image, value in enumerate(values):
        alone = make_objective(classifier, images[image : image + 1], [image])
        single = solved(alone, ones(alone), torch.tensor([value]), settings, seeded(0))
        torch.testing.assert_close(single.mask[0], solution.mask[image], atol=2e-3, rtol=0)


@pytest.mark.parametrize("rate", [1e-3, 0.3, 10.0])
@pytest.mark.parametrize("reach", [1e-3, 1.0])
def test_masks_stay_between_zero_and_one(rate: float, reach: float) -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    start = torch.rand(ones(objective).shape, generator=seeded(8))
    before = start.clone()
    settings = SolverSettings(steps=10, samples=2, learning_rate=rate, reach=reach)
    mask = solved(objective, start, lambdas(objective, 5.0), settings, seeded(0)).mask
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert not torch.equal(mask, before)
    assert torch.equal(start, before)


def test_the_watch_is_called_after_each_step_with_its_masks() -> None:
    calls: list[tuple[int, Tensor]] = []
    objective = make_objective(tiny_cnn(), smooth_images(1))
    settings = SolverSettings(steps=5, samples=2)
    solution = solved(
        objective,
        ones(objective),
        lambdas(objective, 2.0),
        settings,
        seeded(0),
        watch=lambda step, mask: calls.append((step, mask.clone())),
    )
    assert [step for step, _ in calls] == [1, 2, 3, 4, 5]
    rates = torch.stack([mask.mean(1) for _, mask in calls], 1)
    torch.testing.assert_close(rates[:, :-1], solution.history["nonsparsity"][:, 1:])
    assert torch.equal(calls[-1][1], solution.mask)


def test_a_solve_leaves_the_problem_as_it_was() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    noise = seeded(3)
    problem = Problem(objective, ones(objective), lambdas(objective, 2.0), noise)
    state = noise.get_state()
    settings = SolverSettings(steps=4, samples=2)
    first, second = (solve(problem, settings) for _ in range(2))
    assert torch.equal(first.mask, second.mask)
    assert torch.equal(noise.get_state(), state)
    assert torch.equal(problem.start, ones(objective))
    with pytest.raises(FrozenInstanceError):
        problem.start = first.mask  # type: ignore[misc]


def test_a_problem_is_continued_from_its_solution_for_some_of_the_images() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(3))
    problem = Problem(objective, ones(objective), lambdas(objective, 2.0), seeded(3))
    solution = solve(problem, SolverSettings(steps=6, samples=2))
    rows = torch.tensor([2, 0])
    part = problem.select(rows).continued(solution.select(rows), torch.tensor([1.0, 4.0]))
    assert len(part) == 2 and part.lambda_k.tolist() == [1.0, 4.0]
    assert torch.equal(part.start, solution.mask[rows])
    short = SolverSettings(steps=3, samples=2, overshoot=1)
    together = solve(part, short)
    for number in range(2):
        alone = solve(part.select(torch.tensor([number])), short)
        torch.testing.assert_close(alone.mask[0], together.mask[number], atol=2e-3, rtol=0)
