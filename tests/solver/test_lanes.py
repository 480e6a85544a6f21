"""Passes side by side give the same results as passes one after the other."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from helpers import make_objective, seeded, smooth_images, tiny_cnn
from torch import Tensor, nn

from rcx.solver.lanes import Lanes


class Storing(nn.Module):
    """Stores its answer, and returns it after a while in which another pass could replace it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.memory: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        self.memory = images.mean((2, 3)) * self.weight
        time.sleep(0.002)
        return self.memory


def test_results_come_in_the_order_of_the_items() -> None:
    with Lanes(nn.Identity(), 2) as lanes:
        assert lanes.map(lambda _, item: item * item, range(7)) == [n * n for n in range(7)]
        assert lanes.map(lambda _, item: item, []) == []


def test_a_model_that_stores_its_answer_is_not_disturbed() -> None:
    images = torch.rand(12, 1, 3, 4, 4, generator=seeded(0))
    with Lanes(Storing(), 2) as lanes:
        answers = lanes.map(lambda model, batch: model(batch), list(images))
    torch.testing.assert_close(torch.stack(answers), images.mean((3, 4)))


def test_lanes_share_the_weights() -> None:
    model = tiny_cnn()
    first, second = Lanes(model, 2).classifiers
    assert first is model and second is not model
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(parameter is copy for parameter, copy in pairs)


def test_the_number_of_threads_is_as_before() -> None:
    before = torch.get_num_threads()
    with Lanes(tiny_cnn(), 2) as lanes:
        inside = lanes.map(lambda _, item: torch.get_num_threads(), [0, 1])
        assert [*inside, torch.get_num_threads()] == [1, 1, 1]
    assert torch.get_num_threads() == before


def test_an_error_in_a_lane_is_raised() -> None:
    def fail(_: nn.Module, item: int) -> None:
        if item == 1:
            raise ValueError("item 1")

    with Lanes(nn.Identity(), 2) as lanes, pytest.raises(ValueError, match="item 1"):
        lanes.map(fail, [0, 1, 2])


def test_long_work_has_one_lane_each_and_what_is_left_over_has_all() -> None:
    with Lanes(tiny_cnn(), 2) as lanes:
        lengths = lanes.map_long(lambda lane, item: (item, len(lane), lane.parts), range(5))
    assert lengths == [(0, 1, 2), (1, 1, 2), (2, 1, 2), (3, 1, 2), (4, 2, 2)]


def test_long_work_runs_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=20)
    with Lanes(tiny_cnn(), 2) as lanes:
        places = lanes.map_long(lambda lane, item: meeting.wait(), range(4))
    assert sorted(places) == [0, 0, 1, 1]


def test_long_work_ends_soon_after_an_error_beside_it() -> None:
    passes = []

    def work(lane: Lanes, item: int) -> None:
        if item == 0:
            raise ValueError("item 0")
        while True:
            passes.append(lane.map(lambda _, one: one, [1]))

    with pytest.raises(ValueError, match="item 0"), Lanes(tiny_cnn(), 2) as lanes:
        lanes.map_long(work, [0, 1])


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("images", [1, 3])
def test_an_objective_over_lanes_is_the_objective(images: int, count: int) -> None:
    model, batch = tiny_cnn(), smooth_images(images)
    results = []
    with Lanes(model, count) as lanes:
        for objective_lanes in (Lanes(model, 1), lanes, lanes):
            objective = make_objective(model, batch)
            objective.lanes = objective_lanes
            mask = torch.rand(objective.coefficients[:, 0].shape, generator=seeded(1))
            fields = objective.draw(6, seeded(2))
            slopes = objective.gradient(mask, fields, torch.arange(images))
            results.append((*slopes, *objective.answer(mask, fields)))
    alone, together, again = results
    torch.testing.assert_close(together, alone)
    assert all(torch.equal(*pair) for pair in zip(together, again, strict=True))
