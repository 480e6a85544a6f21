"""The metrics of Quantus with its own defaults, but for the number of samples, on both methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers import smooth_images, tiny_cnn

import rcx

# Quantus brings an OpenCV of its own, which takes the place of rcx's and needs a display's library.
quantus = pytest.importorskip("quantus", reason="pip install --no-deps quantus cachetools")

METRICS: dict[str, dict[str, Any]] = {
    "LocalLipschitzEstimate": {"nr_samples": 2},
    "MaxSensitivity": {"nr_samples": 2},
    "AvgSensitivity": {"nr_samples": 2},
    "RelativeInputStability": {"nr_samples": 2},
    "RelativeOutputStability": {"nr_samples": 2},
    "Consistency": {"discretise_func": quantus.discretise_func.top_n_sign},
    "EfficientMPRT": {},
    "RandomLogit": {"num_classes": 5},
    "FaithfulnessCorrelation": {"nr_runs": 3, "subset_size": 32},
    "FaithfulnessEstimate": {"features_in_step": 56},
    "PixelFlipping": {"features_in_step": 56},
    "RegionPerturbation": {"patch_size": 14, "regions_evaluation": 3},
    "SensitivityN": {"features_in_step": 196, "n_max_percentage": 0.8},
    "Infidelity": {"perturb_patch_sizes": [14], "n_perturb_samples": 2},
    "Sparseness": {},
    "Complexity": {},
    "EffectiveComplexity": {},
    "NonSensitivity": {},
    "PointingGame": {},
    "RelevanceMassAccuracy": {},
}
SIZE = 28
IMAGES = smooth_images(2, (SIZE, SIZE)).numpy()
REGIONS = np.zeros((2, 1, SIZE, SIZE), dtype=bool)
REGIONS[..., 4:20, 4:20] = True


@pytest.mark.filterwarnings("default")  # Quantus and what it uses warn of much
@pytest.mark.parametrize("method", ["CartoonX", "PixelRDE"])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_quantus_can_be_computed(name: str, method: str) -> None:
    model = rcx.load_classifier(tiny_cnn(gain=0.5))
    with torch.no_grad():
        targets = model(torch.from_numpy(IMAGES)).argmax(1).numpy()
    options: dict[str, Any] = {
        "method": method,
        "lambda_k": 0.1,  # so that something is left of images that a metric nearly destroys
        "solver": rcx.SolverSettings(steps=10, samples=2),
        "evaluation_samples": 4,
    } | ({"levels": 2} if method == "CartoonX" else {})
    metric = getattr(quantus, name)(
        disable_warnings=True, display_progressbar=False, **METRICS[name]
    )
    np.random.seed(0)  # noqa: NPY002  (Quantus draws from it)
    scores = metric(
        model=model,
        x_batch=IMAGES,
        y_batch=targets,
        s_batch=REGIONS,
        explain_func=rcx.explain_func,
        explain_func_kwargs=options,
        device="cpu",
    )
    assert np.isfinite(np.asarray(scores, dtype=float)).all()
