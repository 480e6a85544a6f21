"""Random images and small networks with batch norms that the tests of classifiers share."""

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.loading import load_classifier


def random_images(n: int = 2, size: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 5),
    )
    with_statistics(model)
    return model


def small_classifier(
    mean: list[float] | None = None, std: list[float] | None = None, normalize: bool = True
) -> Classifier:
    return Classifier(small_network(), name="small", mean=mean, std=std, normalize=normalize)


def with_statistics(model: nn.Module) -> nn.Module:
    """Give batch norms the statistics of a model that has seen data."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()


def wrapped(model: nn.Module) -> Classifier:
    """A classifier around a model with statistics."""
    return load_classifier(with_statistics(model))


def batch_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def normalise(classifier: Classifier, images: Tensor) -> Tensor:
    """Images as the classifier's model takes them."""
    assert classifier.mean is not None
    assert classifier.std is not None
    return (images - classifier.mean) / classifier.std
