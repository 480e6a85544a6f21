"""Sweeps over lambda: measured as one would by hand, and summed up by method and lambda."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from helpers import smooth_images, tiny_cnn

import rcx
from rcx.evaluate.curves import Curve
from rcx.evaluate.sweeps import sweep_rows, sweep_table
from rcx.report.curve_figures import curve_figure

SOLVER = rcx.SolverSettings(steps=10, samples=2)
IMAGES = smooth_images(2, (32, 32))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    model = tiny_cnn()
    explainers = (
        rcx.CartoonX(model, wavelet="haar", levels=2, solver=SOLVER),
        rcx.PixelRDE(model, solver=SOLVER),
    )
    return pd.concat([sweep_rows(one, IMAGES, (2, 20), draws=32) for one in explainers])


def test_a_row_for_each_method_image_and_lambda(rows: pd.DataFrame) -> None:
    keys = rows[["series", "image", "lambda_k"]]
    assert len(rows) == 8 and not keys.duplicated().any()
    assert rows.notna().all(axis=None)
    assert rows["l2"].between(0, 2**0.5).all()


def test_the_distance_is_that_of_the_obfuscations(rows: pd.DataFrame) -> None:
    model = tiny_cnn()
    explainer = rcx.PixelRDE(model, solver=SOLVER)
    explanation, _ = explainer.explain_path(IMAGES, [2, 20])
    mean, deviation = IMAGES[0].mean(), IMAGES[0].std()
    noise = mean + deviation * torch.randn(2000, *IMAGES[0].shape)
    mask = explanation.mask[0].view(IMAGES.shape[-2:])
    with torch.no_grad():
        before = model(IMAGES[:1]).softmax(1)
        distances = (model(mask * IMAGES[0] + (1 - mask) * noise).softmax(1) - before).norm(dim=1)
    found = rows.query("series == 'Pixel RDE' and image == '0' and lambda_k == 2")["l2"].item()
    assert found == pytest.approx(float(distances.mean()), abs=5 * float(distances.std()) / 32**0.5)


def test_the_table_has_means_over_the_images(rows: pd.DataFrame) -> None:
    table = sweep_table(rows)
    assert set(table.index) == {(m, x) for m in ("CartoonX", "Pixel RDE") for x in (2.0, 20.0)}
    part = rows.query("series == 'CartoonX' and lambda_k == 20")
    assert table.loc[("CartoonX", 20.0), "nonsparsity"].mean == pytest.approx(
        part["nonsparsity"].mean()
    )


def test_a_figure_has_every_method_and_the_published_points(rows: pd.DataFrame) -> None:
    percent = torch.tensor([0.0, 50, 100])
    curves = {
        name: Curve(percent, torch.rand(2, 3), torch.zeros(2, 3), "keep", "fair", "l2", 2)
        for name in ("CartoonX", "Pixel RDE")
    }
    panels = curve_figure(curves, published=True, sweep=rows).axes
    # two measurements of each method, and both as published
    assert len(panels[1].get_lines()) == 8
    assert [label.get_text() for label in panels[1].get_xticklabels()] == ["2", "20"]
    assert panels[1].get_ylabel()
