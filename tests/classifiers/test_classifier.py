"""Classifiers hold their preprocessing, know their weights and say what is wrong with an answer."""

import re
from collections.abc import Callable, Sequence

import pytest
import timm
import torch
import torchvision
from networks import random_images, small_classifier, small_network
from torch import Tensor, nn

from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.loading import load_classifier


class TestPreprocessing:
    def test_normalisation_is_inside(self) -> None:
        mean, std = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
        classifier = small_classifier(mean, std)
        normalised = torchvision.transforms.functional.normalize(random_images(), mean, std)
        torch.testing.assert_close(classifier(random_images()), classifier.model(normalised))

    def test_and_can_be_switched_off(self) -> None:
        classifier = small_classifier([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], normalize=False)
        assert classifier.mean is classifier.std is None
        assert torch.equal(classifier(random_images()), classifier.model(random_images()))

    def test_a_module_of_the_user_gets_the_images_as_they_are(self) -> None:
        model = small_network()
        classifier = load_classifier(model)
        assert not classifier.normalize
        assert classifier.model is model
        assert torch.equal(classifier(random_images()), model(random_images()))

    def test_a_module_of_the_user_with_its_normalisation(self) -> None:
        model = small_network()
        classifier = load_classifier(model, mean=[0.5], std=[0.5], class_names=list("abcde"))
        torch.testing.assert_close(classifier(random_images()), model(2 * random_images() - 1))
        assert classifier.label(1) == "b"

    def test_a_model_moved_to_another_type_still_works(self) -> None:
        classifier = small_classifier([0.5], [0.5])
        classifier.model.double()
        assert classifier(random_images().double()).dtype == torch.float64

    def test_a_classifier_comes_back_as_it_is(self) -> None:
        classifier = small_classifier([0.5], [0.5])
        assert load_classifier(classifier) is classifier
        with pytest.raises(ValueError, match="Classifier already"):
            load_classifier(classifier, mean=[0.1])
        with pytest.raises(ValueError, match="Classifier already"):
            load_classifier(classifier, input_size=3)
        with pytest.raises(ValueError, match="Classifier already"):
            load_classifier(classifier, normalize=False)

    @pytest.mark.parametrize(
        ("mean", "std", "message"),
        [
            ([0.5], None, "belong together"),
            ([0.5], [0.0], "std must be positive"),
            ([float("nan")], [1.0], "finite"),
            ([], [], "finite"),
        ],
    )
    def test_impossible_normalisation(
        self, mean: Sequence[float], std: Sequence[float] | None, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            Classifier(small_network(), name="small", mean=mean, std=std)

    def test_neither_name_nor_module(self) -> None:
        with pytest.raises(TypeError, match="name or a torch module, not a int"):
            load_classifier(3)  # type: ignore[arg-type]

    def test_probabilities(self) -> None:
        probabilities = small_classifier().probabilities(random_images(3))
        torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(3))

    def test_labels_without_names(self) -> None:
        assert small_classifier().label(7) == "class 7"


class TestHash:
    def test_same_weights_same_hash(self) -> None:
        plain, normalising = small_classifier(), small_classifier([0.5], [0.5])
        assert re.fullmatch("[0-9a-f]{64}", plain.weights_hash)
        assert plain.weights_hash == normalising.weights_hash

    def test_training_changes_it(self) -> None:
        classifier = small_classifier()
        before = classifier.weights_hash
        assert classifier.weights_hash == before
        optimiser = torch.optim.SGD(classifier.parameters(), lr=0.1)
        torch.autograd.backward(classifier(random_images()).sum())
        optimiser.step()
        assert classifier.weights_hash != before

    def test_the_copy_keeps_it(self) -> None:
        classifier = small_classifier()
        assert inference_copy(classifier).weights_hash == classifier.weights_hash


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda x: x, r"a tensor of shape \(2, 3, 32, 32\)"),
            (lambda x: x.mean((1, 2, 3)), r"a tensor of shape \(2,\)"),
            (lambda x: x.mean((-2, -1))[:1], r"a tensor of shape \(1, 3\)"),
        ],
    )
    def test_answers_that_are_no_logits(
        self, answer: Callable[[Tensor], object], message: str
    ) -> None:
        class Model(nn.Module):
            def forward(self, x: Tensor) -> object:
                return answer(x)

        with pytest.raises(TypeError, match=rf"Model must return logits \(N, classes\).*{message}"):
            checked_logits(load_classifier(Model()), random_images())

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_not_finite(self, value: float) -> None:
        batch = random_images(4)
        batch[2, 0, 0, 0] = value
        classifier = load_classifier(nn.Sequential(nn.AvgPool2d(32), nn.Flatten()))
        with pytest.raises(ClassifierError, match="NaN or infinite logits for image 2"):
            checked_logits(classifier, batch)
        answer = checked_logits(classifier, random_images())
        assert torch.equal(answer, classifier(random_images()))

    def test_no_batch(self) -> None:
        with pytest.raises(TypeError, match=r"\(N, C, H, W\), not a tensor of shape \(3, 32, 32\)"):
            small_classifier()(random_images()[0])

    def test_wrong_size_for_a_vit(self) -> None:
        model = timm.create_model("deit_tiny_patch16_224", depth=1)
        classifier = load_classifier(model, input_size=224)
        assert checked_logits(classifier, random_images(size=224)).shape == (2, 1000)
        with pytest.raises(ClassifierError, match=r"cannot take 96x96 images.*made for 224x224"):
            checked_logits(classifier, random_images(size=96))

    def test_an_error_of_the_model_itself_is_not_hidden(self) -> None:
        with pytest.raises(ClassifierError, match=r"images of the shape \(.*\): .*channels"):
            load_classifier(nn.Conv2d(1, 1, 1))(random_images())
