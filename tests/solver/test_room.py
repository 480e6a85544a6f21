"""The room that the distortion leaves: its bounds, and how it depends on the distortion."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rcx.solver.room import Room

EVERY = torch.arange(3)
WHOLE = torch.tensor([0.0, 0.1, 0.2]).double()
EMPTY = torch.tensor([0.5, 0.1, 1.0]).double()  # the second image can only win
LAMBDA = torch.tensor([1.0, 1.0, 0.01]).double()


def room() -> Room:
    return Room(LAMBDA, WHOLE, EMPTY)


def test_without_distortion_the_room_is_whole() -> None:
    for shares in room().left(WHOLE, EVERY):
        assert shares.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("which", "limits"), [(0, (0.5, 0.8)), (1, (0.25, 0.005))])
def test_what_the_empty_mask_loses_or_half_of_it_or_of_lambda_uses_the_room_up(
    which: int, limits: tuple[float, float]
) -> None:
    for part, left in ((0.5, 0.5), (1.0, 0.0), (3.0, 0.0)):
        tested = room()
        distortion = WHOLE + part * torch.tensor([limits[0], 0.0, limits[1]]).double()
        for _ in range(500):  # until the running mean is the distortion itself
            shares = tested.left(distortion, EVERY)[which]
        assert shares[::2].tolist() == pytest.approx([left, left], abs=1e-6)


def test_one_loud_step_counts_for_no_more_than_losing_everything() -> None:
    loud, lost = room(), room()
    pairs = zip(loud.left(100 * EMPTY, EVERY), lost.left(EMPTY, EVERY), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=20))
def test_more_distortion_never_leaves_more_room(steps: list[tuple[float, float]]) -> None:
    of_less, of_more = room(), room()
    for distortion, more in steps:
        larger = torch.stack(of_less.left(torch.full((3,), distortion).double(), EVERY))
        smaller = torch.stack(of_more.left(torch.full((3,), distortion + more).double(), EVERY))
        assert (smaller >= 0).all() and (smaller <= larger).all() and (larger <= 1).all()


def test_images_that_have_stopped_are_left_out() -> None:
    of_two, of_all = room(), room()
    distortion = torch.tensor([0.05, 0.3, 0.201]).double()
    rows = torch.tensor([0, 2])
    for _ in range(3):
        pairs = zip(
            of_two.left(distortion[rows], rows), of_all.left(distortion, EVERY), strict=True
        )
        assert all(torch.equal(two, every[rows]) for two, every in pairs)
