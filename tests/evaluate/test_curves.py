"""Curves against a plain loop over coefficients, and against a model whose best order is known."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from helpers import smooth_images, tiny_cnn
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import rcx
from rcx.evaluate.curve_measurement import rate_distortion_curve, rate_distortion_curves
from rcx.evaluate.curves import Curve, CurveProtocol, Direction
from rcx.evaluate.rankings import Ranking, generator_of, image_seeds, ranks
from rcx.representations.pixels import Pixels
from rcx.representations.representation import Representation
from rcx.representations.wavelets import Wavelets
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.noise import band_noise

SIZE = (12, 12)
GRID = (0, 5, 10, 30, 50, 75, 99, 100)
REPRESENTATIONS: dict[str, Representation] = {
    "pixels": Pixels(SIZE),
    "wavelets": Wavelets(SIZE, "db2", 2),
}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return tiny_cnn()


def slow_curve(
    model: nn.Module,
    image: Tensor,
    representation: Representation,
    order: list[int],
    fields: Tensor,
    direction: Direction,
    counts: list[int],
    clamped: list[bool],
) -> Tensor:
    """L2 distortions (draws, points) of one image, moving one coefficient after the other."""
    coefficients = representation.analyse(image[None])
    noise = band_noise(coefficients, representation.bands)
    with torch.no_grad():
        before = model(image[None]).softmax(1)
    rows = []
    for field in fields:
        random = noise.mean[0] + noise.deviation[0] * field
        current, new = (
            (random.clone(), coefficients[0])
            if direction == "keep"
            else (coefficients[0].clone(), random)
        )
        row, moved = [], 0
        for count, clamp in zip(counts, clamped, strict=True):
            while moved < count:
                current[:, order[moved]] = new[:, order[moved]]
                moved += 1
            obfuscation = representation.synthesise(current)[None]
            with torch.no_grad():
                after = model(obfuscation.clamp(0, 1) if clamp else obfuscation).softmax(1)
            row.append((after - before).norm())
        rows.append(torch.stack(row))
    return torch.stack(rows)


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("direction", ["keep", "randomise"])
@pytest.mark.parametrize(
    ("protocol", "cartoonx"), [("fair", True), ("as_published", True), ("as_published", False)]
)
def test_agrees_with_a_loop_over_coefficients(
    model: nn.Module, name: str, direction: Direction, protocol: CurveProtocol, cartoonx: bool
) -> None:
    representation, images = REPRESENTATIONS[name], smooth_images(2, SIZE)
    length = representation.length
    relevance = torch.rand(2, length, generator=torch.Generator().manual_seed(1))
    draws = 4 if protocol == "fair" else 1
    curve = rate_distortion_curve(
        model,
        images,
        Ranking(representation, relevance, cartoonx),
        direction,
        percent=GRID,
        protocol=protocol,
        draws=draws,
        seed=(3, 4),
    )
    if protocol == "fair":
        counts, clamped = [round(length * q / 100) for q in GRID], [True] * len(GRID)
    else:
        counts = [min(length, q * -(-length // 100)) for q in GRID]
        # the published keep-curve starts from noise that is not clamped, even for CartoonX
        clamped = [cartoonx and (q > 0 or direction == "randomise") for q in GRID]
    for row, seed in enumerate((3, 4)):
        fields = torch.randn(draws, 3, length, generator=generator_of(seed, "noise"))
        order = relevance[row].argsort(descending=True).tolist()
        expected = slow_curve(
            model, images[row], representation, order, fields, direction, counts, clamped
        )
        torch.testing.assert_close(curve.distortion[row], expected.mean(0), rtol=0, atol=1e-5)
        if draws > 1:
            torch.testing.assert_close(curve.spread[row], expected.std(0), rtol=0, atol=5e-4)
    assert curve.spread.isnan().all() == (draws == 1)


class Sum(nn.Module):
    """Two logits that differ by a weighted sum of the pixels."""

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, images: Tensor) -> Tensor:
        difference = (images * self.weight).sum((1, 2, 3))
        return torch.stack((difference, -difference), dim=1)


def known_problem() -> tuple[Sum, Tensor, Tensor]:
    """A model, one grey image, and how far each pixel's noise (seed 0) moves the logits.

    No replaced pixel moves them back. The best order in which to keep pixels is by this movement.
    """
    image = 0.35 + 0.3 * torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(5))
    noise = band_noise(image.flatten(2), Pixels(SIZE).bands)
    field = torch.randn(1, 1, image[0].numel(), generator=generator_of(0, "noise"))
    replaced = noise.mean + noise.deviation * field
    assert replaced.min() >= 0 and replaced.max() <= 1  # so that clamping changes nothing
    step = replaced - image.flatten(2)
    strength = torch.rand(step.shape, generator=torch.Generator().manual_seed(6)) ** 3
    model = Sum((-0.6 * strength * step.sign()).reshape(image.shape[1:]))
    return model, image, (0.6 * strength * step.abs()).flatten()


@pytest.mark.parametrize("direction", ["keep", "randomise"])
def test_the_known_best_order_gives_the_known_curve_and_the_best(direction: Direction) -> None:
    model, image, movement = known_problem()
    ranking = Ranking(Pixels(SIZE), movement[None])
    curve = rate_distortion_curve(model, image, ranking, direction, draws=1, seed=[0])
    sums = torch.cat((torch.zeros(1), movement.sort(descending=True).values.cumsum(0)))
    moved = sums[[round(len(movement) * q / 100) for q in range(101)]]
    moved = moved[-1] - moved if direction == "keep" else moved
    before = 2 * (image * model.weight).sum()
    expected = 2**0.5 * ((before - 2 * moved).sigmoid() - before.sigmoid()).abs()
    torch.testing.assert_close(curve.distortion[0], expected, rtol=0, atol=1e-5)
    for seed in range(5):
        other = Ranking.at_random(Pixels(SIZE), 1, seed)
        worse = rate_distortion_curve(model, image, other, direction, draws=1, seed=[0])
        gap = (worse.distortion - curve.distortion) * (1 if direction == "keep" else -1)
        assert gap.min() > -1e-5
        assert gap.max() > 0.02


@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("measure", ["l2", "probability"])
def test_ends_are_exact(model: nn.Module, name: str, measure: DistortionMeasure) -> None:
    images = smooth_images(3, SIZE)
    ranking = Ranking.at_random(REPRESENTATIONS[name], 3)
    ends = (0, 100)
    keep = rate_distortion_curve(model, images, ranking, "keep", percent=ends, measure=measure)
    randomise = rate_distortion_curve(
        model, images, ranking, "randomise", percent=ends, measure=measure
    )
    assert keep.distortion[:, 1].max() < 1e-5
    assert randomise.distortion[:, 0].max() < 1e-5
    # the same noise replaces everything in both
    assert torch.equal(keep.fully_randomised, randomise.fully_randomised)
    assert keep.fully_randomised.min() > 1e-4


def test_a_batch_is_its_images_and_a_grid_its_points(model: nn.Module) -> None:
    images, representation = smooth_images(3, SIZE), REPRESENTATIONS["wavelets"]
    ranking = Ranking.at_random(representation, 3)
    whole = rate_distortion_curve(model, images, ranking, percent=GRID, chunk=5)
    sparse = rate_distortion_curve(model, images, ranking, percent=GRID[1::2], chunk=64)
    torch.testing.assert_close(sparse.distortion, whole.distortion[:, 1::2], rtol=0, atol=1e-6)
    for row in range(3):
        rows = slice(row, row + 1)
        alone = rate_distortion_curve(
            model,
            images[rows],
            Ranking(representation, ranking.relevance[rows]),
            percent=GRID,
            seed=image_seeds(0, 3)[rows],
        )
        torch.testing.assert_close(alone.distortion[0], whole.distortion[row], rtol=0, atol=1e-6)


def test_masks_are_made_in_parts_where_memory_is_short(
    model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranking = Ranking.at_random(REPRESENTATIONS["wavelets"], 1)
    whole = rate_distortion_curve(model, smooth_images(1, SIZE), ranking, percent=GRID)
    monkeypatch.setattr(
        "rcx.evaluate.curve_measurement._ENTRIES_AT_ONCE", 3 * ranking.representation.length
    )
    parts = rate_distortion_curve(model, smooth_images(1, SIZE), ranking, percent=GRID)
    torch.testing.assert_close(parts.distortion, whole.distortion, rtol=0, atol=1e-6)


def test_ties_are_broken_by_the_seed(model: nn.Module) -> None:
    images = smooth_images(1, SIZE)
    ranking = Ranking(REPRESENTATIONS["pixels"], torch.zeros(1, *SIZE))
    first, again, other = (
        rate_distortion_curve(model, images, ranking, percent=GRID, seed=seed).distortion
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, -torch.inf, torch.inf]), min_size=1, max_size=40)
)
@settings(deadline=None)
def test_ranks_are_a_permutation_that_never_puts_less_before_more(values: list[float]) -> None:
    relevance = torch.tensor(values)
    ranked = ranks(relevance, torch.Generator().manual_seed(0))
    assert sorted(ranked.tolist()) == list(range(len(values)))
    ordered = relevance[ranked.argsort()].tolist()
    assert all(more >= less for more, less in pairwise(ordered))


def test_equal_coefficients_take_every_rank_about_equally_often() -> None:
    generator = torch.Generator().manual_seed(0)
    ranked = torch.stack([ranks(torch.ones(4), generator) for _ in range(2000)])
    assert (ranked.float().mean(0) - 1.5).abs().max() < 0.1


@given(st.integers(0, 2**31), st.floats(0.1, 10))
@settings(max_examples=10, deadline=None)
def test_only_the_order_of_relevance_counts(seed: int, power: float) -> None:
    images, representation = smooth_images(1, SIZE), REPRESENTATIONS["wavelets"]
    # the values stay distinct after any of the powers
    steps = torch.randperm(representation.length, generator=torch.Generator().manual_seed(seed))
    relevance = (steps.double()[None] + 1) / representation.length
    curve, of_powers = (
        rate_distortion_curve(tiny_cnn(), images, Ranking(representation, values), percent=GRID)
        for values in (relevance, relevance**power)
    )
    assert torch.equal(curve.distortion, of_powers.distortion)
    assert ((curve.distortion >= 0) & (curve.distortion <= 2**0.5)).all()


def test_orders_of_explanations_and_of_maps() -> None:
    model, images = tiny_cnn(), smooth_images(2, SIZE)
    explainer = rcx.CartoonX(model, wavelet="haar", levels=2, solver=rcx.SolverSettings(steps=3))
    explanation = explainer.explain(images)
    ranking = Ranking.of(explainer, explanation)
    assert repr(ranking.representation) == explanation.settings["representation"]
    assert torch.equal(ranking.relevance, explanation.mask)
    assert ranking.clamped_as_published
    pixels = rcx.PixelRDE(model, solver=rcx.SolverSettings(steps=1))
    assert not Ranking.of(pixels, pixels.explain(images)).clamped_as_published
    maps = torch.rand(2, *SIZE)
    flat = Ranking(Pixels(SIZE), maps.flatten(1))
    assert torch.equal(Ranking(Pixels(SIZE), maps).relevance, flat.relevance)
    curves = rate_distortion_curves(model, images, {"a": ranking, "b": flat}, percent=(0, 100))
    assert list(curves) == ["a", "b"]


def test_random_orders_differ_between_images_and_seeds_but_not_between_calls() -> None:
    first = Ranking.at_random(Pixels(SIZE), 3, 7).relevance
    assert torch.equal(first, Ranking.at_random(Pixels(SIZE), 3, 7).relevance)
    others = Ranking.at_random(Pixels(SIZE), 3, 8).relevance
    assert len({tuple(row) for row in torch.cat((first, others)).tolist()}) == 6
    # an order that knew the noise would keep what is moved most, or least
    field = torch.randn(Pixels(64).length, generator=generator_of(7, "noise"))
    order = torch.rand(Pixels(64).length, generator=generator_of(7, "order"))
    assert abs(torch.corrcoef(torch.stack((field, order)))[0, 1]) < 0.05


def a_curve(
    distortion: list[list[float]], percent: list[float], direction: Direction = "keep"
) -> Curve:
    values = torch.tensor(distortion)
    grid = torch.tensor(percent)
    return Curve(grid, values, torch.zeros_like(values), direction, "fair", "l2", 2)


def test_areas_drops_and_normalised_curves() -> None:
    curve = a_curve([[1.0, 0.5, 0.0], [3.0, 1.0, 0.0]], [0.0, 20.0, 100.0])
    torch.testing.assert_close(curve.areas, torch.tensor([0.15 + 0.2, 0.4 + 0.4]))
    torch.testing.assert_close(curve.at(60), torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(curve.initial_drop(20), torch.tensor([0.5, 2.0]))
    torch.testing.assert_close(curve.initial_drop(), torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(
        curve.normalised().distortion.mean(0), torch.tensor([100.0, 37.5, 0.0])
    )
    rise = a_curve([[0.0, 1.0]], [0.0, 100.0], "randomise")
    assert rise.fully_randomised.tolist() == [1.0]
    assert rise.initial_drop(10).item() == pytest.approx(-0.1)
    with pytest.raises(ValueError, match="does not reach 0"):
        _ = a_curve([[1.0, 0.0]], [5.0, 100.0]).fully_randomised
    with pytest.raises(ValueError, match="nothing to divide by"):
        a_curve([[0.0, 0.0]], [0.0, 100.0]).normalised()


def test_the_model_comes_back_as_it_was_and_progress_is_told() -> None:
    model = tiny_cnn().train()
    told: list[tuple[int, int]] = []
    rate_distortion_curve(
        model,
        smooth_images(2, SIZE),
        Ranking.at_random(Pixels(SIZE), 2),
        percent=(0, 100),
        progress=lambda done, of: told.append((done, of)),
    )
    assert model.training
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"direction": "delete"}, "unknown direction 'delete'"),
        ({"protocol": "published"}, "unknown protocol 'published'"),
        ({"measure": "l1"}, "unknown distortion 'l1'"),
        ({"percent": [0]}, "two or more"),
        ({"percent": [0, 101]}, "from 0 to 100"),
        ({"percent": [0, float("nan")]}, "from 0 to 100"),
        ({"percent": [10, 5]}, "must increase"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": [1, 2, 3]}, "3 seeds do not fit 2 images"),
        ({"target": 9}, "target must be from 0 to 4"),
        ({"ranking": Ranking.at_random(Pixels(SIZE), 3)}, "3 images does not fit 2 images"),
        ({"ranking": Ranking.at_random(Pixels(9), 2)}, "for this image size"),
        ({"images": 2 * torch.ones(2, 3, *SIZE)}, r"in \[0, 1\]"),
    ],
)
def test_arguments_that_do_not_fit(model: nn.Module, wrong: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {
        "images": smooth_images(2, SIZE),
        "ranking": Ranking.at_random(Pixels(SIZE), 2),
    }
    with pytest.raises(ValueError, match=message):
        rate_distortion_curve(model, **(right | wrong))


@pytest.mark.parametrize(
    ("relevance", "message"),
    [
        (torch.rand(2, 143), r"must have the shape \(N, 144\), got \(2, 143\)"),
        (torch.rand(144), "must have the shape"),
        (torch.full((1, 144), torch.nan), "NaN"),
    ],
)
def test_relevance_that_does_not_fit(relevance: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ranking(Pixels(SIZE), relevance)
