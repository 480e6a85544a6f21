"""The store: what it gives back, lists and deletes, and what it says of results of before."""

import json
import shutil
from pathlib import Path

import pytest
from studies import RESULTS_OF_AN_IMAGE, RESULTS_ON_THE_PATH, again, results, tiny, typed

import rcx
from rcx.study.index import EARLIER
from rcx.study.keys import Key
from rcx.study.settings_file import read_settings
from rcx.study.store import Store, StoreError
from rcx.study.study import Study
from rcx.system.files import DamagedError


@pytest.mark.parametrize("index", ["removed", "nonsense", "empty", "truncated"])
def test_the_index_is_made_anew_from_the_files(copied: Path, index: str) -> None:
    path = copied / "store" / "index.sqlite"
    content = path.read_bytes()
    path.unlink()
    if index != "removed":
        other = {"nonsense": b"nonsense" * 999, "empty": b"", "truncated": content[:5000]}[index]
        path.write_bytes(other)
    code, output = typed("store", "ls", copied, "--limit", 0)
    assert code == 0, output
    assert f"{3 * RESULTS_OF_AN_IMAGE + RESULTS_ON_THE_PATH} results" in output
    code, output = again(copied)
    assert (code, "0 new results" in output) == (0, True), output


def test_listing_filters_and_pruning(copied: Path) -> None:
    code, output = typed("store", "ls", copied, "--kind", "explanation", "--method", "Pixel RDE")
    assert code == 0
    assert "3 results" in output
    code, output = typed("store", "prune", copied, "--method", "Pixel RDE")
    assert "No result was removed" in output or code != 0  # nobody answered the question
    code, output = typed("store", "prune", copied, "--method", "Pixel RDE", "--yes")
    assert code == 0
    assert "Removed 9 results" in output  # explanations, evaluations, curves, for 3 images
    code, output = typed("store", "prune", copied, "--older-than", 1, "--yes")
    assert "No result was removed" in output


def test_a_store_gives_back_what_it_was_given(copied: Path, tmp_path: Path) -> None:
    settings = read_settings(tiny(tmp_path))
    with Store(copied / "store") as old, Store(tmp_path / "new") as new:
        requests = Study(settings, old).plan().images[0].requests
        for request in requests:
            assert new.get(request.key) is None
            assert new.state(request.key) == "missing"
            result = old.get(request.key)
            assert result is not None
            path = new.put(request.key, result, device="cpu")
            assert path.read_bytes() == old.path(request.key).read_bytes()
            assert new.state(request.key) == "stored"
        assert {row.name for row in new.rows()} == {request.key.name for request in requests}
        key = requests[0].key
        new.path(key).write_bytes(b"damage")
        with pytest.raises(DamagedError):
            new.get(key)
        assert new.state(key) == "damaged"
        assert [path.stem for path, _ in new.verify()] == [key.name]


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file")


# --- results of before, which rcx 0.1 wrote before results had the format 2

EARLIER_STORE = Path(__file__).with_name("earlier")
EARLIER_SETTINGS = """
profile = "sample"
size = 32
solver = { steps = 1, samples = 1 }
[[runs]]
classifier = "sample/cnn"
n_images = 1
curves = [{ grid = "coarse", draws = 1, directions = "keep", random = false }]
methods = [{ method = "CartoonX", wavelet = "haar", levels = 1, evaluation_samples = 1 }]
"""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A study's folder with three results of the earlier format, and its settings beside it."""
    shutil.copytree(EARLIER_STORE, tmp_path / "out" / "store")
    (tmp_path / "study.toml").write_text(EARLIER_SETTINGS)
    return tmp_path / "out"


def earlier_key(path: Path) -> Key:
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return Key(json.loads(header["__metadata__"]["key"]))


def test_results_of_an_earlier_format_are_told_and_can_be_deleted(earlier: Path) -> None:
    code, output = typed("store", "ls", earlier)
    assert code == 0
    assert "3 x earlier" in output
    assert "3 results of an earlier format" in output
    code, output = typed("store", "verify", earlier)
    assert code == 0
    assert "3 results, all whole" in output
    assert "rcx store prune --kind earlier" in output
    code, output = typed("store", "prune", earlier, "--kind", EARLIER, "--yes")
    assert (code, results(earlier)) == (0, {})
    assert "Removed 3 results" in output


def test_a_study_computes_results_of_an_earlier_format_anew(earlier: Path) -> None:
    before = results(earlier)
    code, output = again(earlier)
    assert code == 0, output
    assert "3 new results" in output
    after = results(earlier)
    assert len(after) == 6
    assert before.items() <= after.items()
    code, output = typed("store", "ls", earlier)
    assert "3 x earlier" in output
    assert "6 results" in output


def test_an_explanation_of_an_earlier_format_is_not_misread(earlier: Path) -> None:
    paths = sorted((earlier / "store" / "results").rglob("*.safetensors"))
    (path,) = (path for path in paths if earlier_key(path).kind == "explanation")
    with pytest.raises(ValueError, match="earlier format of rcx: explain the images again"):
        rcx.Explanation.load(path)
    with (
        Store(earlier / "store") as store,
        pytest.raises(DamagedError, match="earlier format of rcx"),
    ):
        store.get(earlier_key(path))
