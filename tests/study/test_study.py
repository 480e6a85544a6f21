"""A study in one process: what it computes, keeps, tabulates and computes again."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from studies import (
    RESULTS_OF_AN_IMAGE,
    RESULTS_ON_THE_PATH,
    FinishedStudy,
    again,
    results,
    tables,
    tiny,
    typed,
)
from torchvision.transforms.functional import to_pil_image

import rcx
from rcx.classifiers.profiles import FIRST_SCENE_SEED, load_profile
from rcx.evaluate.baselines import attribution
from rcx.evaluate.curve_measurement import rate_distortion_curve
from rcx.evaluate.curves import COARSE
from rcx.evaluate.rankings import Ranking
from rcx.images.scenes import draw_scenes
from rcx.representations.pixels import Pixels
from rcx.study.cluster import _work
from rcx.study.keys import image_seed
from rcx.study.requests import image_requests
from rcx.study.settings_file import checked_settings, read_settings
from rcx.study.store import Store
from rcx.study.study import Study
from rcx.study.variants import Hardware, LoadedVariant, variants_of


@pytest.fixture
def done(finished: FinishedStudy) -> Path:
    """Folder of a finished study; not to be changed."""
    return finished.out


def test_everything_is_computed_once(copied: Path) -> None:
    assert len(results(copied)) == 3 * RESULTS_OF_AN_IMAGE + RESULTS_ON_THE_PATH
    code, output = again(copied)
    assert code == 0
    assert "0 new results" in output
    assert len((copied / "seconds.csv").read_text().splitlines()) == len(results(copied))


def test_the_work_that_is_done_adds_up_to_what_was_planned(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        study = Study(read_settings(tiny(tmp_path)), store, Hardware())
        plan = study.plan()
        done: list[float] = []
        for _ in study.here(plan.tasks, store, done.append):
            pass
        assert sum(done) == pytest.approx(plan.seconds)
        assert plan.seconds > 0
        assert study.plan().seconds == 0


def test_results_are_what_the_explainers_and_curves_give(done: Path) -> None:
    """An oracle: the same calls by hand."""
    profile = load_profile("sample", n_images=3, seed=0)
    images = draw_scenes(3, seed=FIRST_SCENE_SEED, size=64).images
    table = pd.read_parquet(done / "tables" / "explanations.parquet")
    curves = pd.read_parquet(done / "tables" / "curves.parquet")
    solver = rcx.SolverSettings(steps=3, samples=2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for method in (rcx.CartoonX, rcx.PixelRDE):
            series = method.method
            explainer = method(profile.classifier, solver=solver, evaluation_samples=4)
            explanation = explainer.explain(images)
            rows = table[(table.series == series) & ~table.on_path].sort_values("place")
            assert rows.image.tolist() == list(profile.names)
            assert rows.label.tolist() == profile.labels.tolist()
            for name in ("distortion", "nonsparsity", "loss", "probability", "predicted", "steps"):
                expected = getattr(explanation, name).tolist()
                assert rows[name].tolist() == pytest.approx(expected, rel=1e-4), name
            row = rows.iloc[0]
            folder = done / "store" / "results" / row.result[:2]
            stored = rcx.Explanation.load(folder / f"{row.result}.safetensors")
            torch.testing.assert_close(stored.mask, explanation.mask[:1])
            curve = rate_distortion_curve(
                profile.classifier,
                images[:1],
                Ranking.of(explainer, explanation[0]),
                percent=COARSE,
                draws=2,
                seed=[image_seed(0, {"sha256": row.image_sha256})],
            )
            points = curves[(curves.series == series) & (curves.place == 0)]
            expected = curve.distortion[0].tolist()
            assert points.distortion.tolist() == pytest.approx(expected, rel=1e-3, abs=1e-5)
    finally:
        torch.set_num_threads(threads)


def test_the_path_is_computed_for_the_first_images_only(done: Path) -> None:
    table = pd.read_parquet(done / "tables" / "explanations.parquet")
    path = table[table.on_path]
    assert path.place.unique().tolist() == [0]
    assert path.lambda_k.tolist() == [4, 8]
    assert table.l2.notna().all()


def test_more_images_begin_with_the_same_ones(copied: Path, tmp_path: Path) -> None:
    code, output = typed(
        "study",
        "-s",
        tiny(tmp_path),
        "--n-images",
        2,
        "--out",
        tmp_path / "fewer",
        "--store",
        copied / "store",
    )
    assert code == 0
    assert "0 new results" in output
    fewer = pd.read_parquet(tmp_path / "fewer" / "tables" / "explanations.parquet")
    more = pd.read_parquet(copied / "tables" / "explanations.parquet")
    pd.testing.assert_frame_equal(fewer, more[more.place < 2].reset_index(drop=True))


def test_provenance_tells_settings_versions_weights_and_machine(done: Path) -> None:
    account = json.loads((done / "tables" / "provenance.json").read_text())
    assert account["settings"]["runs"][0]["methods"][0]["lambda_ks"] == [4, 8]
    assert account["versions"].keys() >= {"torch", "rcx", "python"}
    assert len(account["weights_sha256"]["sample/cnn"]) == 64
    assert "cores" in account["machine"]
    assert account["counts"]["failures"] == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other", "gone"])
def test_damaged_files_are_told_and_computed_again(copied: Path, damage: str) -> None:
    whole, before = results(copied), tables(copied)
    paths = sorted((copied / "store" / "results").rglob("*.safetensors"))
    path, content = paths[3], paths[3].read_bytes()
    changed = bytearray(content)
    changed[-3] ^= 1
    paths[3].write_bytes(
        {
            "truncated": content[: len(content) // 2],
            "flipped": bytes(changed),
            "empty": b"",
            "other": paths[4].read_bytes(),
            "gone": content,
        }[damage]
    )
    if damage == "gone":
        path.unlink()
    else:
        code, output = typed("store", "verify", copied)
        assert code == 1
        assert path.name in output
        assert "1 damaged" in output
    code, output = again(copied)
    assert code == 0, output
    assert ("the store had 1 damaged result" in output) == (damage != "gone")
    assert "1 new result." in output
    assert results(copied) == whole
    assert tables(copied) == before


def test_damage_that_left_no_trace_in_the_folder_is_found_by_the_tables(copied: Path) -> None:
    whole = results(copied)
    path = min((copied / "store" / "results").rglob("*.safetensors"))
    info, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 128
    path.write_bytes(content)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    code, output = again(copied)
    assert code == 0
    assert "the store had 1 damaged result" in output
    assert results(copied) == whole


def test_dry_run_computes_nothing(tmp_path: Path) -> None:
    code, output = typed("study", "-s", tiny(tmp_path), "--out", tmp_path / "o", "--dry-run")
    assert code == 0
    assert "explanation" in output
    assert results(tmp_path / "o") == {}


def test_images_drawn_by_lot_are_computed_again_and_compared(copied: Path) -> None:
    words = ("study", "--settings", copied.parent / "study.toml", "--out", copied, "--verify")
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    code, output = typed(*words, 2, "--lot", 1)
    assert code == 0, output
    rows = [line.split() for line in output.splitlines() if line.startswith("explanations")]
    assert rows
    assert all(row[-3:] == ["0.0000", "0.0000", "100.0%"] for row in rows)
    assert before == {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    changed = pd.read_parquet(copied / "tables" / "explanations.parquet")
    changed["loss"] += 1
    changed.to_parquet(copied / "tables" / "explanations.parquet")
    code, output = typed(*words, 1)
    assert code == 1
    assert "1.0000" in output
    code, output = typed(*words, 9)
    assert code == 2
    assert "from 1 to 3" in output


def test_an_image_that_cannot_be_read_does_not_stop_the_rest(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, image in enumerate(draw_scenes(2, seed=5).images):
        to_pil_image(image).save(photos / f"scene{number}.png")
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no image")
    code, output = typed("study", "-s", tiny(tmp_path), "--images", photos, "--out", tmp_path / "o")
    assert code == 1
    assert "empty.png, sample/cnn, image: the file is empty" in output
    assert "text.jpg" in output
    table = pd.read_parquet(tmp_path / "o" / "tables" / "explanations.parquet")
    assert set(table.image) == {"scene0.png", "scene1.png"}
    lines = (tmp_path / "o" / "failures.csv").read_text().splitlines()
    assert len(lines) == 3
    (photos / "empty.png").unlink()
    (photos / "text.jpg").unlink()
    code, output = typed("study", "-s", tiny(tmp_path), "--images", photos, "--out", tmp_path / "o")
    assert code == 0
    assert not (tmp_path / "o" / "failures.csv").exists()


def test_keys_do_not_change() -> None:
    """Results that were stored must be found again; where they would be others, keys say so."""
    settings = checked_settings(
        {
            "profile": "sample",
            "solver": {"preset": "published"},
            "runs": [
                {
                    "classifier": "sample/cnn",
                    "n_images": 1,
                    "curves": [{"grid": "coarse"}],
                    "methods": [{"method": "CartoonX", "lambda_k": 20, "lambda_ks": [4]}],
                }
            ],
        },
        "here",
    )
    (variant,) = variants_of(settings)
    image = {"sha256": 64 * "0", "size": 128, "fit": None}
    requests = image_requests(LoadedVariant(variant, Hardware()), image, 0)
    assert [request.key.name[:8] for request in requests] == KEYS.split()


KEYS = "4dbdcf5a 0cc1710d e99d57f1 b6f88c64 24963c9f f41737b9 79a7645e ca37ae94"


def test_a_function_in_a_file_says_what_is_explained(tmp_path: Path) -> None:
    scores, path = tmp_path / "scores.py", tmp_path / "s.toml"
    scores.write_text("def rather(logits):\n    return logits[:, 0] - logits[:, 1]\n")
    path.write_text(
        'profile = "sample"\nsize = 64\nsolver = { steps = 2, samples = 2 }\n[[runs]]\n'
        f'classifier = "sample/cnn"\nn_images = 1\nanswer = "{scores}:rather"\nscale = 2.0\n'
        'methods = [{ method = "CartoonX", lambda_ks = [4], evaluation_samples = 2 }]\n'
        'curves = [{ grid = "coarse", draws = 2, directions = "keep", measures = "relative" }]'
    )
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 0, output
    first = results(tmp_path / "o")
    rows = pd.read_parquet(tmp_path / "o" / "tables" / "explanations.parquet")
    image = draw_scenes(1, seed=FIRST_SCENE_SEED, size=64).images
    classifier = rcx.load_classifier("sample/cnn", answer=f"{scores}:rather", scale=2.0)
    with torch.no_grad():
        assert rows["probability"].iloc[0] == pytest.approx(float(classifier(image)), abs=1e-4)
    path.write_text(path.read_text().replace("scale = 2.0", "scale = 3.0"))
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 0, output
    assert len(results(tmp_path / "o")) == 2 * len(first)


def test_other_methods_and_predicted_starts(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'profile = "sample"\nsolver = { steps = 2, samples = 2 }\n[[runs]]\n'
        'classifier = "sample/cnn"\nn_images = 2\nbaselines = ["SmoothGrad", "GradCAM"]\n'
        'methods = [{ method = "CartoonX", start = "predicted", evaluation_samples = 2 }]\n'
        'curves = [{ grid = "coarse", draws = 1, directions = "keep" }]'
    )
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 0, output
    rows = pd.read_parquet(tmp_path / "o" / "tables" / "curves.parquet")
    named = ["CartoonX", "GradCAM", "SmoothGrad", "random pixels", "random wavelets"]
    assert sorted(rows["series"].unique()) == named
    classifier = rcx.load_classifier("sample/cnn")
    images = draw_scenes(2, seed=FIRST_SCENE_SEED, size=128).images[1:]
    (variant,) = variants_of(read_settings(path))
    row = rows[rows["series"] == "SmoothGrad"].drop_duplicates("image").iloc[1]
    seed = image_seed(variant.seed, {"sha256": row["image_sha256"]})
    relevance = attribution("SmoothGrad", classifier, images, seed=[seed])
    order = Ranking(Pixels(images.shape[-2:]), relevance)
    curve = rate_distortion_curve(
        classifier, images, order, "keep", percent=COARSE, draws=1, seed=[seed]
    )
    points = rows[(rows["series"] == "SmoothGrad") & (rows["image"] == row["image"])]
    expected = curve.distortion[0].numpy()
    assert points["distortion"].to_numpy() == pytest.approx(expected, abs=1e-5)
    _, listed = typed("store", "ls", tmp_path / "o", "--kind", "attribution")
    assert "4 x attribution" in listed


# --- whatever else the process does


def test_more_threads_inside_another_program_give_the_same_bytes(
    done: Path, tmp_path: Path
) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            path = tiny(tmp_path)
            code, output = typed("study", "-s", path, "--out", tmp_path / "out", "--threads", 4)
    finally:
        torch.set_default_dtype(torch.float32)
    assert code == 0, output
    assert results(tmp_path / "out") == results(done)


def test_tasks_side_by_side_in_threads_give_the_same_bytes(done: Path, tmp_path: Path) -> None:
    study = Study(read_settings(tiny(tmp_path)), Store(tmp_path / "out" / "store"))
    tasks = study.plan().tasks
    work = partial(_work, folder=study.store.folder, hardware=study.hardware)
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(len(tasks)) as pool:
        outcomes = list(pool.map(work, tasks))
    assert not any(outcome.failures for outcome in outcomes)
    assert torch.get_num_threads() == threads
    assert results(tmp_path / "out") == results(done)
