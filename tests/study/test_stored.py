"""What was computed before is read, and is the same."""

from pathlib import Path
from typing import Any

import pytest
import torch
from explainers import assert_same_bits as same_explanation

import rcx
from rcx.evaluate import Ranking, rate_distortion_curves
from rcx.images.scenes import draw_scenes
from rcx.study import (
    Store,
    book_store,
    stored_attributions,
    stored_curves,
    stored_explanation,
    stored_path,
)

SOLVER = rcx.SolverSettings(steps=4)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return draw_scenes(2, seed=5, size=64).images


@pytest.fixture(scope="module")
def explainer() -> rcx.CartoonX:
    return rcx.CartoonX("sample/cnn", solver=SOLVER, evaluation_samples=4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, indexed=False)


def count(store: Store) -> int:
    return len(list(store.folder.glob("results/*/*")))


def test_explanations_are_those_of_the_explainer(
    explainer: rcx.CartoonX, images: torch.Tensor, store: Store
) -> None:
    fresh = stored_explanation(explainer, images, store=store)
    assert count(store) == 2
    again = stored_explanation(explainer, images, store=store)
    alone = stored_explanation(explainer, images[1:], store=store)
    assert count(store) == 2
    direct = explainer.explain(images)
    same_explanation(fresh, direct)
    same_explanation(again, direct)
    same_explanation(alone, direct[1])


def test_other_targets_settings_and_images_are_other_results(
    explainer: rcx.CartoonX, images: torch.Tensor, store: Store
) -> None:
    stored_explanation(explainer, images, store=store)
    labels = explainer.explain(images).target
    asked = stored_explanation(explainer, images, (labels + 1) % 5, store=store)
    assert count(store) == 4
    assert bool((asked.target == (labels + 1) % 5).all())
    other = rcx.CartoonX("sample/cnn", solver=SOLVER, evaluation_samples=4, lambda_k=5)
    assert stored_explanation(other, images[:1], store=store).lambda_k.item() == 5
    stored_explanation(explainer, images[:1].flip(-1), store=store)
    assert count(store) == 6


def test_paths_are_kept_for_every_lambda(
    explainer: rcx.CartoonX, images: torch.Tensor, store: Store
) -> None:
    path = stored_path(explainer, images, [40, 10], store=store)
    assert count(store) == 4
    again = stored_path(explainer, images, [40, 10], store=store)
    direct = explainer.explain_path(images, [40, 10])
    for first, second, third in zip(path, again, direct, strict=True):
        same_explanation(first, third)
        same_explanation(second, third)


def test_curves_are_kept_by_their_order(
    explainer: rcx.CartoonX, images: torch.Tensor, store: Store
) -> None:
    classifier = rcx.load_classifier("sample/cnn")
    order = {"CartoonX": Ranking.of(explainer, explainer.explain(images))}
    settings: dict[str, Any] = {"percent": [0, 50, 100], "draws": 2, "seed": 1}
    fresh = stored_curves(classifier, images, order, "randomise", **settings, store=store)
    again = stored_curves(classifier, images, order, "randomise", **settings, store=store)
    direct = rate_distortion_curves(classifier, images, order, "randomise", **settings)
    for curves in (fresh, again):
        assert torch.equal(curves["CartoonX"].distortion, direct["CartoonX"].distortion)
    assert count(store) == 1
    stored_curves(classifier, images, order, **settings, store=store)
    assert count(store) == 2


def test_maps_are_kept_of_the_methods_that_apply(store: Store) -> None:
    classifier = rcx.load_classifier("sample/vit")
    images = draw_scenes(1, seed=5, size=128).images
    maps = stored_attributions(classifier, images, store=store)
    assert "GradCAM" not in maps
    assert count(store) == len(maps)
    again = stored_attributions(classifier, images, store=store)
    assert all(torch.equal(maps[name], again[name]) for name in maps)


def test_a_damaged_result_is_computed_again(
    explainer: rcx.CartoonX, images: torch.Tensor, store: Store
) -> None:
    fresh = stored_explanation(explainer, images[:1], store=store)
    (path,) = store.folder.glob("results/*/*")
    path.write_bytes(path.read_bytes()[:-7])
    same_explanation(stored_explanation(explainer, images[:1], store=store), fresh)


def test_results_of_other_code_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / ("0" * 16)
    for folder in (former, tmp_path / "imagenet"):
        (folder / "results").mkdir(parents=True)
    monkeypatch.setenv("RCX_STORE", str(tmp_path))
    book = book_store()
    assert not former.exists()
    assert (tmp_path / "imagenet" / "results").exists()  # the store of a study of the user's
    assert book.folder.parent == tmp_path


def test_a_start_from_a_mask_has_no_name(images: torch.Tensor, store: Store) -> None:
    masked = rcx.CartoonX("sample/cnn", start=torch.ones(1, 5000), solver=SOLVER)
    with pytest.raises(TypeError, match="mask"):
        stored_explanation(masked, images, store=store)
