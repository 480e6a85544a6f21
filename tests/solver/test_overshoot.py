"""The surcharge on lambda: its bounds, and how it depends on the distortion."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rcx.solver.overshoot import Overshoot

EVERY = torch.arange(3)
WHOLE = torch.tensor([0.0, 0.1, 0.2]).double()
EMPTY = torch.tensor([0.5, 0.1, 1.0]).double()  # the second image can only win
LAMBDA = torch.tensor([1.0, 1.0, 0.01]).double()


def overshoot() -> Overshoot:
    return Overshoot(LAMBDA, WHOLE, EMPTY, most=16)


def test_without_distortion_the_surcharge_is_whole() -> None:
    for share in (1.0, 0.25):
        surcharge = overshoot().surcharge(WHOLE, EVERY, share)
        assert surcharge.tolist() == [15 * share] * 3


def test_half_of_what_the_empty_mask_loses_or_of_lambda_uses_the_surcharge_up() -> None:
    for part, left in ((0.5, 0.5), (1.0, 0.0), (3.0, 0.0)):
        tested = overshoot()
        distortion = WHOLE + part * 0.5 * torch.tensor([0.5, 0.0, 0.01]).double()
        for _ in range(500):  # until the running mean is the distortion itself
            surcharge = tested.surcharge(distortion, EVERY, 1.0)
        assert surcharge.tolist() == pytest.approx([15 * left, 15, 15 * left], abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=20))
def test_more_distortion_is_never_more_surcharge(steps: list[tuple[float, float]]) -> None:
    of_less, of_more = overshoot(), overshoot()
    for distortion, more in steps:
        larger = of_less.surcharge(torch.full((3,), distortion).double(), EVERY, 1.0)
        smaller = of_more.surcharge(torch.full((3,), distortion + more).double(), EVERY, 1.0)
        assert (smaller >= 0).all() and (smaller <= larger).all() and (larger <= 15).all()


def test_images_that_have_stopped_are_left_out() -> None:
    of_two, of_all = overshoot(), overshoot()
    distortion = torch.tensor([0.05, 0.3, 0.201]).double()
    rows = torch.tensor([0, 2])
    for _ in range(3):
        surcharge = of_two.surcharge(distortion[rows], rows, 1.0)
        expected = of_all.surcharge(distortion, EVERY, 1.0)
        assert surcharge.equal(expected[rows])
