"""Where a study's numbers come from: settings, versions, weights, the machine in words."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import Any

import torch

from rcx.explanation import versions
from rcx.study.keys import RESULTS
from rcx.study.runner import Study, ready
from rcx.system import processor


def machine() -> str:
    """The machine in words: processor, cores, graphics cards, system."""
    parts = [f"{processor()}, {os.cpu_count()} cores"]
    parts += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join([*parts, f"{platform.system()} {platform.machine()}"])


def provenance(study: Study, counts: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """Everything that tables do not say, as JSON values."""
    setups = [ready(one, study.hardware) for one in study.variants]
    weights = {setup.classifier.name: setup.classifier.weights_hash for setup in setups}
    return {
        "settings": study.settings.model_dump(mode="json"),
        "result_format": RESULTS,
        "versions": versions(),
        "weights_sha256": weights,
        "machine": machine(),
        "device": str(setups[0].device),
        "threads": study.hardware.threads,
        "counts": counts,
        "seconds_of_results": round(sum(seconds.values()), 1),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
