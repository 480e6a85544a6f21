"""Scores in a study: the metrics of every series, in a table of their own."""

from pathlib import Path

import pandas as pd
import pytest
from studies import typed

import rcx
from rcx.classifiers.profiles import FIRST_SCENE_SEED
from rcx.evaluate.baselines import attribution
from rcx.evaluate.scores import MAP_METRICS, METRICS, explanation_scores, map_scores
from rcx.explain.waveletx import WaveletX
from rcx.images.scenes import draw_scenes
from rcx.study.keys import image_seed

SETTINGS = """
profile = "sample"
size = 64
solver = { steps = 2, samples = 2 }
[[runs]]
classifier = "sample/cnn"
n_images = 1
baselines = ["GradCAM"]
scores = true
methods = [{ method = "WaveletX", evaluation_samples = 2 }]
"""


def test_scores_are_those_of_the_metrics(tmp_path: Path) -> None:
    path, out = tmp_path / "s.toml", tmp_path / "o"
    path.write_text(SETTINGS)
    code, output = typed("study", "-s", path, "--out", out)
    assert code == 0, output
    rows = pd.read_parquet(out / "tables" / "scores.parquet")
    measured = rows.set_index(["series", "metric"])["value"]
    assert set(measured["WaveletX"].index) == set(METRICS)
    for series in ("GradCAM", "random pixels"):
        assert set(measured[series].index) == set(MAP_METRICS)

    classifier = rcx.load_classifier("sample/cnn")
    images = draw_scenes(1, seed=FIRST_SCENE_SEED, size=64).images
    seed = [image_seed(0, {"sha256": rows["image_sha256"].iloc[0]})]
    solver = rcx.SolverSettings(steps=2, samples=2)
    explainer = WaveletX(classifier, solver=solver, evaluation_samples=2)
    scores = explanation_scores(explainer, images, explainer.explain(images), seed=seed)
    for metric, value in scores.items():
        assert measured["WaveletX", metric] == pytest.approx(float(value), rel=1e-4, nan_ok=True)
    maps = attribution("GradCAM", classifier, images, seed=seed)
    for metric, value in map_scores(classifier, images, maps, seed=seed).items():
        assert measured["GradCAM", metric] == pytest.approx(float(value), rel=1e-4)

    code, output = typed("study", "-s", path, "--out", out, "--verify", 1)
    assert code == 0, output


def test_scores_are_refused_where_there_are_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(SETTINGS.replace("n_images = 1", 'n_images = 1\nanswer = "sigmoid"'))
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 2
    assert "scores are for classifiers whose answer is softmax" in output
    solver = rcx.SolverSettings(steps=1)
    explainer = WaveletX(rcx.load_classifier("sample/cnn", answer="sigmoid"), solver=solver)
    images = draw_scenes(1, seed=0, size=64).images
    with pytest.raises(ValueError, match="must be softmax"):
        explanation_scores(explainer, images, explainer.explain(images))
