"""Results are the same bytes whatever else the process does, and the process is left as it was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2  # which changes the environment when it is imported
import matplotlib
import numpy as np
import pytest
import torch
from _pytest.mark.structures import ParameterSet
from explainers import QUICK
from helpers import smooth_images, tiny_cnn
from torch import Tensor, nn

import rcx
from rcx.classifiers.answers import ClassifierError
from rcx.evaluate import COARSE, Ranking, attribution, rate_distortion_curve, share_inside
from rcx.evaluate.rollout import rollout
from rcx.evaluate.sweeps import sweep_rows
from rcx.explain.explanation import Explanation
from rcx.representations.pixels import Pixels
from rcx.starts.initial import AnyStart
from rcx.system.isolation import isolated, set_own_threads, threads_available

# A sum over so many coefficients is one that torch may divide.
IMAGES = smooth_images(3, (64, 64)).clone()
IMAGES[:, :, 20:40, 20:40] = torch.tensor([1.0, 0.1, 0.1])[:, None, None]  # an object in front
SCENES = smooth_images(2, (128, 128))
REGIONS = torch.zeros(2, 128, 128, dtype=torch.bool)
REGIONS[:, 8:30, 8:30] = True
Parts = list[tuple[str, bytes]]


def model() -> nn.Module:
    return nn.Sequential(tiny_cnn(), nn.ReLU(), nn.Linear(5, 5, dtype=torch.float32))


with torch.random.fork_rng():
    torch.manual_seed(0)
    MODEL = rcx.load_classifier(model())


def of_tensors(**tensors: Tensor) -> Parts:
    return [
        (name, str(tensor.dtype).encode() + tensor.detach().cpu().numpy().tobytes())
        for name, tensor in tensors.items()
    ]


def of_explanation(explanation: Explanation) -> Parts:
    tensors, notes = explanation.parts()
    return [*of_tensors(**tensors), *((name, note.encode()) for name, note in notes.items())]


def explainer(start: AnyStart = "ones", **options: Any) -> rcx.CartoonX:
    settings: dict[str, Any] = {"levels": 3, "solver": QUICK, "evaluation_samples": 4}
    return rcx.CartoonX(MODEL, 2, start=start, device="cpu", **(settings | options))


def explained() -> Parts:
    return of_explanation(explainer().explain(IMAGES))


def started() -> Parts:
    starts: tuple[AnyStart, ...] = ("random", "uniform", "foreground-uniform")
    return [part for start in starts for part in of_explanation(explainer(start).explain(IMAGES))]


def predicted() -> Parts:
    network = rcx.CartoonX("sample/cnn", start="predicted", solver=QUICK, device="cpu")
    return of_explanation(network.explain(SCENES[:1]))


def on_a_path() -> Parts:
    path = explainer().explain_path(IMAGES[:2], [1, 4])
    return [part for explanation in path for part in of_explanation(explanation)]


def pixels_to_a_distortion() -> Parts:
    options: dict[str, Any] = {"solver": QUICK, "device": "cpu", "evaluation_samples": 4}
    pixel_rde = rcx.PixelRDE(MODEL, 2, target_distortion=0.1, **options)
    return of_explanation(pixel_rde.explain(IMAGES, warn=False))


def attributed() -> Parts:
    relevance = explainer().attribute(IMAGES)
    assert isinstance(relevance, Tensor)
    return of_tensors(relevance=relevance)


def for_quantus() -> Parts:
    array = rcx.explain_func(MODEL, IMAGES, [0, 1, 2], levels=3, solver=QUICK, device="cpu")
    return of_tensors(array=torch.from_numpy(array))


def one_by_one() -> Parts:
    outcomes = rcx.explain_all(explainer(), [*IMAGES, IMAGES[0, :, :40]])
    return [part for explanation in outcomes for part in of_explanation(explanation)]


def curves() -> Parts:
    ranking = Ranking.at_random(Pixels((64, 64)), 3)
    curve = rate_distortion_curve(MODEL, IMAGES, ranking, percent=COARSE, draws=2, device="cpu")
    return of_tensors(mean=curve.distortion, spread=curve.spread)


def smooth_gradients() -> Parts:
    return of_tensors(maps=attribution("SmoothGrad", MODEL, IMAGES, device="cpu"))


def shapley_values() -> Parts:
    return of_tensors(maps=attribution("KernelSHAP", MODEL, IMAGES[:1], device="cpu"))


def rolled_out() -> Parts:
    maps = rollout("sample/vit", SCENES)
    return of_tensors(maps=maps, share=share_inside(maps, REGIONS))


def swept() -> Parts:
    table = sweep_rows(explainer(), IMAGES[:2], [1, 4], draws=2)
    return [("table", table.to_csv().encode())]


RESULTS = (
    explained,
    started,
    predicted,
    on_a_path,
    pixels_to_a_distortion,
    attributed,
    for_quantus,
    one_by_one,
    curves,
    smooth_gradients,
    shapley_values,
    rolled_out,
    swept,
)


@pytest.fixture(scope="module")
def expected() -> Callable[[Callable[[], Parts]], Parts]:
    """What each result is in a process that has set nothing, with one thread."""
    results: dict[object, Parts] = {}

    def alone(result: Callable[[], Parts]) -> Parts:
        if result not in results:
            with threads(1):
                results[result] = result()
        return results[result]

    return alone


# --- what other code may have set


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor does not flush denormal numbers")
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@contextmanager
def other_seeds() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        random.seed(5)
        yield


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "two threads": lambda: threads(2),
    "three threads": lambda: threads(3),
    "eight threads": lambda: threads(8),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "meta by default": lambda: default_device("meta"),
    "meta in a context": lambda: torch.device("meta"),
    "deterministic": deterministic,
    "flushed denormals": flushed_denormals,
    "seeds": other_seeds,
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
}
AT_ONCE = (
    "eight threads",
    "autocast",
    "inference mode",
    "float64",
    "meta by default",
    "deterministic",
    "flushed denormals",
    "seeds",
)


def pairs() -> Iterator[ParameterSet]:
    """Each result in all surroundings at once; all others, and anomaly mode, take longer."""
    for result in RESULTS:
        yield pytest.param(result, [*AT_ONCE], id=f"{result.__name__}-all at once")
        for name in SURROUNDINGS:
            slow = result is not explained or name == "anomaly mode"
            marks = [pytest.mark.slow] if slow else []
            yield pytest.param(result, [name], id=f"{result.__name__}-{name}", marks=marks)


@pytest.mark.parametrize(("result", "surroundings"), [*pairs()])
@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_results_do_not_depend_on_what_the_process_has_set(
    result: Callable[[], Parts],
    surroundings: list[str],
    expected: Callable[[Callable[[], Parts]], Parts],
) -> None:
    alone = expected(result)
    with ExitStack() as stack:
        for name in surroundings:
            stack.enter_context(SURROUNDINGS[name]())
        assert result() == alone


def test_results_side_by_side_in_threads_are_those_alone(
    expected: Callable[[Callable[[], Parts]], Parts],
) -> None:
    alone = [expected(result) for result in RESULTS]
    with threads(4):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda result: result(), RESULTS))
        assert torch.get_num_threads() == 4
        assert in_a_new_thread(torch.get_num_threads) == 4
    assert together == alone


def in_a_new_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


# --- what is left


def state() -> dict[str, object]:
    """Describe what belongs to the whole process, or to its thread."""
    return {
        "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "numpy's random numbers": str(np.random.get_state()).encode(),  # noqa: NPY002
        "Python's random numbers": random.getstate(),
        "threads": torch.get_num_threads(),
        "threads of later threads": in_a_new_thread(torch.get_num_threads),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": torch.is_autocast_enabled("cpu"),
        "type and device": (torch.get_default_dtype(), torch.empty(0).device),
        "denormals": torch.tensor([1e-39]).mul(1).item(),
        "flags": (torch.are_deterministic_algorithms_enabled(), torch.backends.mkldnn.enabled),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "matplotlib": (dict(matplotlib.rcParams), matplotlib.get_backend()),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "running threads": {thread.name for thread in threading.enumerate()},
        "numpy's errors": np.geterr(),
    }


def drawn() -> Parts:
    """An explanation's figure, which draws with matplotlib."""
    return [("figure", explainer().explain(IMAGES)[:1].figure()._repr_png_())]


