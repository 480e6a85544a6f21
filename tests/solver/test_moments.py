"""Running moments that go on from one solve to the next."""

import torch
from helpers import seeded
from test_solver import PLAIN, bowl

from rcx.solver.loop import solve
from rcx.solver.moments import Moments, Momentum
from rcx.solver.settings import SolverSettings

# memories so short that after two hundred steps nothing is left of the beginning
SHORT = SolverSettings(**{**PLAIN, "memory": 0.9, "momentum": 0.9})


def test_a_solve_that_goes_on_is_one_long_solve() -> None:
    problem, lambda_k = bowl(deviation=0.5), torch.tensor([0.3, 1.0, 3.0]).double()
    start = torch.ones(3, 60, dtype=torch.float64)
    longer = SHORT.model_copy(update={"steps": 220})
    expected = solve(problem, start, lambda_k, longer, seeded(0)).mask
    generator = seeded(0)
    first = solve(problem, start, lambda_k, SHORT.model_copy(update={"steps": 200}), generator)
    rest = SHORT.model_copy(update={"steps": 20})
    second = solve(problem, first.mask, lambda_k, rest, generator, momentum=first.momentum)
    torch.testing.assert_close(second.mask, expected, atol=1e-7, rtol=0)


def test_moments_at_another_lambda_are_those_of_gradients_at_that_lambda() -> None:
    slopes = torch.randn(500, 2, 7, generator=seeded(1), dtype=torch.float64)
    here, there = torch.tensor([4.0, 20.0]).double(), torch.tensor([8.0, 16.0]).double()

    def momentum(lambda_k: torch.Tensor) -> Momentum:
        gradients = slopes / lambda_k[:, None] + 1
        return Momentum(gradients.mean(0), gradients.square().mean(0), lambda_k)

    for found, expected in zip(momentum(here).at(there), momentum(there), strict=True):
        torch.testing.assert_close(found, expected)


def test_momentum_is_the_mean_of_few_gradients_too() -> None:
    # images that stopped early have taken in fewer gradients than others of their batch
    moments = Moments(torch.ones(2, 5), memories=(0.9, 0.99))
    gradient = torch.full((1, 5), 3.0)
    for step in range(7):
        rows = torch.tensor([0, 1]) if step < 2 else torch.tensor([0])
        mask = torch.ones(len(rows), 5)
        moments.update(mask, gradient.expand(len(rows), 5), rows, torch.zeros(len(rows), 1))
    found = moments.momentum(torch.ones(2), torch.tensor([7, 2]))
    torch.testing.assert_close(found.mean, torch.full((2, 5), 3.0))
    torch.testing.assert_close(found.square, torch.full((2, 5), 9.0))


def test_rows_of_momentum_are_selected_and_replaced() -> None:
    mean = torch.arange(6.0).reshape(3, 2)
    whole = Momentum(mean, mean.square(), torch.arange(3.0))
    rows = torch.tensor([2, 0])
    back = whole.replaced(rows, Momentum(*(part + 10 for part in whole.select(rows))))
    assert back.mean.tolist() == [[10, 11], [2, 3], [14, 15]]
    assert back.lambda_k.tolist() == [10, 1, 12]
    assert whole.mean is mean
    assert mean.tolist() == [[0, 1], [2, 3], [4, 5]]
