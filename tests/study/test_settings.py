"""Settings of studies: what is allowed, and what is said of the rest."""

from pathlib import Path

import pytest
from studies import typed

from rcx.study.settings import SettingsError
from rcx.study.settings_file import checked_settings, read_settings, shipped_settings


def test_shipped_settings_are_valid() -> None:
    assert shipped_settings("sample").profile == "sample"
    assert shipped_settings("imagenet").profile == "imagenet"
    with pytest.raises(SettingsError, match="sample, imagenet"):
        shipped_settings("../../etc/passwd")


RUN: dict[str, object] = {"classifier": "sample/cnn", "methods": [{"method": "CartoonX"}]}
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "runs is missing"),
        ({"profile": "sample"}, "runs is missing"),
        ({"profile": "sample", "runs": []}, "runs is empty"),
        ({"runs": [RUN]}, "either a profile or images"),
        (
            {"profile": "x", "runs": [RUN]},
            "profile: should be 'photos', 'sample' or 'imagenet', not 'x'",
        ),
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
def test_settings_that_make_no_sense(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked_settings(table, "study.toml")
    assert str(caught.value).startswith("study.toml: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "Cartoon"}, "unknown method 'Cartoon'; one of CartoonX"),
        ({"lambda_k": -3}, "lambda_k: should be greater than 0, not -3"),
        ({"lambda_k": NAN}, "lambda_k: should be a finite number, not nan"),
        ({"lambda_k": INFINITE}, "lambda_k: should be a finite number"),
        ({"lambda_k": "20"}, "lambda_k: should be a valid number, not '20'"),
        ({"lambda_ks": [4, 4]}, "lambda_ks names a lambda twice"),
        ({"lambda_ks": [0]}, "lambda_ks[0]: should be greater than 0"),
        ({"start": "zeros"}, "start: should be 'ones'"),
        ({"method": "Pixel RDE", "wavelet": "db3"}, "Pixel RDE has no option wavelet"),
        ({"name": "rollout"}, "the name of another series"),
        ({"name": "SmoothGrad"}, "the name of another series"),
        ({"bogus\x1b[31m": 1}, r"bogus\x1b[31m"),
    ],
)
def test_methods_that_make_no_sense(change: dict[str, object], said: str) -> None:
    run = {**RUN, "methods": [{"method": "CartoonX", **change}]}
    with pytest.raises(SettingsError) as caught:
        checked_settings({"profile": "sample", "runs": [run]}, "study.toml")
    assert said in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"a = ", "not TOML"),
        (b"[" * 100_000, "not TOML"),
        (b"", "runs is missing"),
        (b"#" * 2**21, "larger than a megabyte"),
        (b"profile = 2026-01-01", "profile: should be"),
    ],
)
def test_files_that_hold_no_settings(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 2
    assert said in output
    assert output.startswith("Error: ")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "cifar"], "one of photos, sample, imagenet"),
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
def test_options_that_make_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = typed("study", *arguments)
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
def test_classifiers_that_do_not_fit_are_told_before_the_work(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(f'profile = "sample"\n[[runs]]\n{text}\nmethods = [{{ method = "CartoonX" }}]')
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 2, output
    assert said in output


def test_a_start_network_for_other_coefficients_is_told_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'profile = "sample"\nsize = 64\n[[runs]]\nclassifier = "sample/cnn"\n'
        'methods = [{ method = "CartoonX", start = "predicted", levels = 3 }]'
    )
    code, output = typed("study", "-s", path, "--out", tmp_path / "o")
    assert code == 2, output
    assert "trained for wavelets (db3, 5 levels), not for wavelets (db3, 3 levels)" in output


def test_images_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'images = "photos"\n[[runs]]\nclassifier = "sample/cnn"\n'
        'methods = [{ method = "CartoonX" }]'
    )
    assert read_settings(path).images == (str(tmp_path / "photos"),)
