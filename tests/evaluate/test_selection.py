"""The choice of doubtful images: by hand, and the arguments that do not fit."""

import pytest
import torch

from rcx.evaluate.selection import doubtful_images

PROBABILITIES = torch.tensor(
    [[0.1, 0.9], [0.6, 0.4], [0.2, 0.8], [0.55, 0.45], [0.9, 0.1], [0.2, 0.8]]
)
LABELS = torch.tensor([0, 0, 1, 0, 1, 0])


def test_the_least_probable_true_class_comes_first_after_the_first_images() -> None:
    # probabilities of the true class from the third image on: 0.8, 0.55, 0.1, 0.2
    assert doubtful_images(PROBABILITIES, LABELS, first=2, doubtful=3).tolist() == [0, 1, 4, 5, 3]


def test_without_labels_the_least_sure_answer_comes_first() -> None:
    # probabilities of the predicted class from the second image on: 0.6, 0.8, 0.55, 0.9, 0.8
    positions = doubtful_images(PROBABILITIES, first=1, doubtful=4)
    assert positions.tolist() == [0, 3, 1, 2, 5]  # equals keep their order


def test_all_images_and_none() -> None:
    everything = doubtful_images(PROBABILITIES, LABELS, first=2, doubtful=4)
    assert sorted(everything.tolist()) == list(range(6))
    assert doubtful_images(PROBABILITIES, first=0, doubtful=0).tolist() == []


@pytest.mark.parametrize(
    ("first", "doubtful", "labels", "message"),
    [
        (4, 3, None, "4 first and 3 doubtful images cannot be taken from 6 images"),
        (-1, 3, None, "cannot be taken"),
        (1, 1, LABELS[:3], r"\(3,\) labels do not fit 6 images"),
    ],
)
def test_arguments_that_do_not_fit(
    first: int, doubtful: int, labels: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        doubtful_images(PROBABILITIES, labels, first=first, doubtful=doubtful)


def test_probabilities_of_one_image_alone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(N, classes\)"):
        doubtful_images(PROBABILITIES[0], first=0, doubtful=1)
