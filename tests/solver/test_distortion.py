"""Distortion measures: identities, values worked out by hand, torch's and scipy's own."""

import math
from typing import get_args

import pytest
import torch
from helpers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from rcx.solver.distortion import (
    LEAST_PROBABILITY,
    DistortionMeasure,
    check_measure,
    distortion,
    steadied,
)

MEASURES: tuple[DistortionMeasure, ...] = get_args(DistortionMeasure)


def draw(
    n: int = 3, samples: int = 4, classes: int = 6, scale: float = 3.0, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = seeded(seed)
    logits = scale * torch.randn(n, samples, classes, generator=generator, dtype=torch.float64)
    reference = scale * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    target = torch.randint(classes, (n,), generator=generator)
    return logits, reference, target


def logits_of(*probabilities: float) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_values_worked_out_by_hand() -> None:
    reference = logits_of(0.7, 0.2, 0.1)[None]
    moved = logits_of(0.3, 0.6, 0.1)[None, None]
    target = torch.tensor([0])
    expected = {
        "relative": (0.4 / 0.7) ** 2,
        "probability": 0.4**2,
        "l2": math.sqrt(0.4**2 + 0.4**2),
        "kl": 0.3 * math.log(0.3 / 0.7) + 0.6 * math.log(0.6 / 0.2),
        "maximise-target": 0.7**2,
    }
    assert expected.keys() == set(MEASURES)
    for measure in MEASURES:
        value = distortion(measure, moved, reference, target)
        assert value.shape == (1, 1)
        assert value.item() == pytest.approx(expected[measure], rel=1e-12)


@pytest.mark.parametrize("measure", ["relative", "probability", "l2", "kl"])
def test_the_same_answer_is_no_distortion(measure: DistortionMeasure) -> None:
    _, reference, target = draw()
    same = reference[:, None].expand(-1, 4, -1)
    torch.testing.assert_close(
        distortion(measure, same, reference, target), torch.zeros(3, 4, dtype=torch.float64)
    )


def test_certainty_of_the_target_is_no_distortion_when_maximising() -> None:
    _, reference, target = draw()
    sure = torch.full((3, 2, 6), -200.0, dtype=torch.float64)
    sure[torch.arange(3), :, target] = 200.0
    assert distortion("maximise-target", sure, reference, target).max() < 1e-12


@settings(deadline=None, max_examples=60)
@given(
    measure=st.sampled_from(MEASURES),
    n=st.integers(1, 3),
    samples=st.integers(1, 4),
    classes=st.integers(1, 7),
    scale=st.sampled_from([0.0, 1e-3, 1.0, 10.0, 1000.0]),
    seed=st.integers(0, 2**31),
    single=st.booleans(),
)
def test_one_value_for_each_obfuscation_and_never_negative(
    measure: DistortionMeasure,
    n: int,
    samples: int,
    classes: int,
    scale: float,
    seed: int,
    single: bool,
) -> None:
    logits, reference, target = draw(n, samples, classes, scale, seed)
    if single:
        logits, reference = logits.float(), reference.float()
    values = distortion(measure, logits, reference, target)
    assert values.shape == (n, samples)
    assert values.isfinite().all()
    assert values.min() >= (-1e-6 if single else -1e-12)  # rounding, in kl
    for image in range(n):
        for sample in range(samples):
            alone = distortion(
                measure,
                logits[image : image + 1, sample : sample + 1],
                reference[image : image + 1],
                target[image : image + 1],
            )
            torch.testing.assert_close(alone[0, 0], values[image, sample])


@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_kl_equals_scipy_and_torch(scale: float) -> None:
    logits, reference, target = draw(scale=scale)
    values = distortion("kl", logits, reference, target)
    moved, original = logits.softmax(-1), reference.softmax(-1)[:, None].expand_as(logits)
    expected = torch.from_numpy(stats.entropy(moved.numpy(), original.numpy(), axis=-1))
    torch.testing.assert_close(values, expected)
    log_original = reference.log_softmax(-1)[:, None].expand_as(logits)
    expected = torch.nn.functional.kl_div(log_original, moved, reduction="none").sum(-1)
    torch.testing.assert_close(values, expected)


def test_only_the_explained_class_matters_to_the_probability() -> None:
    reference = logits_of(0.5, 0.3, 0.2)[None]
    moved = logits_of(0.5, 0.2, 0.3)[None, None]
    assert distortion("probability", moved, reference, torch.tensor([0])).item() < 1e-20
    assert distortion("probability", moved, reference, torch.tensor([1])).item() > 0
    assert distortion("l2", moved, reference, torch.tensor([0])).item() > 0


@pytest.mark.parametrize("measure", ["l2", "kl"])
def test_the_target_does_not_matter_to_measures_over_all_classes(
    measure: DistortionMeasure,
) -> None:
    logits, reference, target = draw()
    values = distortion(measure, logits, reference, target)
    assert torch.equal(values, distortion(measure, logits, reference, (target + 1) % 6))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_constant_added_to_all_logits_changes_nothing(measure: DistortionMeasure) -> None:
    logits, reference, target = draw()
    values = distortion(measure, logits, reference, target)
    torch.testing.assert_close(distortion(measure, logits + 5, reference - 3, target), values)


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_are_those_of_finite_differences(measure: DistortionMeasure) -> None:
    logits, reference, target = draw()
    assert torch.autograd.gradcheck(
        lambda moved: distortion(measure, moved, reference, target), (logits.requires_grad_(),)
    )


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("scale", [1.0, 500.0])
def test_gradients_are_finite_at_the_image_itself(measure: DistortionMeasure, scale: float) -> None:
    _, reference, target = draw(scale=scale)
    logits = reference.float()[:, None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(
        distortion(measure, logits, reference.float(), target).sum(), logits
    )
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", ["", "L2", "mse", "probabilities"])
def test_unknown_measures_are_named_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"unknown distortion '{name}'; one of relative, "):
        check_measure(name)


def test_known_measures_pass() -> None:
    for measure in MEASURES:
        check_measure(measure)


def test_the_relative_measure_is_the_published_one_over_the_squared_probability() -> None:
    logits, reference, target = draw()
    probability = reference.softmax(-1).gather(1, target[:, None])
    published = distortion("probability", logits, reference, target)
    relative = distortion("relative", logits, reference, target)
    torch.testing.assert_close(relative, published / probability.square())


def test_a_class_of_no_probability_does_not_divide_by_zero() -> None:
    reference = torch.tensor([[0.0, -200.0]])
    moved = torch.tensor([[[0.0, 0.0], [0.0, -200.0]]])
    value = distortion("relative", moved, reference, torch.tensor([1]))
    assert value.isfinite().all()
    assert value[0, 1] == 0
    assert value[0, 0] == pytest.approx((0.5 / LEAST_PROBABILITY) ** 2)


@pytest.mark.parametrize("measure", MEASURES)
def test_only_large_relative_distances_are_steadied(measure: DistortionMeasure) -> None:
    distances = torch.tensor([[0.0, 0.25, 1.0, 4.0, 81.0]]).double().requires_grad_()
    steady = steadied(measure, distances)
    if measure != "relative":
        assert steady is distances
        return
    assert steady.tolist() == [[0.0, 0.25, 1.0, 3.0, 17.0]]
    (slope,) = torch.autograd.grad(steady.sum(), distances)
    torch.testing.assert_close(slope, torch.tensor([[1, 1, 1, 1 / 2, 1 / 9]]).double())


def test_sure_answers_are_never_steadied() -> None:
    # A probability of a half can at most be doubled, and the squared share of that change is 1.
    reference = torch.zeros(1, 2)
    moved = torch.linspace(-50, 50, 21)[:, None] * torch.tensor([1.0, -1.0])
    distances = distortion("relative", moved[None], reference, torch.tensor([0]))
    assert torch.equal(steadied("relative", distances), distances)
