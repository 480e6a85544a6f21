"""The moments of one solve, which the next one continues."""

import torch
from helpers import PLAIN, bowl, seeded, solved

from rcx.solver.moments import Moments, Momentum
from rcx.solver.settings import SolverSettings

# With such a short memory, nothing is left of the first steps after two hundred more.
SHORT = SolverSettings(**{**PLAIN, "memory": 0.9})


def test_a_continued_solve_equals_one_long_solve() -> None:
    problem, lambda_k = bowl(deviation=0.5), torch.tensor([0.3, 1.0, 3.0]).double()
    start = torch.ones(3, 60, dtype=torch.float64)
    longer = SHORT.model_copy(update={"steps": 220})
    expected = solved(problem, start, lambda_k, longer, seeded(0)).mask
    first = solved(problem, start, lambda_k, SHORT.model_copy(update={"steps": 200}), seeded(0))
    noise = seeded(0)
    for _ in range(200):  # skip the noise of the first solve
        problem.draw(SHORT.samples, noise)
    rest = SHORT.model_copy(update={"steps": 20})
    second = solved(problem, first.mask, lambda_k, rest, noise, momentum=first.momentum)
    torch.testing.assert_close(second.mask, expected, atol=1e-7, rtol=0)


def test_moments_at_another_lambda_are_those_of_gradients_at_that_lambda() -> None:
    slopes = torch.randn(500, 2, 7, generator=seeded(1), dtype=torch.float64)
    here, there = torch.tensor([4.0, 20.0]).double(), torch.tensor([8.0, 16.0]).double()

    def momentum(lambda_k: torch.Tensor) -> Momentum:
        gradients = slopes / lambda_k[:, None] + 1
        return Momentum(gradients.mean(0), gradients.square().mean(0), lambda_k)

    for estimate, expected in zip(momentum(here).at(there), momentum(there), strict=True):
        torch.testing.assert_close(estimate, expected)


def test_momentum_is_the_mean_gradient_after_few_steps_too() -> None:
    # An image that stopped early has had fewer gradients than the others of its batch.
    moments = Moments(torch.ones(2, 5), memory=0.99)
    gradient = torch.full((1, 5), 3.0)
    for step in range(7):
        rows = torch.tensor([0, 1]) if step < 2 else torch.tensor([0])
        mask = torch.ones(len(rows), 5)
        moments.update(mask, gradient.expand(len(rows), 5), rows, torch.zeros(len(rows), 1))
    momentum = moments.momentum(torch.ones(2), torch.tensor([7, 2]))
    torch.testing.assert_close(momentum.mean, torch.full((2, 5), 3.0))
    torch.testing.assert_close(momentum.square, torch.full((2, 5), 9.0))


def test_the_rows_of_momentum_can_be_selected() -> None:
    mean = torch.arange(6.0).reshape(3, 2)
    part = Momentum(mean, mean.square(), torch.arange(3.0)).select(torch.tensor([2, 0]))
    assert part.mean.tolist() == [[4, 5], [0, 1]]
    assert part.square.tolist() == [[16, 25], [0, 1]]
    assert part.lambda_k.tolist() == [2, 0]
