"""Profiles: the same images for the same seed, in the form that every chapter expects."""

import os

import pytest
import timm
import torch

from rcx.classifiers.loading import load_classifier
from rcx.classifiers.profiles import load_profile
from rcx.evaluate.selection import doubtful_images
from rcx.images.checks import ImageError


def test_the_sample_needs_no_files_and_knows_its_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RCX_ASSETS", raising=False)
    profile = load_profile("sample", n_images=6, seed=1)
    assert len(profile) == 6 == len(profile.names)
    assert profile.images.shape == (6, 3, 128, 128)
    assert profile.object_masks is not None
    assert profile.object_masks.shape == (6, 128, 128)
    for name, label in zip(profile.names, profile.labels.tolist(), strict=True):
        assert name.endswith(profile.classifier.label(label))
    predicted = profile.classifier(profile.images).argmax(1)
    assert (predicted == profile.labels).float().mean() > 0.8


def test_more_images_begin_with_the_same_ones_and_a_seed_chooses_them() -> None:
    few, many = (load_profile("sample", n_images=n, seed=0) for n in (2, 4))
    assert torch.equal(few.images, many.images[:2])
    assert not torch.equal(few.images, load_profile("sample", n_images=2, seed=1).images)


def test_a_classifier_of_ones_own_and_raw_images() -> None:
    plain = load_profile("sample", n_images=1, seed=0, normalize=False)
    assert not plain.classifier.normalize
    again = load_profile("sample", n_images=1, seed=0, classifier=plain.classifier)
    assert again.classifier is plain.classifier


def test_scenes_have_the_size_that_a_classifier_takes() -> None:
    vit = timm.create_model("test_vit").eval()  # takes 160 x 160 images only
    classifier = load_classifier(vit, input_size=160)
    profile = load_profile("sample", n_images=2, seed=1, classifier=classifier)
    assert profile.images.shape == (2, 3, 160, 160)
    assert profile.object_masks is not None
    assert profile.object_masks.shape == (2, 160, 160)
    assert classifier(profile.images).shape == (2, 1000)


def test_what_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RCX_ASSETS", raising=False)
    with pytest.raises(ImageError, match="RCX_ASSETS"):
        load_profile("imagenet", n_images=1, seed=0)
    with pytest.raises(ValueError, match="unknown profile 'cifar'; one of 'photos', 'sample'"):
        load_profile("cifar", n_images=1, seed=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_images"):
        load_profile("sample", n_images=0, seed=0)


def test_the_packaged_photographs_and_their_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RCX_ASSETS", raising=False)
    profile = load_profile("photos", n_images=7, seed=3)
    assert profile.images.shape == (7, 3, 224, 224)
    assert profile.names[:4] == ("cat", "espresso", "rocket", "pagoda")
    assert profile.labels[0] == 285
    assert bool((profile.labels[profile.labels >= 0] < 1000).all())
    with torch.no_grad():
        probabilities = profile.classifier.probabilities(profile.images)
    right = probabilities.argmax(1) == profile.labels
    assert right[:4].all(), [profile.classifier.label(int(k)) for k in probabilities.argmax(1)]
    chosen = doubtful_images(probabilities, profile.labels, first=2, doubtful=3)
    assert chosen[:2].tolist() == [0, 1]
    with pytest.raises(ValueError, match="photos has 7 images, not 8"):
        load_profile("photos", n_images=8, seed=0)


@pytest.mark.assets
@pytest.mark.skipif("RCX_ASSETS" not in os.environ, reason="RCX_ASSETS is not set")
def test_the_studys_images() -> None:
    few, many = (load_profile("imagenet", n_images=n, seed=0) for n in (2, 3))
    assert few.images.shape == (2, 3, 256, 256)
    assert few.object_masks is None
    assert few.names == many.names[:2]
    small = load_profile("imagenet", n_images=1, seed=0, classifier="timm/deit_tiny_patch16_224")
    assert small.images.shape == (1, 3, 224, 224)
    with pytest.raises(ValueError, match="100 images"):
        load_profile("imagenet", n_images=101, seed=0)
