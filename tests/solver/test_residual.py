"""The residual, and the steps at which it stops a solve."""

from typing import Any

import pytest
import torch
from helpers import (
    Bowl,
    bowl,
    lambdas,
    make_objective,
    ones,
    seeded,
    smooth_images,
    solve_bowl,
    solved,
    tiny_cnn,
)
from torch import Tensor

from rcx.solver.moments import CONVERGED, projected_residual
from rcx.solver.settings import SolverSettings


def test_residual_is_one_at_a_mask_of_ones() -> None:
    mask = torch.ones(2, 50)
    assert (projected_residual(mask, torch.ones(2, 50), torch.ones(2, 50)) == 1).all()
    objective = make_objective(tiny_cnn(), smooth_images(2))
    start, fields = ones(objective), objective.draw(4, seeded(0))
    length = start.shape[1]
    _, slope = objective.gradient(start, fields, torch.arange(2))
    gradient = slope * length / 20 + 1
    torch.testing.assert_close(
        projected_residual(start, gradient, gradient), torch.ones(2), atol=0.05, rtol=0
    )


def test_residual_is_zero_at_the_optimum_and_not_beside_it() -> None:
    problem, lambda_k = bowl(), torch.tensor([0.3, 1.0, 3.0]).double()
    optimum = problem.optimum(lambda_k)
    assert (optimum == 0).any()
    assert ((optimum > 0) & (optimum < 1)).any()

    def residual(mask: Tensor) -> Tensor:
        fields = problem.draw(1, seeded(0))
        _, slope = problem.gradient(mask, fields, torch.arange(3))
        gradient = slope * mask.shape[1] / lambda_k[:, None] + 1
        return projected_residual(mask, gradient, gradient)

    assert residual(optimum).abs().max() < 1e-12
    for beside in ((optimum + 0.1).clamp(0, 1), 0.8 * optimum):
        assert residual(beside).min() > 0.05


def test_entries_that_press_against_one_are_settled() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0, 0.5]])
    pressing = torch.tensor([[-3.0, -0.1, 5.0, 0.0]])
    assert projected_residual(mask, pressing, pressing).item() == 0
    free = torch.tensor([[-3.0, 1.0, 5.0, 0.0]])
    assert projected_residual(mask, free, free).item() == pytest.approx(1 / 2.5)


def test_residual_of_an_empty_mask_is_zero() -> None:
    anything = torch.randn(2, 9, generator=seeded(0))
    assert (projected_residual(torch.zeros(2, 9), anything, anything) == 0).all()


def test_residual_of_pure_noise_averages_to_zero() -> None:
    mask = 0.99 * torch.rand(4000, 30, generator=seeded(0))
    earlier, fresh = torch.randn(2, 4000, 30, generator=seeded(1))
    residuals = projected_residual(mask, earlier, fresh)
    assert residuals.mean().abs() < 4 * residuals.std() / 4000**0.5
    assert residuals.std() > 0.1


def test_residual_falls_from_one_to_near_zero() -> None:
    problem, lambda_k = bowl(deviation=0.5), torch.tensor([0.3, 1.0, 2.0]).double()
    solution = solve_bowl(problem, lambda_k, steps=300, samples=16)
    assert (solution.history["residual"][:, 0] == 1).all()
    assert solution.residual.abs().max() < 0.1


def test_residual_at_the_end_is_not_that_of_the_overshoot() -> None:
    problem, lambda_k = bowl(deviation=0.5), torch.tensor([0.3, 1.0, 2.0]).double()
    curve = solve_bowl(problem, lambda_k, steps=200, samples=16).history["residual"]
    # Lambda is its own from step 170 on.
    assert curve[:2, 165:170].min() > 0.2
    assert curve[:, -5:].abs().max() < 0.15


# --- stopping


