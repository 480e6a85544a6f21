"""Small studies that the tests share, and ways to run the command line on them.

A new process takes seconds to import the package. Most tests therefore start the command as a fork
of a server that has imported it already. Each fork is a process of its own, which can be killed.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from rcx.commands.main import app

RCX = Path(sys.executable).with_name("rcx")

TINY = """
profile = "sample"
size = 64
solver = { steps = 3, samples = 2 }
[[runs]]
classifier = "sample/cnn"
n_images = %d
curves = [{ protocol = "fair", grid = "coarse", draws = 2, directions = "keep" }]
methods = [
    { method = "CartoonX", lambda_ks = [4, 8], path_images = 1, evaluation_samples = 4 },
    { method = "Pixel RDE", evaluation_samples = 4 },
]
"""
RESULTS_OF_AN_IMAGE = 8  # two explanations, their evaluations, four curves
RESULTS_ON_THE_PATH = 4


class FinishedStudy(NamedTuple):
    """A study that nothing happened to, and how long it took. Its folder must not be changed."""

    out: Path
    seconds: float


def tiny(folder: Path, n_images: int = 3) -> Path:
    """Write settings, and return their path."""
    path = folder / "study.toml"
    path.write_text(TINY % n_images)
    return path


class Command:
    """The command ``rcx`` in a process, and in a process group, of its own.

    Parameters
    ----------
    *arguments : object
        The words after ``rcx``.
    log : Path
        File for what it prints.
    errors : Path, optional
        Another file, or a terminal, for what it prints to stderr.
    before : callable, optional
        Called in the process before the command; a function of a module.
    """

    def __init__(
        self,
        *arguments: object,
        log: Path,
        errors: Path | None = None,
        before: Callable[[], object] | None = None,
    ) -> None:
        self.log = log
        for path in (log, errors or log):
            path.touch()
        words = [str(argument) for argument in arguments]
        self._process = forks().Process(
            target=_run_command, args=(words, log, errors or log, before)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def wait(self, seconds: float = 300) -> int:
        """Wait for the end, and return the exit code; TimeoutError where it takes longer."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise TimeoutError(f"the command has not ended after {seconds} s")
        return self._process.exitcode

    def wait_for(self, text: str, seconds: float = 300) -> None:
        """Wait until it has printed a text."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert self._process.is_alive(), self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill the process and those that it has started."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.join()


def forks() -> ForkServerContext:
    """Processes that are forks of a server, which has imported the package."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rcx.commands.main", "rcx.commands.photos", "rcx.study.run"])
    return context


def _run_command(
    arguments: list[str], log: Path, errors: Path, before: Callable[[], object] | None
) -> None:
    """Run the command in this process, which ends with its exit code."""
    os.setsid()
    # pytest itself may run where interrupts are ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, path in ((1, log), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY), stream)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    if before is not None:
        before()
    from rcx.commands.main import main

    sys.argv = ["rcx", *arguments]
    main()


def run_study(*arguments: object, log: Path) -> tuple[int, str]:
    """Run ``rcx study`` in a process of its own; the exit code, and what it printed."""
    command = Command("study", *arguments, log=log)
    code = command.wait()
    assert "Traceback" not in command.output, command.output
    return code, command.output


def run_program(*arguments: object) -> tuple[int, str]:
    """Run the installed program ``rcx`` as a shell does; the exit code, and what it printed."""
    process = subprocess.run(
        [RCX, *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert "Traceback" not in process.stdout, process.stdout
    return process.returncode, process.stdout


def typed(*arguments: object) -> tuple[int, str]:
    """Run ``rcx`` inside the tests' own process; the exit code, and what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def again(out: Path) -> tuple[int, str]:
    """Run the study of a folder once more, inside the tests' own process."""
    return typed("study", "-s", out.parent / "study.toml", "--out", out)


def results(out: Path) -> dict[str, bytes]:
    """Bytes of all results of a study's folder, by name."""
    return {path.name: path.read_bytes() for path in (out / "store" / "results").rglob("*.*")}


def tables(out: Path) -> dict[str, bytes]:
    """Bytes of a study's tables."""
    return {path.name: path.read_bytes() for path in (out / "tables").glob("*.parquet")}


def unfinished(out: Path) -> list[Path]:
    """What is left of unfinished work in a study's folder."""
    folders = (out / "store" / "unfinished", out / "unfinished")
    return [path for folder in folders for path in folder.glob("*") if path.name != "lock"]
