"""Studies that several test modules share."""

import shutil
import time
from pathlib import Path

import pytest
from studies import FinishedStudy, run_study, tiny


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedStudy:
    folder = tmp_path_factory.mktemp("finished")
    begin = time.monotonic()
    code, output = run_study("-s", tiny(folder), "--out", folder / "out", log=folder / "log")
    assert code == 0, output
    return FinishedStudy(folder / "out", time.monotonic() - begin)


@pytest.fixture
def copied(finished: FinishedStudy, tmp_path: Path) -> Path:
    """A copy of the finished study, beside its settings, to be damaged."""
    tiny(tmp_path)
    shutil.copytree(finished.out, tmp_path / "out")
    return tmp_path / "out"