@pytest.mark.parametrize("result", (*RESULTS, drawn))
def test_the_process_is_left_as_it_was(result: Callable[[], Parts]) -> None:
    with threads(2), torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = state()
        result()
        after = state()
    for name, value in before.items():
        assert after[name] == value, name


def test_the_process_is_left_as_it_was_after_an_error() -> None:
    class Failing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("broken")

    with threads(2):
        before = state()
        with pytest.raises(ClassifierError, match="broken"):
            rcx.CartoonX(Failing(), device="cpu").explain(IMAGES)
        assert state() == before


def test_opencvs_random_numbers_are_left_alone() -> None:
    def draw() -> bytes:
        zero, one = np.zeros(1), np.ones(1)
        return np.asarray(cv2.randu(np.empty(4, np.float32), zero, one)).tobytes()

    cv2.setRNGSeed(3)
    expected_draws = draw()
    cv2.setRNGSeed(3)
    explainer("foreground").explain(IMAGES)  # GrabCut draws
    assert draw() == expected_draws


def test_an_unfinished_iteration_holds_nothing() -> None:
    with threads(2):
        before = state()
        outcomes = rcx.explain_all(explainer(), IMAGES)
        next(outcomes)
        assert state() == before


FORKING = """
import os, sys
sys.path[:0] = {path!r}
import torch
from helpers import smooth_images, tiny_cnn
import rcx

def explain():
    solver = rcx.SolverSettings(steps=2, samples=2)
    explainer = rcx.CartoonX(classifier, levels=2, device="cpu", solver=solver)
    explainer.explain(images, warn=False)

torch.set_num_threads(1)
images, classifier = smooth_images(3, (224, 224)), rcx.load_classifier(tiny_cnn())
torch.set_num_threads(2)
explain()
child = os.fork()
if not child:
    explain()
    torch.rand(1000, 1000) @ torch.rand(1000, 1000)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_program_can_fork_after_an_explanation() -> None:
    """Torch itself hangs in a fork of a process in which it has used several threads."""
    script = FORKING.format(path=[str(Path(__file__).parents[1])])
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


# --- the isolation itself


def test_isolation_takes_one_thread_of_this_thread_alone() -> None:
    with threads(3):
        with isolated():
            assert torch.get_num_threads() == 1
            assert threads_available() == 3
            assert in_a_new_thread(torch.get_num_threads) == 3
            with isolated():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3


def test_isolation_puts_aside_and_back_what_the_thread_has_set() -> None:
    with ExitStack() as stack:
        for surroundings in ("autocast", "inference mode", "meta by default", "flushed denormals"):
            stack.enter_context(SURROUNDINGS[surroundings]())
        with isolated():
            assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
            assert not torch.is_autocast_enabled("cpu")
            assert torch.empty(0).device.type == "cpu"
            assert torch.tensor([1e-39]).mul(1).item() > 0
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.empty(0).device.type == "meta"
        assert torch.tensor([1e-39], device="cpu").mul(1).item() == 0


def test_the_number_of_threads_is_set_for_one_thread_only() -> None:
    with threads(2):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(set_own_threads, 5).result()
            assert pool.submit(torch.get_num_threads).result() == 5
        assert torch.get_num_threads() == 2
        assert in_a_new_thread(torch.get_num_threads) == 2