def test_stops_each_image_at_the_tolerance() -> None:
    problem, lambda_k = bowl(), torch.tensor([0.3, 1.0, 3.0]).double()
    loose, strict = (
        solve_bowl(problem, lambda_k, steps=400, tolerance=tolerance, overshoot=1.0)
        for tolerance in (0.5, 0.1)
    )
    for solution, tolerance in ((loose, 0.5), (strict, 0.1)):
        assert solution.converged.all()
        assert (solution.residual < tolerance).all()
        assert (solution.steps < 400).all()
    assert (loose.steps <= strict.steps).all()
    assert (loose.steps < strict.steps).any()
    gained = problem.loss(loose.mask, lambda_k) - problem.loss(strict.mask, lambda_k)
    assert gained.min() >= 0
    assert gained.max() > 0


def test_says_so_when_the_steps_run_out() -> None:
    problem, lambda_k = bowl(), torch.ones(3).double()
    solution = solve_bowl(problem, lambda_k, steps=7, tolerance=0.01, overshoot=1.0)
    assert not solution.converged.any()
    assert (solution.residual > 0.01).all()
    assert solution.steps.tolist() == [7, 7, 7]


def test_takes_all_steps_without_a_tolerance_and_still_tells_which_images_converged() -> None:
    problem, lambda_k = bowl(), torch.tensor([0.3, 1.0, 3.0]).double()
    stopped, full, short = (
        solve_bowl(problem, lambda_k, steps=steps, tolerance=tolerance, overshoot=1.0)
        for steps, tolerance in ((200, 0.3), (200, 0.0), (10, 0.0))
    )
    assert stopped.steps.max() < 200
    assert full.steps.tolist() == [200, 200, 200]
    assert full.converged.all()
    assert (full.residual < CONVERGED).all()
    assert short.steps.tolist() == [10, 10, 10]
    assert not short.converged.any()
    for image, steps in enumerate(stopped.steps.tolist()):
        # Until an image stops, both solves are the same.
        for name, curve in stopped.history.items():
            torch.testing.assert_close(curve[image, :steps], full.history[name][image, :steps])


def test_an_image_that_stopped_stays_as_it_is() -> None:
    problem, lambda_k = bowl(), torch.tensor([0.1, 1.0, 3.0]).double()
    settings: dict[str, Any] = {"steps": 400, "samples": 2, "tolerance": 0.3, "overshoot": 1.0}
    batch = solve_bowl(problem, lambda_k, **settings)
    assert len(set(batch.steps.tolist())) > 1
    for image in range(3):
        alone = solve_bowl(
            Bowl(problem.curvature[image : image + 1]), lambda_k[image : image + 1], **settings
        )
        assert alone.steps.item() == batch.steps[image].item()
        torch.testing.assert_close(alone.mask[0], batch.mask[image])
        torch.testing.assert_close(alone.residual[0], batch.residual[image])


def test_history_has_a_column_for_each_step_and_nan_after_the_last() -> None:
    problem, lambda_k = bowl(), torch.tensor([0.1, 1.0, 3.0]).double()
    solution = solve_bowl(problem, lambda_k, steps=400, samples=2, tolerance=0.3)
    assert solution.history.keys() == {"distortion", "nonsparsity", "loss", "residual"}
    longest = int(solution.steps.max())
    running = torch.arange(longest) < solution.steps[:, None]
    for curve in solution.history.values():
        assert curve.shape == (3, longest)
        assert torch.equal(curve.isnan(), ~running)


def test_history_is_that_of_the_masks_before_each_step() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    lambda_k = lambdas(objective, 2.0)
    settings = SolverSettings(steps=6, samples=4)
    start = torch.rand(ones(objective).shape, generator=seeded(8))
    history = solved(objective, start, lambda_k, settings, seeded(0)).history
    fields = objective.draw(settings.samples, seeded(0))
    first = objective.answer(start, fields).distortion
    torch.testing.assert_close(history["distortion"][:, 0], first, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(history["nonsparsity"][:, 0], start.mean(1))
    torch.testing.assert_close(
        history["loss"], history["distortion"] + lambda_k[:, None] * history["nonsparsity"]
    )
