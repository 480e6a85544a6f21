"""Starting masks: their values, their independence of the batch, and the uniform start's level."""

from typing import Any

import pytest
import torch
from helpers import make_objective, seeded, smooth_images, tiny_cnn
from torch import Tensor, nn

from rcx.images.scenes import draw_scenes
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Band, LocalisedRepresentation
from rcx.representations.wavelets import Wavelets
from rcx.solver.objective import Objective
from rcx.starts.foreground import ForegroundWarning, foreground
from rcx.starts.initial import Start, check_start, initial_mask, uniform_level

BY_NAME = ("ones", "random", "uniform", "foreground", "foreground-uniform", "gradient")


class LeftBrighter(nn.Module):
    """Class 1 where the left half is brighter than the right one by more than a threshold."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, images: Tensor) -> Tensor:
        left, right = images.mean(1).chunk(2, dim=-1)
        brighter = left.mean((1, 2)) - right.mean((1, 2)) - self.threshold
        return torch.stack((torch.zeros_like(brighter), 20 * brighter), dim=1)


def slopes(*contrasts: float) -> Tensor:
    """Grey images that darken from left to right."""
    ramp = torch.linspace(0.5, -0.5, 16).expand(1, 16, 16)
    return torch.stack([0.5 + contrast * ramp for contrast in contrasts])


def with_an_object(n: int, size: tuple[int, int] = (24, 24)) -> Tensor:
    """Dim clouds with a bright square in front."""
    images = 0.2 * smooth_images(n, size)
    images[..., 8:16, 6:14] += 0.7
    return images


def scanned_level(objective: Objective, fields: Tensor) -> Tensor:
    """Lower the level by one percent at a time until the class changes."""
    like = objective.coefficients[:, 0]
    level = torch.ones(len(objective))
    for image in range(len(objective)):
        row = torch.tensor([image])
        for percent in range(99, 0, -1):
            mask = torch.full_like(like[:1], percent / 100)
            answer = objective.answer(mask, fields, row)
            if answer.scores.argmax(1) != objective.target[image]:
                break
            level[image] = percent / 100
    return level


# --- uniform


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.35])
def test_uniform_level_is_that_of_the_published_scan(threshold: float) -> None:
    objective = make_objective(
        LeftBrighter(threshold), slopes(1.0, 0.9, 0.75), representation=Pixels(16)
    )
    assert objective.target.tolist() == [1, 1, 1]
    levels = uniform_level(objective, seeded(4), samples=16)
    expected = scanned_level(objective, objective.draw(16, seeded(4)))
    torch.testing.assert_close(levels, expected, rtol=0, atol=1e-6)
    assert len(set(levels.tolist())) > 1


def test_just_below_the_uniform_level_the_class_is_lost() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(6))
    fields = objective.draw(64, seeded(0))
    levels = uniform_level(objective, seeded(0))
    like = objective.coefficients[:, 0]

    def kept(at: Tensor) -> Tensor:
        probabilities = objective.answer(at[:, None].expand_as(like), fields).scores
        return probabilities.argmax(1) == objective.target

    assert ((levels > 0) & (levels <= 1)).all()
    assert kept(levels).all()
    lower = levels > 0.015
    assert lower.any()
    assert not kept(levels - 0.01)[lower].any()


def test_uniform_level_of_a_class_that_noise_keeps_is_the_smallest() -> None:
    objective = make_objective(LeftBrighter(-0.5), slopes(0.5), representation=Pixels(16))
    torch.testing.assert_close(uniform_level(objective, seeded(0)), torch.tensor([0.01]))


def test_uniform_level_of_a_class_that_is_not_predicted_is_one() -> None:
    objective = make_objective(
        LeftBrighter(0.2), slopes(0.9, 0.1), [0, 1], representation=Pixels(16)
    )
    assert (uniform_level(objective, seeded(0)) == 1).all()


def test_a_coarser_step_gives_a_coarser_level() -> None:
    objective = make_objective(LeftBrighter(0.2), slopes(1.0), representation=Pixels(16))
    fine, coarse = (uniform_level(objective, seeded(0), step=step) for step in (0.01, 0.1))
    assert fine <= coarse + 1e-6
    assert coarse < fine + 0.1
    torch.testing.assert_close(coarse * 10, (coarse * 10).round())


def test_uniform_level_leaves_larger_entries_as_they_are() -> None:
    objective = make_objective(LeftBrighter(0.2), slopes(1.0), representation=Pixels(16))
    left = torch.zeros(1, 16, 16)
    left[..., :6] = 1
    alone, helped = (uniform_level(objective, seeded(0), kept) for kept in (None, left.flatten(1)))
    assert helped < alone


def test_the_pre_optimised_foreground_start_is_the_foreground_over_a_level() -> None:
    objective = make_objective(tiny_cnn(), with_an_object(2))
    mask = initial_mask("foreground-uniform", objective, seeded(0))
    kept = initial_mask("foreground", objective, seeded(0))
    assert set(kept.flatten().tolist()) == {0.0, 1.0}
    assert torch.equal(mask[kept == 1], kept[kept == 1])
    for entries, inside in zip(mask, kept == 1, strict=True):
        (level,) = set(entries[~inside].tolist())
        assert 0 < level <= 1


# --- foreground


@pytest.mark.parametrize("representation", [Pixels(128), Wavelets(128), Wavelets(128, "haar", 3)])
def test_the_foreground_start_covers_the_object(representation: LocalisedRepresentation) -> None:
    scenes = draw_scenes(6, seed=2_000_000)
    objective = make_objective(tiny_cnn(), scenes.images, representation=representation)
    mask = initial_mask("foreground", objective, seeded(0))
    inside = representation.energy_inside(scenes.object_masks.float())
    for band in representation.bands:
        kept, share = mask[:, band.positions], inside[:, band.positions]
        assert kept[share > 0.5].mean() > 0.9, band.name
        assert kept[share == 0].mean() < 0.4 if (share == 0).any() else True, band.name


class Rows:
    """The pixels of whole rows as coefficients, without the optional method energy_inside."""

    name = "rows"

    def __init__(self, size: int) -> None:
        self.size, self.length = (size, size), size * size
        self.bands = (Band("rows", 0, self.length, self.size),)

    def analyse(self, images: Tensor) -> Tensor:
        return images.flatten(-2)

    def synthesise(self, coefficients: Tensor) -> Tensor:
        return torch.unflatten(coefficients, -1, self.size)


def test_a_foreground_start_needs_a_localised_representation() -> None:
    objective = make_objective(tiny_cnn(), with_an_object(1), representation=Rows(24))
    assert initial_mask("ones", objective, seeded(0)).shape == (1, 576)
    with pytest.raises(ValueError, match="energy_inside, and rows has none"):
        initial_mask("foreground", objective, seeded(0))


def test_no_foreground_keeps_the_whole_image_and_says_so() -> None:
    flat = torch.full((1, 3, 24, 24), 0.5)
    with pytest.warns(ForegroundWarning, match="no foreground in image 1 of the batch"):
        regions = foreground(torch.cat((with_an_object(1), flat)), seeded(0))
    assert regions[1].all()
    assert 0 < regions[0].float().mean() < 1


@pytest.mark.parametrize("shape", [(3, 24, 40), (3, 40, 24), (1, 24, 24)])
def test_foreground_of_wide_tall_and_grey_images(shape: tuple[int, int, int]) -> None:
    image = torch.full(shape, 0.1) + 0.02 * torch.rand(shape, generator=seeded(0))
    image[:, 8:16, -16:-8] += 0.8  # a bright square near the right
    region = foreground(image[None], seeded(0))[0]
    assert region[8:16, -16:-8].all()
    assert region.float().mean() < 0.2


# --- all


def test_ones_keep_everything() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(2))
    assert (initial_mask("ones", objective, seeded(0)) == 1).all()


def test_random_entries_are_uniform() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(1, (60, 60)))
    mask = initial_mask("random", objective, seeded(0))
    shares = torch.histc(mask, bins=10, min=0, max=1) / mask.numel()
    assert mask.min() >= 0
    assert mask.max() <= 1
    torch.testing.assert_close(shares, torch.full((10,), 0.1), rtol=0, atol=0.03)


@pytest.mark.parametrize("start", BY_NAME)
def test_a_start_has_the_shape_of_a_mask_and_owns_its_memory(start: Start) -> None:
    objective = make_objective(tiny_cnn(), with_an_object(3))
    mask = initial_mask(start, objective, seeded(0))
    assert mask.shape == (3, objective.representation.length)
    assert mask.dtype == torch.float32
    before = mask[1:].clone()
    mask[0, 0] = -5
    assert torch.equal(mask[1:], before)


@pytest.mark.parametrize("start", BY_NAME)
def test_a_seed_gives_the_same_bits_and_no_global_draws(start: Start) -> None:
    objective = make_objective(tiny_cnn(), with_an_object(3))
    state = torch.get_rng_state()
    first, second = (initial_mask(start, objective, seeded(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    if start == "random":
        assert not torch.equal(first, initial_mask(start, objective, seeded(8)))


@pytest.mark.parametrize("start", BY_NAME)
def test_an_images_start_does_not_depend_on_its_batch(start: Start) -> None:
    classifier, images = tiny_cnn(), with_an_object(3)
    batch = initial_mask(start, make_objective(classifier, images), seeded(7))
    for image in range(3):
        alone = make_objective(classifier, images[image : image + 1])
        torch.testing.assert_close(initial_mask(start, alone, seeded(7))[0], batch[image])


def test_a_given_mask_is_copied() -> None:
    objective = make_objective(tiny_cnn(), smooth_images(3))
    length = objective.representation.length
    each = torch.rand(3, length, generator=seeded(0))
    mask = initial_mask(each, objective, seeded(0))
    assert torch.equal(mask, each)
    assert mask.data_ptr() != each.data_ptr()
    common = initial_mask(each[0].double(), objective, seeded(0))
    assert torch.equal(common, each[:1].expand(3, -1))
    assert common.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: torch.ones(2, k), r"must have the shape \(3, "),
        (lambda k: torch.ones(3, k + 1), "must have the shape"),
        (lambda k: torch.ones(1, k), "must have the shape"),
        (lambda k: torch.full((3, k), 1.01), r"entries in \[0, 1\]"),
        (lambda k: torch.full((k,), -0.01), r"entries in \[0, 1\]"),
        (lambda k: torch.full((k,), float("nan")), r"entries in \[0, 1\]"),
        (lambda k: "zeros", "unknown start 'zeros'; one of ones, random, uniform, foreground"),
    ],
)
def test_starts_that_do_not_fit(make: Any, message: str) -> None:
    objective = make_objective(tiny_cnn(), smooth_images(3))
    with pytest.raises(ValueError, match=message):
        initial_mask(make(objective.representation.length), objective, seeded(0))


def test_names_can_be_checked_before_there_is_an_image() -> None:
    for start in ("ones", "random", "uniform", torch.ones(3)):
        check_start(start)
    with pytest.raises(ValueError, match="unknown start"):
        check_start("one")
    with pytest.raises(TypeError, match="not float"):
        check_start(0.5)
