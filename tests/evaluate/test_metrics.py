"""Metrics against Quantus, loops, classifiers whose answers are known, and their end points."""

import numpy as np
import pytest
import torch
from helpers import seeded, smooth_images, tiny_cnn
from torch import Tensor, nn

import rcx
from rcx.evaluate.imputation import imputed
from rcx.evaluate.metrics import insertion_deletion, mu_fidelity, road
from rcx.representations.pixels import Pixels
from rcx.solver.noise import make_noise

IMAGES = smooth_images(2, (12, 14))
MAPS = torch.rand(2, 12, 14, generator=seeded(0))


class Linear(nn.Module):
    """One score, a weighted sum of the mean colour of each pixel."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        return (images.mean(1) * self.weights).sum((1, 2))[:, None]


def linear(seed: int = 1) -> tuple[rcx.Classifier, Tensor]:
    weights = torch.randn(12, 14, generator=seeded(seed))
    return rcx.load_classifier(Linear(weights), answer="score"), weights


# --- imputation


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_pixels_are_filled_in_as_by_quantus(share: float) -> None:
    functions = pytest.importorskip("quantus.functions.perturb_func")
    removed = torch.rand(12, 14, generator=seeded(2)) < share
    expected = functions.noisy_linear_imputation(
        arr=IMAGES[0].numpy(), indices=np.flatnonzero(removed.numpy()), noise=0.0
    )
    np.testing.assert_allclose(imputed(IMAGES[0], removed), expected, atol=1e-5)


def test_what_is_linear_inside_the_image_is_filled_in_exactly() -> None:
    ramp = (torch.arange(12.0)[:, None] + 2 * torch.arange(14.0)).expand(3, -1, -1)
    removed = torch.zeros(12, 14, dtype=torch.bool)
    removed[3:9, 4:11] = True
    torch.testing.assert_close(imputed(ramp, removed), ramp)


def test_pixels_that_stay_are_not_changed() -> None:
    removed = torch.rand(12, 14, generator=seeded(2)) < 0.5
    filled = imputed(IMAGES[0], removed)
    assert torch.equal(filled[:, ~removed], IMAGES[0][:, ~removed])
    assert torch.equal(imputed(IMAGES[0], torch.zeros_like(removed)), IMAGES[0])
    low, high = IMAGES[0].amin((1, 2))[:, None], IMAGES[0].amax((1, 2))[:, None]
    assert bool(((filled[:, removed] >= low - 1e-6) & (filled[:, removed] <= high + 1e-6)).all())
    with pytest.raises(ValueError, match="nothing to fill them in from"):
        imputed(IMAGES[0], torch.ones_like(removed))


# --- insertion and deletion


@pytest.mark.filterwarnings("default")  # Quantus and what it uses warn of much
def test_deletion_is_that_of_quantus() -> None:
    quantus = pytest.importorskip("quantus", reason="pip install --no-deps quantus cachetools")
    model = tiny_cnn().eval()
    with torch.no_grad():
        before = model(IMAGES).softmax(1)
    targets = before.argmax(1)
    metric = quantus.PixelFlipping(
        features_in_step=42,  # three colours of 14 pixels
        perturb_baseline="black",
        return_auc_per_sample=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    maps = MAPS[:, None].numpy()
    flipped = metric(
        model=model, x_batch=IMAGES.numpy(), y_batch=targets.numpy(), a_batch=maps, softmax=True
    )
    measured = insertion_deletion(model, IMAGES, MAPS, targets, steps=12).deletion
    for row in range(2):
        curve = np.concatenate([[float(before[row, targets[row]])], flipped[row]])
        assert float(measured[row]) == pytest.approx(np.trapezoid(curve, dx=1 / 12), abs=1e-5)


def test_areas_are_those_of_a_loop_over_the_pixels() -> None:
    classifier, weights = linear()
    areas = insertion_deletion(classifier, IMAGES, MAPS, steps=168)
    contributions = (IMAGES[1].mean(0) * weights).flatten()
    order = MAPS[1].flatten().argsort(descending=True)
    left = [float(contributions.sum())]
    for pixel in order:
        left.append(left[-1] - float(contributions[pixel]))
    assert float(areas.deletion[1]) == pytest.approx(np.trapezoid(left, dx=1 / 168), abs=1e-3)


def test_the_best_order_has_the_least_deletion_and_the_worst_the_largest() -> None:
    classifier, weights = linear()
    best = IMAGES.mean(1) * weights
    areas = [
        insertion_deletion(classifier, IMAGES, maps, steps=20).deletion
        for maps in (best, MAPS, -best)
    ]
    assert bool((areas[0] < areas[1]).all() and (areas[1] < areas[2]).all())


def test_the_early_insertion_is_that_of_the_first_tenth_of_the_pixels() -> None:
    classifier, weights = linear()
    measured = insertion_deletion(classifier, IMAGES, MAPS, steps=168)
    pixels = Pixels((12, 14))
    blurred = make_noise("blur", pixels, IMAGES, pixels.analyse(IMAGES)).mean.view_as(IMAGES)
    order = MAPS[0].flatten().argsort(descending=True)
    values = []
    for count in range(17):  # a tenth of 168 pixels
        first = torch.zeros(168, dtype=torch.bool).index_fill(0, order[:count], value=True)
        mixed = torch.where(first.view(12, 14), IMAGES[0], blurred[0])
        values.append(float((mixed.mean(0) * weights).sum()))
    expected = np.trapezoid(values, dx=1 / 16)
    assert float(measured.early_insertion[0]) == pytest.approx(expected, abs=1e-3)
    with pytest.raises(ValueError, match="steps must be at least 10"):
        insertion_deletion(classifier, IMAGES, MAPS, steps=9)


def test_an_answer_that_never_moves_has_equal_areas() -> None:
    classifier = rcx.load_classifier(tiny_cnn(gain=0.0))
    areas = insertion_deletion(classifier, IMAGES, MAPS)
    torch.testing.assert_close(areas.insertion, areas.deletion)
    torch.testing.assert_close(areas.difference, torch.zeros(2))


# --- ROAD


def test_road_is_a_mean_over_filled_in_images() -> None:
    model = tiny_cnn()
    measured = road(model, IMAGES, MAPS, [3, 1], percent=(25, 50))
    order = MAPS[0].flatten().argsort(descending=True).argsort().view(12, 14)
    for ranking, name in ((order, "most_relevant_first"), (167 - order, "least_relevant_first")):
        frames = [imputed(IMAGES[0], ranking < count) for count in (42, 84)]
        expected = model(torch.stack(frames)).softmax(1)[:, 3].mean()
        torch.testing.assert_close(getattr(measured, name)[0], expected.detach())
    torch.testing.assert_close(
        measured.difference, measured.least_relevant_first - measured.most_relevant_first
    )


def test_the_opposite_map_has_the_opposite_difference() -> None:
    one, other = (road(tiny_cnn(), IMAGES, maps, percent=(25, 50)) for maps in (MAPS, -MAPS))
    torch.testing.assert_close(one.difference, -other.difference)


@pytest.mark.parametrize("percent", [(), (0,), (50, 100)])
def test_percentages_that_make_no_sense(percent: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        road(tiny_cnn(), IMAGES, MAPS, percent=percent)


# --- fidelity


@pytest.mark.parametrize("sign", [1, -1])
def test_the_contributions_to_a_sum_correlate_fully_with_what_is_lost(sign: int) -> None:
    classifier, weights = linear()
    colour = IMAGES.mean((2, 3), keepdim=True)
    contributions = ((IMAGES - colour).mean(1)) * weights
    fidelity = mu_fidelity(classifier, IMAGES, sign * contributions, cells=6)
    torch.testing.assert_close(fidelity, torch.full((2,), float(sign)), atol=1e-4, rtol=0)


def test_fidelity_without_information_is_unknown_and_with_a_random_map_about_0() -> None:
    classifier, _ = linear()
    even = mu_fidelity(classifier, IMAGES, torch.ones_like(MAPS), cells=2, share=0.5)
    assert even.isnan().all()  # all cells have as many pixels
    images = smooth_images(20, (12, 14))
    maps = torch.rand(20, 12, 14, generator=seeded(3))
    assert abs(float(mu_fidelity(classifier, images, maps, cells=6).mean())) < 0.3


def test_an_image_alone_has_the_same_values() -> None:
    model = tiny_cnn()
    together = mu_fidelity(model, IMAGES, MAPS, seed=[4, 7])
    alone = mu_fidelity(model, IMAGES[1:], MAPS[1:], seed=[7])
    torch.testing.assert_close(together[1:], alone, atol=1e-4, rtol=0)


@pytest.mark.parametrize("metric", [insertion_deletion, road, mu_fidelity])
def test_maps_of_another_shape_are_refused(metric: object) -> None:
    with pytest.raises(ValueError, match="relevance must have the shape"):
        metric(tiny_cnn(), IMAGES, MAPS[:, 1:])  # type: ignore[operator]
