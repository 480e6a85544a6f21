"""The distortion of masks and its gradient equal the formula, however they are computed."""

from typing import get_args

import pytest
import torch
from helpers import Linear, make_objective, seeded, smooth_images, tiny_cnn
from torch import Tensor

from rcx.representations.pixels import Pixels
from rcx.representations.wavelets import Wavelets
from rcx.solver.distortion import DistortionMeasure, distortion
from rcx.solver.objective import Objective

MEASURES: tuple[DistortionMeasure, ...] = get_args(DistortionMeasure)


def draw_mask(objective: Objective) -> Tensor:
    like = objective.coefficients[:, 0]
    return torch.rand(like.shape, generator=seeded(1), dtype=like.dtype)


def plain_samples(objective: Objective, image: int, mask: Tensor, fields: Tensor) -> Tensor:
    """Distortion of every noise sample of one image, one obfuscation after the other."""
    mean, deviation = (statistic[image] for statistic in objective.noise)
    distances = []
    for field in fields:
        for sign in (1.0,) if objective.signs is None else objective.signs.tolist():
            replaced = mean + deviation * field * sign
            mixed = mask * objective.coefficients[image] + (1 - mask) * replaced
            obfuscated = objective.representation.synthesise(mixed)
            if objective.clamp:
                obfuscated = obfuscated.clamp(0, 1)
            distances.append(
                distortion(
                    objective.measure,
                    objective.lanes.classifiers[0](obfuscated[None])[None],
                    objective.logits[image : image + 1],
                    objective.target[image : image + 1],
                ).squeeze()
            )
    return torch.stack(distances)


def all_rows(objective: Objective) -> Tensor:
    return torch.arange(len(objective))


