"""The benchmark's tables: complete, positive, and measured on the same images."""

import sys

import pytest
import torch
from helpers import smooth_images, tiny_cnn
from typer.testing import CliRunner

from rcx.classifiers.loading import load_classifier
from rcx.commands.main import app
from rcx.evaluate.device_timings import device_timings
from rcx.evaluate.timings import curve_timings, solver_timings, transform_timings
from rcx.explain.explainer import Explainer
from rcx.explain.pixel_rde import PixelRDE
from rcx.images.scenes import draw_scenes
from rcx.solver.settings import SolverSettings


def test_the_transform_is_timed_against_the_published_one() -> None:
    table = transform_timings(64, 2)
    assert list(table.index) == ["pytorch-wavelets", "rcx"]
    assert (table > 0).all(axis=None)
    assert table["ratio"].iloc[0] == 1


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_wavelets", None)
    with pytest.raises(RuntimeError, match=r"pytorch-wavelets: pip install 'rcx\[bench\]'"):
        transform_timings(64, 2)


def test_curves_are_timed_against_the_published_loop() -> None:
    images = draw_scenes(1, seed=3, size=112).images
    head = torch.nn.Linear(12, 5)
    tiny = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), head)
    table = curve_timings(load_classifier(tiny), images)
    assert list(table.index) == ["one by one", "its loop alone", "rcx"]
    assert (table > 0).all(axis=None)
    assert table["seconds"]["one by one"] > table["seconds"]["its loop alone"]


def test_both_solvers_are_timed_for_every_method() -> None:
    images = smooth_images(1, (32, 32))
    table = solver_timings(load_classifier(tiny_cnn()), images, published_steps=2)
    assert set(table.index) == {
        (method, solver)
        for method in ("CartoonX", "Pixel RDE")
        for solver in ("published", "default")
    }
    assert (table["seconds"] > 0).all()
    assert table["ratio"].count() == 2
    assert table.loc[("CartoonX", "default"), "loss"] > 0
    one = solver_timings(load_classifier(tiny_cnn()), images, published_steps=2, methods=[PixelRDE])
    assert set(one.index.get_level_values("method")) == {"Pixel RDE"}


def test_an_unknown_profile_is_named() -> None:
    result = CliRunner().invoke(app, ["bench", "--profile", "smaple"])
    assert result.exit_code == 2
    assert "smaple" in result.output


def test_a_device_is_timed_in_several_precisions_and_compared_with_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Explainer, "default_solver", SolverSettings(steps=12))
    images, classifier = smooth_images(2, (32, 32)), load_classifier(tiny_cnn())
    table = device_timings(classifier, images, "cpu")
    assert list(table.index) == ["published solver, float32", "float32", "TF32", "bfloat16"]
    assert (table["seconds"] > 0).all()
    assert table["ratio"].iloc[0] == 1
    assert table.loc["float32", "difference"] == 0
    assert 0 < table.loc["bfloat16", "difference"] < 0.2
    assert isinstance(classifier.model, type(tiny_cnn()))


def test_a_device_that_cannot_be_used_is_named() -> None:
    result = CliRunner().invoke(app, ["bench", "--device", "no-such-device"])
    assert result.exit_code == 2
    assert "no-such-device" in result.output
