"""The pages on the package's use: each of their blocks runs, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import nbclient
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

import rcx
from rcx.explain.explainer import Explainer
from rcx.representations.representation import Representation

BOOK = Path(__file__).parents[2] / "book"
FEW_STEPS = """\
import rcx
few = rcx.SolverSettings(steps=10, samples=2)
rcx.CartoonX.default_solver = rcx.PixelRDE.default_solver = few
"""
WIDGET = "application/vnd.jupyter.widget-view+json"


def blocks(page: str) -> list[str]:
    """The Python code blocks of a page."""
    text = (BOOK / f"{page}.md").read_text()
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let explainers take few steps by default, as no number of a page is looked at."""
    for explainer in (Explainer, rcx.PixelRDE):
        monkeypatch.setattr(explainer, "default_solver", rcx.SolverSettings(steps=10, samples=2))


def run(page: str) -> dict[str, Any]:
    """Run the blocks of a page, and return the names that they define."""
    names: dict[str, Any] = {}
    with torch.random.fork_rng(), mpl.rc_context():
        for block in blocks(page):
            exec(compile(block, f"{page}.md", "exec"), names)
    return names


@pytest.mark.usefixtures("few_steps")
def test_the_page_on_ones_own_classifier_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("own_model")
    assert len(blocks("own_model")) >= 8
    assert names["explanation"].settings["solver"]["steps"] == 10
    assert names["classifier"].label(1) == "dog"
    assert bool((rcx.Explanation.load(tmp_path / "dog.safetensors").target == 1).all())
    assert set(names["curves"]) > {"CartoonX", "GradCAM", "KernelSHAP"}
    assert names["relevance"].shape == (2, 3, 64, 64)
    assert names["arrays"].shape == (2, 1, 64, 64)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


@pytest.mark.usefixtures("few_steps")
def test_the_page_on_other_answers_runs() -> None:
    names = run("answers")
    kinds = {"labels": "sigmoid", "ill": "sigmoid", "temperature": "score", "rather": "score"}
    for name, kind in kinds.items():
        assert names[name].meaning.kind == kind
    for name in ("area", "similarity", "between", "vit"):
        explainer = rcx.CartoonX(names[name])
        explanation = explainer.explain(names["images"][:1])
        assert bool(explanation.distortion.isfinite().all())
    assert names["vit"].class_names == ("cat", "dog")
    assert names["explanation"].quantity == "score"


@pytest.mark.usefixtures("few_steps")
def test_the_page_on_ones_own_representation_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = run("representation")
    images, cosines, explanation = names["images"], names["cosines"], names["explanation"]
    assert isinstance(cosines, Representation)
    torch.testing.assert_close(cosines.synthesise(names["coefficients"]), images)
    stops = [band.stop for band in cosines.bands]
    assert [band.start for band in cosines.bands] == [0, *stops[:-1]]
    assert stops[-1] == cosines.length
    # the constant of each block is eight times its mean
    means = torch.nn.functional.avg_pool2d(images, 8).flatten(-2)
    torch.testing.assert_close(names["coefficients"][..., cosines.bands[0].positions], 8 * means)
    assert explanation.settings["method"] == "Cosine RDE"
    assert explanation.settings["representation"] == "BlockCosines((128, 128))"
    assert explanation.picture.shape == (2, 1, 128, 128)
    assert bool((explanation.nonsparsity < 1).all())
    assert names["cosine_rde"].attribute(images).shape == images.shape
    assert (tmp_path / "representations.png").stat().st_size > 10_000
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_the_page_on_notebooks_runs_in_a_kernel(tmp_path: Path) -> None:
    notebook = executed(blocks("notebook"), tmp_path)
    explanation, figure, *sliders = [
        outputs for cell in notebook.cells if (outputs := data_of(cell))
    ]
    assert explanation["text/html"].startswith('<img src="data:image/png;base64,')
    assert 'alt="4 pictures: Image' in explanation["text/html"]
    assert figure["image/png"]
    assert (tmp_path / "explanations.png").stat().st_size > 10_000
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    shown = [states[output[WIDGET]["model_id"]] for output in sliders]
    assert [state["model_name"] for state in shown] == ["TabModel", "VBoxModel", "TabModel"]
    assert shown[0]["state"]["titles"] == ["lambda_k", "steps", "kept", "method"]
    labels = [
        state["state"]["_options_labels"]
        for state in states.values()
        if state["model_name"] == "SelectionSliderModel"
    ]
    assert ["5", "10", "20", "40", "80"] in labels
    assert ["0.5 %", "1 %", "2 %", "5 %", "10 %"] in labels
    assert ["CartoonX", "Pixel RDE"] in labels


def executed(sources: list[str], folder: Path) -> NotebookNode:
    """Run cells in a kernel, with explainers that take few steps."""
    cells = [new_code_cell(source) for source in (FEW_STEPS, *sources)]
    notebook = new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def data_of(cell: NotebookNode) -> dict[str, Any]:
    """What a cell shows, by type; empty if it shows nothing."""
    results = [output.data for output in cell.outputs if output.output_type == "execute_result"]
    return dict(results[0]) if results else {}


@pytest.mark.parametrize("page", ["own_model", "notebook", "representation", "scaling"])
def test_files_that_a_page_mentions_are_there(page: str) -> None:
    text = (BOOK / f"{page}.md").read_text()
    for name in re.findall(r"book/\w+\.py", text):
        assert (BOOK.parent / name).is_file()
