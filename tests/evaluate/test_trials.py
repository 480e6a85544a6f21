"""Trials: what is recorded of a run, and what the tables say of runs whose losses are known."""

import json
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from helpers import smooth_images, tiny_cnn

import rcx
from rcx.evaluate.start_claims import help_table, picture_table, start_comparisons
from rcx.evaluate.trials import (
    KEY,
    POINTS,
    Trials,
    curve_intervals,
    final_losses,
    paired_losses,
    run_trials,
    starts_table,
    steps_to_reach,
)
from rcx.reference.claims import claims
from rcx.reference.measured import TrialProfile, start_trials
from rcx.report.start_figures import starts_figure
from rcx.solver.settings import SolverSettings
from rcx.starts.initial import AnyStart, Start
from rcx.study.start_trials import main as make_start_trials

SLOPES = {"ones": 1.0, "uniform": 0.5, "foreground": 1.0}


def made_up(images: int = 12, steps: int = 100) -> Trials:
    """Losses that fall to 0.1 at a start's pace; the foreground's fall to 0.2 and ruin a run."""
    runs: list[dict[str, object]] = []
    curves = []
    for start, pace in SLOPES.items():
        for image in range(images):
            key = {"schedule": "default", "start": start, "image": image, "seed": 0}
            end = (0.2 if start == "foreground" else 0.1) + 0.001 * image
            step = np.arange(1, steps + 1)
            fallen = np.maximum(end, 1 - step / (pace * 0.8 * steps) * (1 - end))
            curves.append(pd.DataFrame({**key, "step": step, "loss": fallen}))
            runs.append(
                {
                    **key,
                    "loss": end,
                    "distortion": 0.0,
                    "nonsparsity": 0.0,
                    "label_kept": not (start == "foreground" and image == 0),
                    "converged": True,
                    "steps": steps,
                    "seconds": 2.0,
                }
            )
    return Trials(pd.DataFrame(runs), pd.concat(curves, ignore_index=True))


def test_runs_are_recorded_one_by_one_and_not_made_twice() -> None:
    make = partial(rcx.CartoonX, tiny_cnn(), wavelet="haar", levels=2, device="cpu")
    images = smooth_images(2)
    schedules = {"quick": SolverSettings(steps=7, samples=2), "none": SolverSettings(steps=0)}
    starts: dict[str, AnyStart] = {"ones": "ones", "random": "random"}
    parts = list(run_trials(make, images, starts, schedules, [0, 1]))
    assert len(parts) == 16
    whole = Trials.cat(parts)
    assert not whole.runs.duplicated(KEY).any()
    assert (whole.curves.groupby(KEY).size() <= POINTS).all()
    run = whole.runs.iloc[0]
    expected = make(start="ones", solver=schedules["quick"], seed=0).explain(images[:1])
    assert run["loss"] == pytest.approx(expected.loss.item())
    assert run["steps"] == 7
    curve = whole.curves[(whole.curves[KEY] == run[KEY]).all(axis=1)]
    np.testing.assert_allclose(curve["loss"], expected.history["loss"][0], rtol=1e-5)
    assert set(whole.curves["schedule"]) == {"quick"}  # no steps, no curve
    done = set(whole.runs[KEY].itertuples(index=False, name=None))
    again = run_trials(make, images, starts, schedules, [0, 1], done=done)
    assert list(again) == []


def test_steps_to_a_goal() -> None:
    trials = made_up()
    goal = final_losses(trials.runs, "default", "ones")
    needed = steps_to_reach(trials, goal, margin=0.05)
    assert np.isinf(needed["default", "foreground"]).all()
    assert (needed["default", "uniform"] < 0.6 * needed["default", "ones"]).all()
    assert (needed["default", "ones"] <= 80).all()


def test_the_table_sums_up_starts() -> None:
    table = starts_table(made_up())
    assert list(table.index) == [("default", start) for start in SLOPES]
    ones, foreground = table.loc[("default", "ones")], table.loc[("default", "foreground")]
    assert ones["difference"].mean == 0
    assert foreground["difference"].mean == pytest.approx(0.1)
    assert np.isinf(foreground["steps to goal"])
    assert foreground["ruined"] == pytest.approx(1 / 12)
    assert ones["seconds to goal"] == pytest.approx(2 * ones["steps to goal"] / 100)


