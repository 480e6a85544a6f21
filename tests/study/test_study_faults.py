"""What goes wrong in hours of work, done for real: kills, full disks, damage, interruptions."""

import os
import random
import resource
import signal
import subprocess
import time

import pytest
from studies import RCX, results, run, start, tables, tiny, unfinished

from rcx.study.scratch import Scratch, sweep
from rcx.study.store import Store, StoreError


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study that nothing happened to, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    code, output = run("-s", tiny(folder), "--out", folder / "out")
    assert code == 0, output
    return folder / "out", time.monotonic() - begin


def assert_like(out, undisturbed):
    """Same bytes, nothing lost, nothing left over."""
    assert results(out) == results(undisturbed[0])
    assert tables(out) == tables(undisturbed[0])
    assert unfinished(out) == []


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed(tmp_path, undisturbed, kills):
    out, dice = tmp_path / "out", random.Random(kills)
    path = tiny(tmp_path)
    kept: dict[str, bytes] = {}
    for _ in range(kills):
        process = start("-s", path, "--out", out)
        try:
            process.wait(dice.uniform(0.2, 1) * undisturbed[1])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if (out / "store" / "results").exists():
            # what was whole stays, to the bit; what was cut may wait for a later run to be found
            now = {name: content for name, content in results(out).items() if len(content) > 100}
            assert kept.items() <= now.items()
            kept = now
        if kept and dice.random() < 0.3:
            os.truncate(next((out / "store" / "results").rglob("*.*")), 100)
            kept = {}
    code, output = run("-s", path, "--out", out)
    assert code == 0, output
    assert_like(out, undisturbed)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_within_seconds_and_resumed(tmp_path, undisturbed, kind):
    out = tmp_path / "out"
    path = tmp_path / "study.toml"
    endless = "steps = 100000, stop_early = false"
    path.write_text(tiny(tmp_path).read_text().replace("steps = 3", endless))
    begin = time.monotonic()
    process = start("-s", path, "--out", out)
    for line in process.stdout:
        if "Loading" in line:
            break
    slow = time.monotonic() - begin  # on a busy machine everything takes longer
    while not (out / "store" / "index.sqlite").exists():
        time.sleep(0.1)
    time.sleep(3 + slow)  # now it solves
    begin = time.monotonic()
    process.send_signal(kind)
    said = next(line for line in process.stdout if "interrupted" in line)
    assert "the same command goes on from here" in said
    assert time.monotonic() - begin < max(5, slow / 2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert run("-s", tiny(tmp_path), "--out", out)[0] == 0
    assert_like(out, undisturbed)


def test_two_studies_at_once_in_one_store(tmp_path, undisturbed):
    path, out = tiny(tmp_path), tmp_path / "out"
    both = [start("-s", path, "--out", out) for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert_like(out, undisturbed)


def test_several_processes_give_the_same_bytes(tmp_path, undisturbed):
    pytest.importorskip("distributed")
    code, output = run("-s", tiny(tmp_path), "--out", tmp_path / "out", "--workers", 2)
    assert code == 0, output
    assert_like(tmp_path / "out", undisturbed)


@pytest.mark.slow
def test_a_killed_worker_does_not_stop_the_study(tmp_path, undisturbed):
    pytest.importorskip("distributed")
    import psutil

    out = tmp_path / "out"
    process = start("-s", tiny(tmp_path), "--out", out, "--workers", 2)
    deadline = time.monotonic() + 200
    while not (out / "store" / "results").exists() or not results(out):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    below = psutil.Process(process.pid).children(recursive=True)
    workers = [one for one in below if any("spawn_main" in part for part in one.cmdline())]
    assert workers
    workers[0].kill()
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    assert results(out) == results(undisturbed[0])
    assert tables(out) == tables(undisturbed[0])


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own that is nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "none", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost(small_disk, tmp_path, undisturbed):
    path = tiny(tmp_path)
    code, output = run("-s", path, "--out", small_disk)
    assert code == 1
    assert "No space left on device" in output or "full" in output
    assert "the same command goes on from here" in output
    kept = results(small_disk)
    assert kept
    assert kept.items() <= results(undisturbed[0]).items()
    assert unfinished(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    code, output = run("-s", path, "--out", small_disk)
    assert code == 0, output
    assert_like(small_disk, undisturbed)


def test_files_that_may_not_grow(tmp_path, undisturbed):
    """As a full disk, for every user: files of more than 40 kB are refused."""
    path, out = tiny(tmp_path), tmp_path / "out"
    process = subprocess.run(
        [RCX, "study", "-s", path, "--out", out],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)),
    )
    assert process.returncode == 1
    assert "File too large" in process.stderr
    assert "Traceback" not in process.stderr
    assert unfinished(out) == []
    code, output = run("-s", path, "--out", out)
    assert code == 0, output
    assert_like(out, undisturbed)


def test_only_folders_of_dead_processes_are_swept(tmp_path):
    mine = Scratch(tmp_path)
    (mine.folder / "part").write_bytes(b"half")
    program = (
        "import sys, os; from rcx.study.scratch import Scratch; from pathlib import Path;"
        "one = Scratch(Path(sys.argv[1])); (one.folder / 'part').touch(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([RCX.with_name("python"), "-c", program, tmp_path], check=False)
    assert len([one for one in tmp_path.iterdir() if one.is_dir()]) == 2
    assert sweep(tmp_path) == 1
    assert (mine.folder / "part").exists()
    mine.close()
    assert [one.name for one in tmp_path.iterdir()] == ["lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Store(tmp_path / "store")
