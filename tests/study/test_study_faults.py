"""What goes wrong in hours of work, done for real: kills, full disks, damage, interruptions."""

import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from studies import (
    Command,
    FinishedStudy,
    forks,
    results,
    run_program,
    run_study,
    tables,
    tiny,
    unfinished,
)

from rcx.study.scratch import Scratch, sweep
from rcx.study.store import Store, StoreError


def assert_like(out: Path, finished: FinishedStudy) -> None:
    """Same bytes, nothing lost, nothing left over."""
    assert results(out) == results(finished.out)
    assert tables(out) == tables(finished.out)
    assert unfinished(out) == []


def test_the_installed_program_gives_the_same_bytes(
    tmp_path: Path, finished: FinishedStudy
) -> None:
    code, output = run_program("study", "-s", tiny(tmp_path), "--out", tmp_path / "out")
    assert code == 0, output
    assert_like(tmp_path / "out", finished)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed(
    tmp_path: Path, finished: FinishedStudy, kills: int
) -> None:
    out, dice = tmp_path / "out", random.Random(kills)
    path = tiny(tmp_path)
    whole: dict[str, bytes] = {}
    for _ in range(kills):
        command = Command("study", "-s", path, "--out", out, log=tmp_path / "log")
        try:
            command.wait(dice.uniform(0.2, 1) * finished.seconds)
        except TimeoutError:
            command.kill_group()
        if (out / "store" / "results").exists():
            # What was whole stays, to the bit. What was cut may wait for a later run to be found.
            now = {name: content for name, content in results(out).items() if len(content) > 100}
            assert whole.items() <= now.items()
            whole = now
        if whole and dice.random() < 0.3:
            os.truncate(next((out / "store" / "results").rglob("*.*")), 100)
            whole = {}
    code, output = run_study("-s", path, "--out", out, log=tmp_path / "log")
    assert code == 0, output
    assert_like(out, finished)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_within_seconds_and_resumed(
    tmp_path: Path, finished: FinishedStudy, kind: signal.Signals
) -> None:
    out = tmp_path / "out"
    path = tmp_path / "study.toml"
    endless = "steps = 100000"
    path.write_text(tiny(tmp_path).read_text().replace("steps = 3", endless))
    command = Command("study", "-s", path, "--out", out, log=tmp_path / "log")
    command.wait_for("in one process")
    time.sleep(1)  # now it solves
    command.send(kind)
    command.wait_for("interrupted", max(5, finished.seconds))
    assert command.wait(60) == 130
    assert "the same command goes on from here" in command.output
    assert "Traceback" not in command.output
    code, output = run_study("-s", tiny(tmp_path), "--out", out, log=tmp_path / "log2")
    assert code == 0, output
    assert_like(out, finished)


def test_two_studies_at_once_in_one_store(tmp_path: Path, finished: FinishedStudy) -> None:
    path, out = tiny(tmp_path), tmp_path / "out"
    commands = [
        Command("study", "-s", path, "--out", out, log=tmp_path / f"log{number}")
        for number in range(2)
    ]
    for command in commands:
        assert command.wait() == 0, command.output
    assert_like(out, finished)


def test_several_processes_give_the_same_bytes(tmp_path: Path, finished: FinishedStudy) -> None:
    pytest.importorskip("distributed")
    options = ("-s", tiny(tmp_path), "--out", tmp_path / "out", "--workers", 2)
    code, output = run_study(*options, log=tmp_path / "log")
    assert code == 0, output
    assert_like(tmp_path / "out", finished)


@pytest.mark.slow
def test_a_killed_worker_does_not_stop_the_study(tmp_path: Path, finished: FinishedStudy) -> None:
    pytest.importorskip("distributed")
    psutil = pytest.importorskip("psutil")  # which distributed needs
    out = tmp_path / "out"
    options = ("-s", tiny(tmp_path), "--out", out, "--workers", 2)
    command = Command("study", *options, log=tmp_path / "log")
    deadline = time.monotonic() + 200
    while not (out / "store" / "results").exists() or not results(out):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = psutil.Process(command.pid).children(recursive=True)
    workers = [child for child in children if any("spawn_main" in word for word in child.cmdline())]
    assert workers
    workers[0].kill()
    assert command.wait() == 0, command.output
    assert results(out) == results(finished.out)
    assert tables(out) == tables(finished.out)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own that is nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost(
    small_disk: Path, tmp_path: Path, finished: FinishedStudy
) -> None:
    path = tiny(tmp_path)
    code, output = run_study("-s", path, "--out", small_disk, log=tmp_path / "log")
    assert code == 1
    assert "No space left on device" in output or "full" in output
    assert "the same command goes on from here" in output
    stored = results(small_disk)
    assert stored
    assert stored.items() <= results(finished.out).items()
    assert unfinished(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    code, output = run_study("-s", path, "--out", small_disk, log=tmp_path / "log2")
    assert code == 0, output
    assert_like(small_disk, finished)


def refuse_large_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def test_files_that_may_not_grow(tmp_path: Path, finished: FinishedStudy) -> None:
    """As a full disk, for every user: files of more than 40 kB are refused."""
    path, out = tiny(tmp_path), tmp_path / "out"
    options = ("study", "-s", path, "--out", out)
    command = Command(*options, log=tmp_path / "log", before=refuse_large_files)
    assert command.wait() == 1
    assert "File too large" in command.output
    assert "Traceback" not in command.output
    assert unfinished(out) == []
    code, output = run_study("-s", path, "--out", out, log=tmp_path / "log2")
    assert code == 0, output
    assert_like(out, finished)


def die_at_work(folder: Path) -> None:
    scratch = Scratch(folder)
    (scratch.folder / "part").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def test_only_folders_of_dead_processes_are_swept(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    (scratch.folder / "part").write_bytes(b"half")
    process = forks().Process(target=die_at_work, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
    assert sweep(tmp_path) == 1
    assert (scratch.folder / "part").exists()
    scratch.close()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path / "store")
