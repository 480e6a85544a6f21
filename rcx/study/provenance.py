"""Where a study's numbers come from: settings, versions, weights, the machine_in_words in words."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import Any

import torch

from rcx.study.keys import RESULTS
from rcx.study.plan import Study, loaded
from rcx.system.machine import processor, versions


def machine_in_words() -> str:
    """The machine_in_words in words: processor, cores, graphics cards, system."""
    parts = [f"{processor()}, {os.cpu_count()} cores"]
    parts += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join([*parts, f"{platform.system()} {platform.machine()}"])


def provenance(study: Study, counts: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """Everything that tables do not say, as JSON values."""
    setups = [loaded(one, study.hardware) for one in study.variants]
    weights = {setup.classifier.name: setup.classifier.weights_hash for setup in setups}
    return {
        "settings": study.settings.model_dump(mode="json"),
        "result_format": RESULTS,
        "versions": versions(),
        "weights_sha256": weights,
        "machine": machine_in_words(),
        "device": str(setups[0].device),
        "threads": study.hardware.threads,
        "counts": counts,
        "seconds_of_results": round(sum(seconds.values()), 1),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
