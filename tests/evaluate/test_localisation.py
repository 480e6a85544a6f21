"""How well a map shows an object, for maps where this is known and against plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from rcx.evaluate.localisation import localisation_table, overlap_at_area, pointing, share_inside


def block(top: int, left: int, size: int = 4, side: int = 12) -> Tensor:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[top : top + size, left : left + size] = True
    return mask


OBJECTS = torch.stack((block(0, 0), block(3, 5)))


def test_the_object_itself_is_the_best_map() -> None:
    maps = OBJECTS.float() * torch.rand(2, 12, 12).clamp_min(0.1)
    for measure in (share_inside, pointing, overlap_at_area):
        assert torch.equal(measure(maps, OBJECTS), torch.ones(2)), measure.__name__


def test_everything_but_the_object_is_the_worst_map() -> None:
    maps = (~OBJECTS).float()
    for measure in (share_inside, pointing, overlap_at_area):
        assert torch.equal(measure(maps, OBJECTS), torch.zeros(2)), measure.__name__


def test_a_map_without_information_gives_the_objects_share() -> None:
    flat = torch.ones(2, 1, 12, 12)
    for measure in (share_inside, pointing):
        torch.testing.assert_close(measure(flat, OBJECTS), OBJECTS.float().mean((1, 2)))
    overlaps = torch.stack([overlap_at_area(flat, OBJECTS, seed=seed) for seed in range(200)])
    share = 16 / 144
    assert abs(overlaps.mean() - share / (2 - share)) < 0.01


@given(
    arrays(np.float32, (2, 5, 6), elements=st.integers(0, 4).map(lambda n: n / 4)),
    arrays(bool, (2, 5, 6)),
)
@settings(deadline=None)
def test_agrees_with_loops_over_pixels(values: np.ndarray, objects: np.ndarray) -> None:
    objects[:, 2, 3] = True
    values[:, 0, 0] = 0.5
    maps, masks = torch.tensor(values), torch.tensor(objects)
    overlap = overlap_at_area(maps, masks)
    for row in range(2):
        pairs = list(zip(values[row].ravel().tolist(), objects[row].ravel(), strict=True))
        inside = sum(value for value, is_object in pairs if is_object)
        assert share_inside(maps, masks)[row] == pytest.approx(
            inside / sum(value for value, _ in pairs), abs=1e-6
        )
        highest = max(value for value, _ in pairs)
        hits = [is_object for value, is_object in pairs if value == highest]
        assert pointing(maps, masks)[row] == pytest.approx(sum(hits) / len(hits))
        # ties at the threshold may go either way, nothing else may
        area = int(objects[row].sum())
        threshold = sorted((value for value, _ in pairs), reverse=True)[area - 1]
        sure = sum(is_object for value, is_object in pairs if value > threshold)
        free = area - sum(value > threshold for value, _ in pairs)
        ends = (sure, sure + min(free, sum(o for v, o in pairs if v == threshold)))
        low, high = (hit / (2 * area - hit) for hit in ends)
        assert low - 1e-6 <= overlap[row] <= high + 1e-6


def test_equal_pixels_are_chosen_by_the_seed() -> None:
    flat = torch.ones(1, 12, 12)
    first, again, other = (overlap_at_area(flat, OBJECTS[1:], seed=seed) for seed in (0, 0, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_table_has_the_mean_of_every_measure_with_its_interval() -> None:
    maps = {"object": OBJECTS.float(), "noise": torch.rand(2, 12, 12)}
    table = localisation_table(maps, OBJECTS)
    assert table.index.tolist() == ["object", "noise"]
    assert table.columns.tolist() == ["energy inside", "pointing game", "overlap (IoU)"]
    assert all(tuple(interval) == (1, 1, 1) for interval in table.loc["object"])
    low, mean, high = (table.loc["noise", "energy inside"][part] for part in (1, 0, 2))
    assert low < mean < high
    assert mean == pytest.approx(float(share_inside(maps["noise"], OBJECTS).mean()))


@pytest.mark.parametrize(
    ("maps", "objects", "message"),
    [
        (torch.ones(2, 12, 12), OBJECTS.float(), "boolean"),
        (torch.ones(2, 12, 11), OBJECTS, "same shape"),
        (torch.ones(2, 3, 12, 12), OBJECTS, "same shape"),
        (-torch.ones(2, 12, 12), OBJECTS, "not be negative"),
        (torch.full((2, 12, 12), torch.nan), OBJECTS, "NaN"),
        (torch.ones(2, 12, 12), torch.zeros_like(OBJECTS), "needs an object"),
    ],
)
def test_maps_that_do_not_fit(maps: Tensor, objects: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        share_inside(maps, objects)


def test_an_empty_map_has_nothing_on_the_object() -> None:
    objects = torch.zeros(2, 4, 4, dtype=torch.bool)
    objects[:, :2] = True
    maps = objects.float()
    maps[1] = 0
    table = localisation_table({"half empty": maps}, objects)
    assert table.loc["half empty", "energy inside"].mean == 0.5
