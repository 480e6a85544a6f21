"""An explainer does not change the model, the images and the start, whatever the mode of torch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from explainers import Method, assert_same_bits, cartoonx, every_method
from helpers import smooth_images, tiny_cnn
from torch import Tensor, nn

from rcx.classifiers.answers import ClassifierError


class Failing(nn.Module):
    """A classifier that fails after a few answers."""

    def __init__(self, model: nn.Module, answers: int) -> None:
        super().__init__()
        self.model, self.left = model, answers

    def forward(self, images: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("the model broke")
        logits: Tensor = self.model(images)
        return logits


def state_of(model: nn.Module) -> dict[str, Any]:
    """All that a user can observe of a model."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "modes": [module.training for module in model.modules()],
        "modules": [id(module) for module in model.modules()],
        "free": [parameter.requires_grad for parameter in model.parameters()],
        "ids": [id(parameter) for parameter in model.parameters()],
        "devices": [parameter.device for parameter in model.parameters()],
        "grads": [
            None if parameter.grad is None else parameter.grad.clone()
            for parameter in model.parameters()
        ],
        "hooks": [[list(getattr(module, name)) for name in hooks] for module in model.modules()],
        "values": {name: value.clone() for name, value in model.state_dict().items()},
    }


def assert_unchanged(model: nn.Module, before: dict[str, Any]) -> None:
    after = state_of(model)
    for name in before.keys() - {"grads", "values"}:
        assert after[name] == before[name], name
    assert after["values"].keys() == before["values"].keys()
    for name, value in before["values"].items():
        assert torch.equal(after["values"][name], value), name
    for expected, gradient in zip(before["grads"], after["grads"], strict=True):
        assert (expected is None) == (gradient is None)
        assert expected is None or torch.equal(expected, gradient)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("answers", [None, 0, 1, 8])
@every_method
def test_the_users_model_stays_as_it_was(
    method: Method, answers: int | None, training: bool
) -> None:
    images = smooth_images(2)
    inner = tiny_cnn()
    inner[0].requires_grad_(False)
    inner[2].register_forward_hook(lambda *_: None)
    model: nn.Module = inner if answers is None else Failing(inner, answers)
    inner(images).sum().backward()
    model.train(training)
    before = state_of(model)
    if answers is None:
        method(model).explain(images)
    else:
        with pytest.raises(ClassifierError, match="the model broke"):
            method(model, start="uniform").explain(images)
    assert_unchanged(model, before)


def test_images_and_starts_stay_as_they_were() -> None:
    images = smooth_images(2).requires_grad_()
    before = images.detach().clone()
    length = cartoonx(tiny_cnn()).representation((24, 24)).length
    start = torch.full((length,), 0.5)
    cartoonx(tiny_cnn(), start=start).explain(images)
    assert torch.equal(images, before)
    assert images.grad is None
    assert (start == 0.5).all()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@every_method
def test_images_can_be_explained_where_gradients_are_switched_off(
    method: Method, mode: Callable[[], Any]
) -> None:
    images, explainer = smooth_images(2), method(tiny_cnn())
    with mode():
        explanation = explainer.explain(images)
    assert_same_bits(explanation, explainer.explain(images))


@every_method
def test_images_made_in_inference_mode_can_be_explained(method: Method) -> None:
    with torch.inference_mode():
        images = smooth_images(2)
    explainer = method(tiny_cnn())
    assert_same_bits(explainer.explain(images), explainer.explain(smooth_images(2)))


def test_a_model_can_be_trained_between_explanations() -> None:
    images, model = smooth_images(2), tiny_cnn()
    first = cartoonx(model).explain(images)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(images)[:, 0].sum().backward()
    optimiser.step()
    second = cartoonx(model).explain(images)
    assert first.settings["weights_hash"] != second.settings["weights_hash"]
    assert not torch.equal(first.mask, second.mask)
