"""Conciseness, preciseness and invented edges, against loops, scipy, and their end points."""

import numpy as np
import torch
from helpers import seeded, smooth_images, tiny_cnn
from scipy import ndimage

import rcx
from rcx.evaluate.conciseness import conciseness_preciseness, edges_of, hallucination
from rcx.explain.attribution import kept_image
from rcx.representations.pixels import Pixels
from rcx.representations.wavelets import Wavelets

IMAGES = smooth_images(2)
WAVELETS = Wavelets(24, "haar", 2)


def test_a_mask_of_ones_has_1_everywhere() -> None:
    model = rcx.load_classifier(tiny_cnn())
    images = IMAGES / IMAGES.amax((1, 2, 3), keepdim=True)  # as "largest" scales them
    target = model(images).argmax(1)
    probability = model(images).softmax(1).amax(1).detach()
    ones = torch.ones(2, WAVELETS.length)
    scores = conciseness_preciseness(model, WAVELETS, images, ones, target, probability)
    assert len(scores) == 9
    for name, score in scores.items():
        torch.testing.assert_close(score, torch.ones(2), atol=1e-3, rtol=0, msg=name)


@torch.no_grad()
def test_scores_are_those_of_a_loop() -> None:
    model = rcx.load_classifier(tiny_cnn())
    mask = torch.rand(2, WAVELETS.length, generator=seeded(0)).square()
    after = torch.tensor([0.3, 0.6])
    scores = conciseness_preciseness(model, WAVELETS, IMAGES, mask, torch.tensor([1, 3]), after)
    for row, label in enumerate((1, 3)):
        coefficients = WAVELETS.analyse(IMAGES[row])
        masked = coefficients * mask[row]
        kept = WAVELETS.synthesise(masked).clamp(0, 1)
        before = float(model(IMAGES[row : row + 1]).softmax(1)[0, label])
        retained = {
            "class": float(model(kept[None]).softmax(1)[0, label]),
            "largest": float(model(kept[None] / kept.max()).softmax(1).max()),
            "noisy": float(after[row]),
        }
        entropies = []
        for values in (masked, coefficients):
            shares = (values.double() ** 2 / (values.double() ** 2).sum()).flatten().numpy()
            entropies.append(-sum(share * np.log(share) for share in shares if share > 0))
        information = {
            "pixels": float(kept.sum() / IMAGES[row].sum()),
            "coefficients": float(masked.abs().sum() / coefficients.abs().sum()),
            "entropy": entropies[0] / entropies[1],
        }
        for numerator, probability in retained.items():
            for denominator, share in information.items():
                expected = probability / before / share
                measured = float(scores[f"{numerator} / {denominator}"][row])
                np.testing.assert_allclose(measured, expected, rtol=1e-3)


def test_what_is_kept_is_a_darker_image() -> None:
    pixels = Pixels(24)
    half = torch.full((2, pixels.length), 0.5)
    torch.testing.assert_close(kept_image(pixels, IMAGES, half), IMAGES / 2)


def test_edges_are_those_of_scipy() -> None:
    images = torch.rand(2, 3, 17, 20, generator=seeded(0))
    for image, edges in zip(images, edges_of(images), strict=True):
        grey = image.mean(0).double().numpy()
        slopes = [ndimage.sobel(grey, axis, mode="nearest") / 8 for axis in (0, 1)]
        assert np.array_equal(edges.numpy(), np.hypot(*slopes) > 0.1)


def test_an_image_invents_no_edge_in_itself() -> None:
    images = torch.rand(2, 3, 17, 20, generator=seeded(0))
    images /= images.amax((1, 2, 3), keepdim=True)
    assert torch.equal(hallucination(images, images), torch.zeros(2))
    assert torch.equal(hallucination(torch.zeros_like(images), images), torch.zeros(2))


def test_an_edge_that_is_not_in_the_image_is_counted() -> None:
    image, picture = torch.zeros(2, 1, 1, 20, 20)
    image[..., :5] = 1  # an edge along 20 rows, two pixels wide
    picture[..., 12:] = 1
    assert float(hallucination(picture, image)) == 1
    picture = image.roll(1, -1)
    picture[..., 0] = 1  # moved by one pixel, which is near enough
    assert float(hallucination(picture, image)) == 0
