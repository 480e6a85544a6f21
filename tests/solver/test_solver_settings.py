"""The settings of the solver: their schedules, their ranges and their names."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from rcx.solver.settings import Preset, SolverSettings


def test_step_sizes_change_after_the_careful_phase_and_fall_to_a_tenth() -> None:
    settings = SolverSettings(steps=100, learning_rate=0.5, early_share=0.3, decay_share=0.4)
    whole = torch.ones(1)
    sizes = torch.cat([settings.step_sizes(step, whole) for step in range(100)])
    torch.testing.assert_close(sizes[:30], torch.full((30,), 0.1))
    assert (sizes[30:60] == 0.5).all()
    assert (sizes[60:].diff() < 0).all()
    assert 0.05 <= sizes[-1] < 0.07


def test_step_sizes_follow_the_room_after_the_careful_phase() -> None:
    settings = SolverSettings(steps=100, learning_rate=0.5, early_share=0.3, decay_share=0)
    room = torch.tensor([1.0, 0.5, 0.0])
    torch.testing.assert_close(settings.step_sizes(29, room), torch.tensor([0.1, 0.1, 0.1]))
    torch.testing.assert_close(settings.step_sizes(30, room), torch.tensor([0.5, 0.3, 0.1]))


def test_entries_near_a_bound_move_less_after_the_careful_phase() -> None:
    mask = torch.tensor([[0.0, 0.02, 0.3, 0.68, 1.0]])  # of the rate 0.4
    settings = SolverSettings(steps=100, early_share=0.5, reach=0.05)
    early, late = settings.strides(49, mask), settings.strides(50, mask)
    torch.testing.assert_close(early, torch.tensor([[0.05, 0.05, 0.3, 0.68, 1.0]]))
    torch.testing.assert_close(late, torch.tensor([[0.05, 0.05, 0.3, 0.68, 0.6]]))
    assert (SolverSettings.preset("published").strides(0, mask) == 1).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": -1},
        {"steps": 1.5},
        {"samples": 0},
        {"learning_rate": 0},
        {"memory": 1},
        {"overshoot": 0.5},
        {"memory": -0.1},
        {"reach": 0},
        {"reach": 2},
        {"tolerance": -1e-3},
        {"early_share": -1},
        {"step": 10},
        {"learning_rate": float("nan")},
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SolverSettings(**wrong)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SolverSettings().steps = 3  # type: ignore[misc]


def test_unknown_presets_are_named_with_the_known_ones() -> None:
    assert SolverSettings.preset("fast") == SolverSettings()
    known = "unknown solver preset 'slow'; one of fast, short, published, published-2023, fast-1"
    with pytest.raises(ValueError, match=known):
        SolverSettings.preset("slow")  # type: ignore[arg-type]


def test_a_name_with_a_number_stands_for_the_same_settings_for_ever() -> None:
    # Other values need another name: stored results carry these names.
    fast = {
        "steps": 200,
        "samples": 2,
        "antithetic": True,
        "learning_rate": 0.25,
        "early_share": 0.5,
        "decay_share": 0.5,
        "overshoot": 32.0,
        "memory": 0.95,
        "reach": 0.05,
        "tolerance": 0.0,
    }
    short = {"steps": 90, "early_share": 0.0, "decay_share": 1.0, "overshoot": 8.0}
    expected: dict[Preset, dict[str, Any]] = {
        "fast-1": fast,
        "pixels-1": fast | {"steps": 125},
        "short-1": fast | short,
    }
    for name, values in expected.items():
        assert SolverSettings.preset(name).model_dump() == values
        assert SolverSettings(**values).name == name
    assert SolverSettings.preset("fast").name == "fast-1"
    assert SolverSettings.preset("published").name == "published"
    assert SolverSettings(steps=7).name == "custom"
