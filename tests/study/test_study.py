"""A study in one process: what it computes, keeps, tabulates and computes again."""

import json

import pandas as pd
import pytest
import torch
from studies import RESULTS_OF_AN_IMAGE, RESULTS_ON_THE_PATH, results, tables, tiny
from torchvision.transforms.functional import to_pil_image
from typer.testing import CliRunner

import rcx
from rcx.classifiers.profiles import load_profile
from rcx.commands.main import app
from rcx.evaluate.baselines import attribution
from rcx.evaluate.curves import COARSE, rate_distortion_curve
from rcx.evaluate.rankings import Ranking
from rcx.images.scenes import draw_scenes
from rcx.representations.pixels import Pixels
from rcx.study.keys import image_seed
from rcx.study.plan import Study
from rcx.study.settings import SettingsError, checked_settings, read_settings, shipped_settings
from rcx.study.store import Store, StoreError
from rcx.study.variants import Hardware, LoadedVariant, variants
from rcx.system.files import DamagedError


def study(*arguments, command="study"):
    """Run the command in this process; the exit code and what it said."""
    result = CliRunner().invoke(app, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished study; not to be changed."""
    folder = tmp_path_factory.mktemp("study")
    code, output = study("-s", tiny(folder), "--out", folder / "out")
    assert code == 0, output
    return folder / "out"


@pytest.fixture
def copied(done, tmp_path):
    """A copy of the finished study, with its settings, to be damaged."""
    import shutil

    tiny(tmp_path)
    shutil.copytree(done, tmp_path / "out")
    return tmp_path / "out"


def again(out, *arguments):
    return study("-s", out.parent / "study.toml", "--out", out, *arguments)


def test_everything_is_computed_once(done):
    assert len(results(done)) == 3 * RESULTS_OF_AN_IMAGE + RESULTS_ON_THE_PATH
    code, output = again(done)
    assert code == 0
    assert "0 results were computed" in output
    assert len((done / "seconds.csv").read_text().splitlines()) == len(results(done))


def test_results_are_what_the_explainers_and_curves_give(done):
    """An oracle: the same calls by hand."""
    profile = load_profile("sample", n_images=3, seed=0)
    table = pd.read_parquet(done / "tables" / "explanations.parquet")
    solver = rcx.SolverSettings(steps=3, samples=2)
    kinds = {"CartoonX": rcx.CartoonX, "Pixel RDE": rcx.PixelRDE}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for method, kind in kinds.items():
            explainer = kind(profile.classifier, solver=solver, evaluation_samples=4)
            explanation = explainer.explain(profile.images)
            rows = table[(table.series == method) & ~table.on_path].sort_values("place")
            assert rows.image.tolist() == list(profile.names)
            assert rows.label.tolist() == profile.labels.tolist()
            for name in ("distortion", "nonsparsity", "loss", "probability", "predicted", "steps"):
                expected = getattr(explanation, name).tolist()
                assert rows[name].tolist() == pytest.approx(expected, rel=1e-4), name
            stored = rcx.Explanation.load(
                done
                / "store"
                / "results"
                / rows.result[0:1].item()[:2]
                / f"{rows.result[0:1].item()}.safetensors"
            )
            torch.testing.assert_close(stored.mask, explanation.mask[:1])
            row = rows.iloc[0]
            seed = image_seed(0, {"sha256": row.image_sha256})
            ranking = Ranking.of(explainer, explanation[0])
            curve = rate_distortion_curve(
                profile.classifier,
                profile.images[:1],
                ranking,
                percent=COARSE,
                draws=2,
                seed=[seed],
            )
            curves = pd.read_parquet(done / "tables" / "curves.parquet")
            mine = curves[(curves.series == method) & (curves.place == 0)]
            expected = curve.distortion[0].tolist()
            assert mine.distortion.tolist() == pytest.approx(expected, rel=1e-3, abs=1e-5)
    finally:
        torch.set_num_threads(threads)


def test_the_path_is_computed_for_the_first_images_only(done):
    table = pd.read_parquet(done / "tables" / "explanations.parquet")
    path = table[table.on_path]
    assert path.place.unique().tolist() == [0]
    assert path.lambda_k.tolist() == [4, 8]
    assert table.l2.notna().all()


def test_more_images_begin_with_the_same_ones(done, tmp_path):
    code, output = study(
        "-s",
        tiny(tmp_path),
        "--n-images",
        2,
        "--out",
        tmp_path / "fewer",
        "--store",
        done / "store",
    )
    assert code == 0
    assert "0 results were computed" in output
    fewer = pd.read_parquet(tmp_path / "fewer" / "tables" / "explanations.parquet")
    more = pd.read_parquet(done / "tables" / "explanations.parquet")
    pd.testing.assert_frame_equal(fewer, more[more.place < 2].reset_index(drop=True))


def test_provenance_tells_settings_versions_weights_and_machine(done):
    account = json.loads((done / "tables" / "provenance.json").read_text())
    assert account["settings"]["runs"][0]["methods"][0]["lambda_ks"] == [4, 8]
    assert account["versions"].keys() >= {"torch", "rcx", "python"}
    assert len(account["weights_sha256"]["sample/cnn"]) == 64
    assert "cores" in account["machine"]
    assert account["counts"]["failures"] == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "other", "gone"])
def test_damaged_files_are_told_and_computed_again(copied, damage):
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
        code, output = study("verify", copied, command="store")
        assert code == 1
        assert path.name in output
        assert "1 damaged" in output
    code, output = again(copied)
    assert code == 0, output
    assert ("1 results in the store were damaged" in output) == (damage != "gone")
    assert "1 results were computed" in output
    assert results(copied) == whole
    assert tables(copied) == before


def test_damage_that_left_no_trace_in_the_folder_is_found_by_the_tables(copied):
    import os

    whole = results(copied)
    path = min((copied / "store" / "results").rglob("*.safetensors"))
    info, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 128
    path.write_bytes(content)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    code, output = again(copied)
    assert code == 0
    assert "1 results in the store were damaged" in output
    assert results(copied) == whole


@pytest.mark.parametrize("index", ["removed", "nonsense", "empty", "truncated"])
def test_the_index_is_made_anew_from_the_files(copied, index):
    path = copied / "store" / "index.sqlite"
    content = path.read_bytes()
    path.unlink()
    if index != "removed":
        other = {"nonsense": b"nonsense" * 999, "empty": b"", "truncated": content[:5000]}[index]
        path.write_bytes(other)
    code, output = study("ls", copied, "--limit", 0, command="store")
    assert code == 0, output
    assert f"{3 * RESULTS_OF_AN_IMAGE + RESULTS_ON_THE_PATH} results" in output
    code, output = again(copied)
    assert (code, "0 results were computed" in output) == (0, True), output


def test_listing_filters_and_pruning(copied):
    code, output = study(
        "ls", copied, "--kind", "explanation", "--method", "Pixel RDE", command="store"
    )
    assert code == 0
    assert "3 results" in output
    code, output = study("prune", copied, "--method", "Pixel RDE", command="store")
    assert "No result was removed" in output or code != 0  # nobody answered the question
    code, output = study("prune", copied, "--method", "Pixel RDE", "--yes", command="store")
    assert code == 0
    assert "9 results were removed" in output  # explanations, evaluations, curves, for 3 images
    code, output = study("prune", copied, "--older-than", 1, "--yes", command="store")
    assert "No result was removed" in output


def test_dry_run_computes_nothing(tmp_path):
    code, output = study("-s", tiny(tmp_path), "--out", tmp_path / "o", "--dry-run")
    assert code == 0
    assert "explanation" in output
    assert results(tmp_path / "o") == {}


def test_an_image_that_cannot_be_read_does_not_stop_the_rest(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, image in enumerate(draw_scenes(2, seed=5).images):
        to_pil_image(image).save(photos / f"scene{number}.png")
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no image")
    code, output = study("-s", tiny(tmp_path), "--images", photos, "--out", tmp_path / "o")
    assert code == 1
    assert "empty.png, sample/cnn, image: the file is empty" in output
    assert "text.jpg" in output
    table = pd.read_parquet(tmp_path / "o" / "tables" / "explanations.parquet")
    assert set(table.image) == {"scene0.png", "scene1.png"}
    lines = (tmp_path / "o" / "failures.csv").read_text().splitlines()
    assert len(lines) == 3
    (photos / "empty.png").unlink()
    (photos / "text.jpg").unlink()
    code, output = study("-s", tiny(tmp_path), "--images", photos, "--out", tmp_path / "o")
    assert code == 0
    assert not (tmp_path / "o" / "failures.csv").exists()


def test_keys_do_not_change():
    """Results that were stored must be found again; where they would be others, keys say so."""
    chosen = checked_settings(
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
    (variant,) = variants(chosen)
    wanted = LoadedVariant(variant, Hardware()).wanted(
        {"sha256": 64 * "0", "size": 128, "fit": None}, 0
    )
    assert [one.key.name[:8] for one in wanted] == KEYS.split()


KEYS = "15c0a4b7 9a26ad8e bbc83565 6e2949d8 78bb421d fa23c767 587cee1c ddd62cc7"


# --- settings


def test_shipped_settings_are_valid():
    assert shipped_settings("sample").profile == "sample"
    assert shipped_settings("imagenet").profile == "imagenet"
    with pytest.raises(SettingsError, match="sample, imagenet"):
        shipped_settings("../../etc/passwd")


RUN = {"classifier": "sample/cnn", "methods": [{"method": "CartoonX"}]}
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "runs is missing"),
        ({"profile": "sample"}, "runs is missing"),
        ({"profile": "sample", "runs": []}, "runs is empty"),
        ({"runs": [RUN]}, "either a profile or images"),
        ({"profile": "x", "runs": [RUN]}, "profile: should be 'sample' or 'imagenet', not 'x'"),
        ({"profile": "sample", "images": ["a"], "runs": [RUN]}, "either a profile or images"),
        ({"profile": "sample", "runs": [RUN, RUN]}, "the same run twice"),
        ({"profile": "sample", "runs": [RUN], "out": "../../x"}, "out: unknown field; known are"),
        ({"profile": "sample", "seed": -1, "runs": [RUN]}, "seed: should be greater"),
        ({"profile": "sample", "seed": 2**70, "runs": [RUN]}, "seed: should be"),
        ({"profile": "sample", "seed": True, "runs": [RUN]}, "seed: should be a valid integer"),
        ({"profile": "sample", "size": 7, "runs": [RUN]}, "size: should be greater"),
        ({"profile": "sample", "size": 10**9, "runs": [RUN]}, "size: should be less"),
        ({"profile": "sample", "solver": "fats", "runs": [RUN]}, "preset must be one of fast, "),
        ({"profile": "sample", "solver": {"steps": -1}, "runs": [RUN]}, "solver.steps: should be"),
        ({"profile": "sample", "solver": {"stesp": 1}, "runs": [RUN]}, "known are steps"),
        ({"profile": "sample", "runs": "x"}, "runs: should be a valid"),
        ({"profile": "sample", "runs": [3]}, "runs[0]: should be"),
        ({"profile": "sample", "runs": [{**RUN, "n_images": 0}]}, "runs[0].n_images: should be"),
        ({"profile": "sample", "runs": [{**RUN, "n_images": 2.5}]}, "n_images: should be a valid"),
        ({"profile": "sample", "runs": [{**RUN, "n_images": "5"}]}, "valid integer, not '5'"),
        ({"profile": "sample", "runs": [{**RUN, "normalize": "yes"}]}, "normalize[0]: should be"),
        ({"profile": "sample", "runs": [{**RUN, "normalize": [True, True]}]}, "same twice"),
        ({"profile": "sample", "runs": [{**RUN, "normalize": []}]}, "normalize is empty"),
        ({"profile": "sample", "runs": [{**RUN, "seeds": [1, 1]}]}, "seeds says the same twice"),
        ({"profile": "sample", "runs": [{**RUN, "methods": []}]}, "runs[0].methods is empty"),
        ({"profile": "sample", "runs": [{**RUN, "curves": [{"grid": "fine"}]}]}, "grid: should be"),
        ({"profile": "sample", "runs": [{**RUN, "curves": [{"draws": 0}]}]}, "draws: should be"),
        ({"profile": "sample", "runs": [{**RUN, "classifier": ""}]}, "classifier: "),
        ({"profile": "sample", "runs": [{"methods": RUN["methods"]}]}, "classifier is missing"),
    ],
)
def test_settings_that_make_no_sense(table, said):
    with pytest.raises(SettingsError) as caught:
        checked_settings(table, "study.toml")
    assert str(caught.value).startswith("study.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "Cartoon"}, "should be 'CartoonX' or 'Pixel RDE', not 'Cartoon'"),
        ({"lambda_k": -3}, "lambda_k: should be greater than 0, not -3"),
        ({"lambda_k": NAN}, "lambda_k: should be a finite number, not nan"),
        ({"lambda_k": INFINITE}, "lambda_k: should be a finite number"),
        ({"lambda_k": "20"}, "lambda_k: should be a valid number, not '20'"),
        ({"lambda_ks": [4, 4]}, "lambda_ks names a lambda twice"),
        ({"lambda_ks": [0]}, "lambda_ks[0]: should be greater than 0"),
        ({"start": "zeros"}, "start: should be 'ones'"),
        ({"method": "Pixel RDE", "wavelet": "db3"}, "are for CartoonX"),
        ({"name": "rollout"}, "the name of another series"),
        ({"name": "SmoothGrad"}, "the name of another series"),
        ({"bogus\x1b[31m": 1}, r"bogus\x1b[31m"),
    ],
)
def test_methods_that_make_no_sense(change, said):
    run = {**RUN, "methods": [{"method": "CartoonX", **change}]}
    with pytest.raises(SettingsError) as caught:
        checked_settings({"profile": "sample", "runs": [run]}, "study.toml")
    assert said in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a = ", "no TOML"),
        (b"[" * 100_000, "no TOML"),
        (b"", "runs is missing"),
        (b"#" * 2**21, "larger than a megabyte"),
        (b"profile = 2026-01-01", "profile: should be"),
    ],
)
def test_files_that_are_no_settings(tmp_path, content, said):
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    code, output = study("-s", path, "--out", tmp_path / "o")
    assert code == 2
    assert said in output
    assert output.startswith("Error: ")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "cifar"], "one of sample, imagenet"),
        (["--profile", "sample", "--settings", "x.toml"], "either --profile or --settings"),
        (["--settings", "missing.toml"], "No such file"),
        (["--settings", "/"], "not a file"),
        (["--device", "abacus"], "abacus"),
        (["--workers", "2", "--scheduler", "tcp://x"], "either --workers or --scheduler"),
        (["--out", "/dev/null"], "/dev/null"),
        (["--images", "missing"], "No such file"),
        (["--store", "/dev/null"], "/dev/null"),
        (["--n-images", "0"], "--n-images"),
        (["--batch-size", "-1"], "--batch-size"),
    ],
)
def test_options_that_make_no_sense(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, output = study(*arguments)
    assert code in (1, 2) if "--store" in arguments else code == 2
    assert said in output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('classifier = "timm/../../../etc/passwd"', "unknown"),
        ('classifier = "sample/cmn"', "sample/cnn"),
        ('classifier = "sample/vit"\nsize = 100', "100"),
        ('classifier = "sample/cnn"\nrollout = true', "attention"),
        ('classifier = "sample/vit"\nbaselines = ["GradCAM"]', "GradCAM does not apply"),
    ],
)
def test_classifiers_that_do_not_fit_are_told_before_the_work(tmp_path, text, said):
    path = tmp_path / "s.toml"
    path.write_text(f'profile = "sample"\n[[runs]]\n{text}\nmethods = [{{ method = "CartoonX" }}]')
    code, output = study("-s", path, "--out", tmp_path / "o")
    assert code == 2, output
    assert said in output


def test_images_are_relative_to_the_settings_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        'images = "photos"\n[[runs]]\nclassifier = "sample/cnn"\n'
        'methods = [{ method = "CartoonX" }]'
    )
    assert read_settings(path).images == (str(tmp_path / "photos"),)


# --- the store


def test_other_methods_and_predicted_starts(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        'profile = "sample"\nsolver = { steps = 2, samples = 2 }\n[[runs]]\n'
        'classifier = "sample/cnn"\nn_images = 2\nbaselines = ["SmoothGrad", "GradCAM"]\n'
        'methods = [{ method = "CartoonX", start = "predicted", evaluation_samples = 2 }]\n'
        'curves = [{ grid = "coarse", draws = 1, directions = "keep" }]'
    )
    code, output = study("-s", path, "--out", tmp_path / "o")
    assert code == 0, output
    rows = pd.read_parquet(tmp_path / "o" / "tables" / "curves.parquet")
    named = ["CartoonX", "GradCAM", "SmoothGrad", "random pixels", "random wavelets"]
    assert sorted(rows["series"].unique()) == named
    data = load_profile("sample", n_images=2, seed=0)
    settings = read_settings(path)
    (variant,) = variants(settings)
    row = rows[rows["series"] == "SmoothGrad"].drop_duplicates("image").iloc[1]
    seed = image_seed(variant.seed, {"sha256": row["image_sha256"]})
    relevance = attribution("SmoothGrad", data.classifier, data.images[1:], seed=[seed])
    order = Ranking(Pixels(data.images.shape[-2:]), relevance)
    curve = rate_distortion_curve(
        data.classifier, data.images[1:], order, "keep", percent=COARSE, draws=1, seed=[seed]
    )
    part = rows[(rows["series"] == "SmoothGrad") & (rows["image"] == row["image"])]
    assert part["distortion"].to_numpy() == pytest.approx(curve.distortion[0].numpy(), abs=1e-5)
    _, listed = study("ls", tmp_path / "o", "--kind", "attribution", command="store")
    assert "4 x attribution" in listed


def test_a_store_gives_back_what_it_was_given(done, tmp_path):
    chosen = read_settings(tiny(tmp_path))
    with Store(done / "store") as old, Store(tmp_path / "new") as new:
        entries = Study(chosen, old).plan().entries
        for one in entries[0].wanted:
            assert new.get(one.key) is None
            assert new.state(one.key) == "missing"
            path = new.put(one.key, old.get(one.key), device="cpu")
            assert path.read_bytes() == old.path(one.key).read_bytes()
            assert new.state(one.key) == "stored"
        names = {one.key.name for one in entries[0].wanted}
        assert {row.name for row in new.rows()} == names
        key = entries[0].wanted[0].key
        new.path(key).write_bytes(b"damage")
        with pytest.raises(DamagedError):
            new.get(key)
        assert new.state(key) == "damaged"
        assert [path.stem for path, _ in new.verify()] == [key.name]


def test_a_store_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file")
