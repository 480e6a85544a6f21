"""Small studies that the tests share, and the real command on them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

RCX = Path(sys.executable).with_name("rcx")

TINY = """
profile = "sample"
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


def tiny(folder, n_images=3):
    """Write settings, and return their path."""
    path = folder / "study.toml"
    path.write_text(TINY % n_images)
    return path


def start(*arguments, command="study", **options):
    """Start the real command, in a process group of its own."""
    return subprocess.Popen(
        [RCX, command, *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        # pytest itself may run where an interrupt is ignored, which a child would inherit
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
        **options,
    )


def run(*arguments, **options):
    """Run the real command to its end; the exit code and what it said."""
    process = start(*arguments, **options)
    output, _ = process.communicate(timeout=300)
    assert "Traceback" not in output, output
    return process.returncode, output


def results(out):
    """Bytes of all results of a study's folder, by name."""
    return {path.name: path.read_bytes() for path in (out / "store" / "results").rglob("*.*")}


def tables(out):
    """Bytes of a study's tables."""
    return {path.name: path.read_bytes() for path in (out / "tables").glob("*.parquet")}


def unfinished(out):
    """What is left of unfinished work in a study's folder."""
    folders = (out / "store" / "unfinished", out / "unfinished")
    return [path for folder in folders for path in folder.glob("*") if path.name != "lock"]