# --- against the formula


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("clamp", [True, False])
@pytest.mark.parametrize("measure", MEASURES)
def test_gradient_is_that_of_the_formula(
    measure: DistortionMeasure, clamp: bool, antithetic: bool
) -> None:
    classifier, images = tiny_cnn().double(), smooth_images(3, (12, 14)).double()
    objective = make_objective(
        classifier, images, [0, 3, 1], measure=measure, clamp=clamp, antithetic=antithetic, chunk=4
    )
    mask, fields = draw_mask(objective), objective.draw(6, seeded(2))
    values, gradient = objective.gradient(mask, fields, all_rows(objective))
    assert values.shape == (3,)
    assert gradient.shape == mask.shape
    for image in range(3):
        free = mask[image].clone().requires_grad_()
        samples = plain_samples(objective, image, free, fields)
        # The slope is that of the formula, but Huber's where a relative distortion is above 1.
        huber = [
            2 * sample.sqrt() - 1 if measure == "relative" and sample > 1 else sample
            for sample in samples
        ]
        (slope,) = torch.autograd.grad(torch.stack(huber).mean(), free)
        expected = samples.detach().mean()
        torch.testing.assert_close(values[image], expected, atol=1e-12, rtol=1e-9)
        torch.testing.assert_close(gradient[image], slope, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("antithetic", [True, False])
def test_answer_is_that_of_the_formula(antithetic: bool) -> None:
    images = smooth_images(3, (12, 14)).double()
    objective = make_objective(tiny_cnn().double(), images, antithetic=antithetic, chunk=4)
    mask, fields = draw_mask(objective), objective.draw(6, seeded(2))
    answer = objective.answer(mask, fields)
    assert answer.scores.shape == (3, 5)
    torch.testing.assert_close(answer.scores.sum(1), torch.ones(3).double())
    for image in range(3):
        samples = plain_samples(objective, image, mask[image], fields).detach()
        torch.testing.assert_close(answer.distortion[image], samples.mean())
        error = samples.std(correction=0) / len(samples) ** 0.5
        torch.testing.assert_close(answer.distortion_error[image], error)


@pytest.mark.parametrize("measure", MEASURES)
def test_gradient_is_that_of_finite_differences(measure: DistortionMeasure) -> None:
    images = smooth_images(2, (4, 5), channels=2).double()
    objective = make_objective(
        Linear(40), images, measure=measure, clamp=False, representation=Wavelets((4, 5), "haar", 1)
    )
    rows = all_rows(objective)
    mask, fields = draw_mask(objective), objective.draw(4, seeded(2))
    _, gradient = objective.gradient(mask, fields, rows)
    tiny = 1e-6
    for entry in range(mask.shape[1]):
        step = torch.zeros_like(mask)
        step[:, entry] = tiny
        above, below = (objective.answer(mask + s, fields).distortion for s in (step, -step))
        torch.testing.assert_close(
            gradient[:, entry], (above - below) / (2 * tiny), atol=1e-8, rtol=1e-5
        )


def test_gradient_and_answer_agree() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    mask, fields = draw_mask(objective), objective.draw(8, seeded(2))
    values, _ = objective.gradient(mask, fields, all_rows(objective))
    torch.testing.assert_close(values, objective.answer(mask, fields).distortion)


def test_a_mask_of_ones_has_no_distortion_and_no_slope() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    ones, fields = torch.ones_like(draw_mask(objective)), objective.draw(4, seeded(2))
    values, gradient = objective.gradient(ones, fields, all_rows(objective))
    answer = objective.answer(ones, fields)
    assert values.max() < 1e-9
    assert gradient.abs().max() < 1e-4
    torch.testing.assert_close(answer.scores, objective.logits.softmax(-1))
    assert answer.distortion_error.max() < 1e-6


# --- however the work is split


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 12, 100, None])
def test_chunks_change_nothing(chunk: int | None, antithetic: bool) -> None:
    classifier, images = tiny_cnn().double(), smooth_images(3, (12, 14)).double()
    whole, parts = (
        make_objective(classifier, images, antithetic=antithetic, chunk=size)
        for size in (1000, chunk)
    )
    mask, fields = draw_mask(whole), whole.draw(10, seeded(2))
    rows = all_rows(whole)
    for one, other in zip(
        (*whole.gradient(mask, fields, rows), *whole.answer(mask, fields)),
        (*parts.gradient(mask, fields, rows), *parts.answer(mask, fields)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("antithetic", [True, False])
@pytest.mark.parametrize("chunk", [2, 3, 5, 12])
def test_no_pass_is_larger_than_the_chunk(chunk: int, antithetic: bool) -> None:
    sizes = []
    classifier = tiny_cnn()
    images = smooth_images(3, (12, 14))
    objective = make_objective(classifier, images, antithetic=antithetic, chunk=chunk)
    classifier.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    mask, fields = draw_mask(objective), objective.draw(10, seeded(2))
    objective.gradient(mask, fields, all_rows(objective))
    assert sum(sizes) == 30
    assert max(sizes) <= chunk
    objective.answer(mask, fields)
    assert sum(sizes) == 60
    assert max(sizes) <= chunk


def test_rows_choose_images() -> None:
    objective = make_objective(tiny_cnn().double(), smooth_images(4, (12, 14)).double(), chunk=3)
    mask, fields = draw_mask(objective), objective.draw(6, seeded(2))
    whole = (
        *objective.gradient(mask, fields, all_rows(objective)),
        *objective.answer(mask, fields),
    )
    rows = torch.tensor([3, 1, 1])
    selection = (
        *objective.gradient(mask[rows], fields, rows),
        *objective.answer(mask[rows], fields, rows),
    )
    for values, selected in zip(whole, selection, strict=True):
        torch.testing.assert_close(values[rows], selected, atol=1e-12, rtol=1e-9)


def test_an_image_does_not_depend_on_its_batch() -> None:
    classifier, images = tiny_cnn(), smooth_images(3)
    batch = make_objective(classifier, images)
    mask = draw_mask(batch)
    values, gradient = batch.gradient(mask, batch.draw(6, seeded(2)), all_rows(batch))
    for image in range(3):
        alone = make_objective(classifier, images[image : image + 1])
        fields = alone.draw(6, seeded(2))
        value, slope = alone.gradient(mask[image : image + 1], fields, torch.tensor([0]))
        torch.testing.assert_close(value[0], values[image], atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(slope[0], gradient[image], atol=1e-6, rtol=1e-3)


# --- noise


@pytest.mark.parametrize(
    ("samples", "antithetic", "fields"),
    [(8, True, 4), (8, False, 8), (7, True, 4), (1, True, 1), (1, False, 1)],
)
def test_opposite_signs_halve_the_fields(samples: int, antithetic: bool, fields: int) -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2), antithetic=antithetic)
    assert objective.draw(samples, seeded(0)).shape == (fields, 3, objective.coefficients.shape[-1])


def test_draws_are_standard_normal_seeded_and_common_to_the_images() -> None:
    of_one, of_three = (make_objective(tiny_cnn(), smooth_images(n)) for n in (1, 3))
    fields = of_one.draw(64, seeded(0))
    assert torch.equal(fields, of_three.draw(64, seeded(0)))
    assert not torch.equal(fields, of_one.draw(64, seeded(1)))
    torch.testing.assert_close(fields.mean(), torch.tensor(0.0), atol=0.02, rtol=0)
    torch.testing.assert_close(fields.std(), torch.tensor(1.0), atol=0.02, rtol=0)


def test_opposite_signs_estimate_the_same_with_less_variance() -> None:
    image = smooth_images(1, (4, 4), channels=1, seed=5).double()
    classifier = Linear(16, gain=0.5)
    estimates = {}
    for antithetic in (True, False):
        objective = make_objective(
            classifier, image, antithetic=antithetic, clamp=False, representation=Pixels(4)
        )
        mask = torch.full((1, 16), 0.5, dtype=torch.float64)
        generator = seeded(0)
        answers = [objective.answer(mask, objective.draw(8, generator)) for _ in range(400)]
        estimates[antithetic] = torch.stack([a.scores[0, 0] for a in answers])
    spread = {antithetic: values.std() for antithetic, values in estimates.items()}
    error = (spread[True] ** 2 + spread[False] ** 2).sqrt() / 400**0.5
    assert (estimates[True].mean() - estimates[False].mean()).abs() < 4 * error
    assert spread[True] < 0.7 * spread[False]


# --- what stays unchanged


def test_nothing_is_accumulated_in_the_classifier_or_the_mask() -> None:
    classifier = tiny_cnn().requires_grad_(True)
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    objective = make_objective(classifier, smooth_images(2))
    mask, fields = draw_mask(objective), objective.draw(4, seeded(2))
    copies = mask.clone(), fields.clone()
    values, gradient = objective.gradient(mask, fields, all_rows(objective))
    answer = objective.answer(mask, fields)
    assert not any(t.requires_grad for t in (values, gradient, *answer))
    assert all(parameter.grad is None for parameter in classifier.parameters())
    assert mask.grad is None
    assert torch.equal(mask, copies[0])
    assert torch.equal(fields, copies[1])
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_gradients_can_be_taken_under_no_grad() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    mask, fields = draw_mask(objective), objective.draw(4, seeded(2))
    expected = objective.gradient(mask, fields, all_rows(objective))
    with torch.no_grad():
        values, gradient = objective.gradient(mask, fields, all_rows(objective))
        assert not torch.is_grad_enabled()
    assert torch.equal(values, expected[0])
    assert torch.equal(gradient, expected[1])


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="chunk must be at least 1 obfuscation per pass, got 0"):
        make_objective(tiny_cnn(), smooth_images(1), chunk=0)
    with pytest.raises(ValueError, match="unknown distortion 'mse'"):
        make_objective(tiny_cnn(), smooth_images(1), measure="mse")  # type: ignore[arg-type]