def test_seeds_of_an_image_do_not_count_as_images() -> None:
    trials = made_up()
    twice = trials.runs.assign(seed=1)
    both = Trials(pd.concat([trials.runs, twice]), trials.curves)
    assert len(paired_losses(both.runs, ("default", "ones"), ("default", "uniform"))[0]) == 12


def test_runs_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match="no runs under 'published' from 'ones'"):
        starts_table(made_up(), ("published", "ones"))


def test_a_start_helps_by_fewer_steps_or_a_lower_loss() -> None:
    table = help_table(made_up(), "default", ["uniform", "foreground"])
    assert table.loc["uniform", "helps"] == "mixed"  # fewer steps, no lower loss
    assert table.loc["uniform", "fewer steps"] == "as expected"
    assert table.loc["foreground", "helps"] == "not supported"
    assert table.loc["foreground", "lower loss"] == "against"
    assert table.loc["foreground", "reached"] == 0


def test_a_start_is_compared_as_the_claim_about_starts_asks() -> None:
    compared = start_comparisons(made_up(), "default", "uniform")
    expected = {measure: expected for measure, (_, expected) in compared.items()}
    assert expected == claims()["starts"].expectations
    losses, steps = (comparison for comparison, _ in compared.values())
    assert losses.difference.mean == 0 and losses.images == 12
    assert steps.first_lower == 12
    never, _ = start_comparisons(made_up(), "default", "foreground")["steps to the same loss"]
    assert never.difference.mean + never.second_mean == 100  # all steps


def test_the_published_picture() -> None:
    trials = made_up()
    extra = [trials.runs, trials.curves]
    for name in ("foreground-uniform", "random"):
        for number, table in enumerate((trials.runs, trials.curves)):
            ones = table[table["start"] == "ones"].assign(start=name)
            extra[number] = pd.concat([extra[number], ones], ignore_index=True)
    table = picture_table(Trials(*extra), "default")
    assert table.loc["uniform is lower at first", "outcome"] == "as expected"
    assert table.loc["foreground ends higher", "outcome"] == "as expected"
    assert table.loc["uniform ends higher", "outcome"] == "open"
    assert table.loc["random ends higher", "outcome"] == "open"


def test_curves_have_a_band_for_each_start() -> None:
    trials = made_up()
    intervals = curve_intervals(trials, "default", [1, 50, 100])
    assert list(intervals) == list(SLOPES)
    interval = intervals["ones"]
    assert (interval.low <= interval.mean).all()
    assert (interval.mean <= interval.high).all()
    figure = starts_figure(trials, {"default": "Default"})
    (axes,) = figure.axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(SLOPES)


def test_every_start_is_in_the_legend_though_the_first_panel_lacks_it() -> None:
    curves = made_up().curves.query("start == 'ones'")
    copies = [curves.assign(start=start) for start in get_args(Start)]
    copies += [curves.assign(schedule="other")]
    trials = Trials(made_up().runs, pd.concat(copies, ignore_index=True))
    figure = starts_figure(trials, {"other": "Ones alone", "default": "All"})
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(get_args(Start))
    colours = {line.get_color() for line in figure.axes[1].get_lines()}
    assert len(colours) == len(get_args(Start))


def test_making_the_committed_runs_resumes_where_it_stopped(tmp_path: Path) -> None:
    options = ["--images", "1", "--schedule", "none", "--out", str(tmp_path)]
    make_start_trials(options)
    runs = pd.read_csv(tmp_path / "sample" / "runs.csv")
    assert runs["start"].tolist() == ["predicted"]
    make_start_trials([*options, "--seeds", "0", "1"])
    runs = pd.read_csv(tmp_path / "sample" / "runs.csv")
    assert runs["seed"].tolist() == [0, 1] and runs["image"].tolist() == [0, 0]
    provenance = json.loads((tmp_path / "sample" / "provenance.json").read_text())
    assert provenance["classifier"] == "sample/cnn"
    assert provenance["network"].startswith("network ")


@pytest.mark.parametrize("profile", get_args(TrialProfile))
def test_the_committed_runs_name_their_classifier(profile: TrialProfile) -> None:
    committed = start_trials(profile)
    assert set(committed.titles) <= set(committed.trials.runs["schedule"])
    assert committed.provenance["classifier"] in committed.summary
    ones = committed.trials.runs.query("start == 'ones' and schedule == 'default'")
    assert ones["image"].nunique() >= 6  # fewer support nothing
    assert not committed.trials.runs[KEY].duplicated().any()
