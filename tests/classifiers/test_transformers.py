"""Image classifiers of transformers, by object, with random weights."""

from typing import Any

import pytest
import torch
from networks import random_images
from torch import nn
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

import rcx
from rcx.classifiers.answers import ClassifierError
from rcx.classifiers.loading import load_classifier
from rcx.evaluate.rollout import rollout

IMAGES = random_images(2, 32)
SHORT = rcx.SolverSettings(steps=3)
TINY: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}


def inference(model: nn.Module) -> nn.Module:
    """The model in eval mode; transformers has no types."""
    return model.eval()


def vit(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    return inference(ViTForImageClassification(ViTConfig(**TINY, **options)))


@torch.no_grad()
def test_a_classifier_of_transformers_is_used_as_it_is() -> None:
    model = vit(id2label={0: "cat", 1: "dog", 2: "fish"})
    classifier = load_classifier(model, mean=[0.5] * 3, std=[0.5] * 3)
    torch.testing.assert_close(classifier(IMAGES), model((IMAGES - 0.5) / 0.5).logits)
    assert classifier.class_names == ("cat", "dog", "fish")
    assert classifier.input_size == 32
    explanation = rcx.CartoonX(classifier, solver=SHORT, levels=2).explain(IMAGES, target="dog")
    assert explanation.target.tolist() == [1, 1]


def test_a_convolutional_one_and_placeholder_names() -> None:
    config = ConvNextConfig(hidden_sizes=[8, 8], depths=[1, 1], num_stages=2)
    classifier = load_classifier(inference(ConvNextForImageClassification(config)))
    assert classifier.class_names is None
    explanation = rcx.CartoonX(classifier, solver=SHORT, levels=2).explain(IMAGES)
    assert bool(explanation.loss.isfinite().all())


def test_the_config_says_what_the_answer_means() -> None:
    labels = vit(problem_type="multi_label_classification")
    with pytest.raises(ValueError, match="multi_label_classification: give answer='sigmoid'"):
        load_classifier(labels)
    assert load_classifier(labels, answer="sigmoid").meaning.kind == "sigmoid"
    with pytest.raises(ValueError, match="regression: give answer='score'"):
        load_classifier(vit(problem_type="regression", num_labels=1))


def test_a_backbone_is_refused_with_the_names_of_its_outputs() -> None:
    backbone = inference(ViTModel(ViTConfig(**TINY), add_pooling_layer=False))
    with pytest.raises(TypeError, match=r"last_hidden_state: a tensor of shape \(2, 17, 16\)"):
        load_classifier(backbone)(IMAGES)
    similarity = load_classifier(backbone, answer=lambda out: out.last_hidden_state[:, 0, 0])
    assert similarity(IMAGES).shape == (2, 1)


def test_rollout_is_refused_for_it() -> None:
    with pytest.raises(ClassifierError, match="it is no vision transformer of timm"):
        rollout(vit(), IMAGES)
