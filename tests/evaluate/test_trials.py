"""Trials: what is recorded of a run, and what tables of runs say."""

import json
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from helpers import smooth_images, tiny_cnn

import rcx
from rcx import reference
from rcx.classifiers.profiles import ProfileName
from rcx.evaluate import start_claims
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
from rcx.report.start_figures import starts_figure
from rcx.solver.settings import SolverSettings
from rcx.study import start_trials as make_start_trials

SLOPES = {"ones": 1.0, "uniform": 0.5, "foreground": 1.0}


def made_up(images: int = 12, steps: int = 100) -> Trials:
    """Losses that fall to 0.1 at a start's pace; the foreground's fall to 0.2 and ruin a run."""
    runs, curves = [], []
    for start, pace in SLOPES.items():
        for image in range(images):
            key = {"schedule": "default", "start": start, "image": image, "seed": 0}
            end = (0.2 if start == "foreground" else 0.1) + 0.001 * image
            step = np.arange(1, steps + 1)
            fallen = np.maximum(end, 1 - step / (pace * 0.8 * steps) * (1 - end))
            curves.append(pd.DataFrame({**key, "step": step, "loss": fallen}))
            run = {"loss": end, "distortion": 0.0, "nonsparsity": 0.0}
            run |= {"label_kept": not (start == "foreground" and image == 0), "converged": True}
            runs.append({**key, **run, "steps": steps, "seconds": 2.0})
    return Trials(pd.DataFrame(runs), pd.concat(curves, ignore_index=True))


def test_runs_are_recorded_one_by_one_and_not_made_twice() -> None:
    make = partial(rcx.CartoonX, tiny_cnn(), wavelet="haar", levels=2, device="cpu")
    images = smooth_images(2)
    schedules = {"quick": SolverSettings(steps=7, samples=2), "none": SolverSettings(steps=0)}
    starts = {"ones": "ones", "random": "random"}
    parts = list(run_trials(make, images, starts, schedules, [0, 1]))  # type: ignore[arg-type]
    assert len(parts) == 16
    whole = Trials.cat(parts)
    assert not whole.runs.duplicated(KEY).any()
    assert (whole.curves.groupby(KEY).size() <= POINTS).all()
    one = whole.runs.iloc[0]
    expected = make(start="ones", solver=schedules["quick"], seed=0).explain(images[:1])
    assert one["loss"] == pytest.approx(expected.loss.item())
    assert one["steps"] == 7
    curve = whole.curves[(whole.curves[KEY] == one[KEY]).all(axis=1)]
    np.testing.assert_allclose(curve["loss"], expected.history["loss"][0], rtol=1e-5)
    assert set(whole.curves["schedule"]) == {"quick"}  # no steps, no curve
    done = set(whole.runs[KEY].itertuples(index=False, name=None))
    again = run_trials(make, images, starts, schedules, [0, 1], done=done)  # type: ignore[arg-type]
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


def test_what_is_so_is_found() -> None:
    trials = made_up()
    picture = start_claims.help_table(trials, "default", ["uniform", "foreground"])
    assert picture.loc["uniform", "helps"] == "mixed"  # fewer steps, no lower loss
    assert picture.loc["uniform", "fewer steps"] == "as expected"
    assert picture.loc["foreground", "helps"] == "not supported"
    assert picture.loc["foreground", "lower loss"] == "against"
    assert picture.loc["foreground", "reached"] == 0


def test_the_published_picture() -> None:
    trials = made_up()
    extra = [trials.runs, trials.curves]
    for name in ("foreground-uniform", "random"):
        for number, table in enumerate((trials.runs, trials.curves)):
            ones = table[table["start"] == "ones"].assign(start=name)
            extra[number] = pd.concat([extra[number], ones], ignore_index=True)
    table = start_claims.picture_table(Trials(*extra), "default")
    assert table.loc["uniform is lower at first", "outcome"] == "as expected"
    assert table.loc["foreground ends higher", "outcome"] == "as expected"
    assert table.loc["uniform ends higher", "outcome"] == "open"
    assert table.loc["random ends higher", "outcome"] == "open"


def test_schedules_are_compared_on_the_images_that_they_share() -> None:
    def rows(series: str, losses: list[float], **columns: object) -> pd.DataFrame:
        names = [f"image {number}" for number in range(len(losses))]
        always = {"label_kept": True, "brightest": 1.0, "steps": 100, "settled_at": 0}
        return pd.DataFrame({"image": names, "series": series, "loss": losses} | always | columns)

    one = rows("one", [0.1, 0.2, 0.3, 9.0], brightest=[1.0, 0.0, 1.0, 0.0])
    other = rows(
        "other", [0.2, 0.3, 0.25], settled_at=[50, 100, 70], label_kept=[True, False, True]
    )
    same = rows("same", [0.1, 0.2])
    table = start_claims.schedule_table(pd.concat([other, one, same]), "one", ["other", "same"])
    found = table.loc["other"]
    assert found["ratio"] == pytest.approx(0.6 / 0.75)
    assert float(found["difference"].mean) == pytest.approx(-0.05)
    assert (found["images"], found["one is lower"]) == (3, 2)
    assert (found["labels kept, one"], found["labels kept"]) == (3, 2)
    assert (found["all black, one"], found["all black"]) == (1, 0)
    # to settle with the last step is to stop by itself no earlier
    assert (found["settled"], found["settled at"]) == (2, 60)
    assert table.loc["same", "ratio"] == 1 and table.loc["same", "settled"] == 0


def test_curves_have_a_band_for_each_start() -> None:
    trials = made_up()
    found = curve_intervals(trials, "default", [1, 50, 100])
    assert list(found) == list(SLOPES)
    interval = found["ones"]
    assert (interval.low <= interval.mean).all()
    assert (interval.mean <= interval.high).all()
    figure = starts_figure(trials, {"default": "Default"})
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(SLOPES)


def test_the_kept_runs_are_made_by_a_module_that_goes_on_where_it_was_stopped(
    tmp_path: Path,
) -> None:
    options = ["--images", "1", "--schedule", "none", "--out", str(tmp_path)]
    make_start_trials.main(options)
    runs = pd.read_csv(tmp_path / "sample" / "runs.csv")
    assert runs["start"].tolist() == ["predicted"]
    make_start_trials.main([*options, "--seeds", "0", "1"])
    runs = pd.read_csv(tmp_path / "sample" / "runs.csv")
    assert runs["seed"].tolist() == [0, 1] and runs["image"].tolist() == [0, 0]
    said = json.loads((tmp_path / "sample" / "provenance.json").read_text())
    assert said["classifier"] == "sample/cnn" and said["network"].startswith("network ")


@pytest.mark.parametrize("profile", get_args(ProfileName))
def test_kept_runs_say_what_they_are_of(profile: ProfileName) -> None:
    kept = reference.start_trials(profile)
    assert set(kept.titles) <= set(kept.trials.runs["schedule"])
    assert kept.provenance["classifier"] in kept.summary
    ones = kept.trials.runs.query("start == 'ones' and schedule == 'default'")
    assert ones["image"].nunique() >= 6  # fewer support nothing
    assert not kept.trials.runs[KEY].duplicated().any()
