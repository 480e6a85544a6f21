"""Lambda's surcharge: its bounds, and how it answers to the distortion."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rcx.solver.overshoot import Overshoot

EVERY = torch.arange(3)
WHOLE = torch.tensor([0.0, 0.1, 0.2]).double()
EMPTY = torch.tensor([0.5, 0.1, 1.0]).double()  # the second has nothing to lose
LAMBDA = torch.tensor([1.0, 1.0, 0.01]).double()


def overshoot(leeway: float = 0.4, limit: float = 1e6) -> Overshoot:
    return Overshoot(LAMBDA, WHOLE, EMPTY, most=16, limit=limit, leeway=leeway)


def test_nothing_lost_is_the_whole_surcharge() -> None:
    for share in (1.0, 0.25):
        surcharge = overshoot().surcharge(WHOLE, EVERY, share)
        assert surcharge.tolist() == [15 * share, 0, 15 * share]


def test_lambda_is_no_larger_than_its_limit() -> None:
    # 4 times 0.5 is twice the first lambda, whose square is 4; the last could be far larger
    surcharge = overshoot(limit=4).surcharge(WHOLE, EVERY, 1.0)
    assert surcharge.tolist() == pytest.approx([3, 0, 15])
    assert overshoot(limit=1).surcharge(WHOLE, EVERY, 1.0)[0] == 0


def test_the_room_is_a_share_of_what_there_is_to_lose_or_of_lambda() -> None:
    for part, left in ((0.0, 1.0), (0.5, 0.5), (1.0, 0.0), (3.0, 0.0)):
        one = overshoot(leeway=0.4)
        used = WHOLE + part * 0.4 * torch.tensor([0.5, 0.0, 0.01]).double()
        for _ in range(500):  # until the average has arrived
            surcharge = one.surcharge(used, EVERY, 1.0)
        assert surcharge.tolist() == pytest.approx([15 * left, 0, 15 * left], abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=20))
def test_more_distortion_is_never_more_surcharge(steps: list[tuple[float, float]]) -> None:
    one, other = overshoot(), overshoot()
    for distortion, more in steps:
        lower = one.surcharge(torch.full((3,), distortion).double(), EVERY, 1.0)
        higher = other.surcharge(torch.full((3,), distortion + more).double(), EVERY, 1.0)
        assert (higher >= 0).all() and (higher <= lower).all() and (lower <= 15).all()


def test_images_that_have_stopped_are_left_out() -> None:
    one, all_of_them = overshoot(), overshoot()
    distortion = torch.tensor([0.05, 0.3, 0.201]).double()
    some = torch.tensor([0, 2])
    for _ in range(3):
        found = one.surcharge(distortion[some], some, 1.0)
        expected = all_of_them.surcharge(distortion, EVERY, 1.0)
        assert found.equal(expected[some])
