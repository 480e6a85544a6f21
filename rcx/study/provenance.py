"""Provenance: the settings, versions, weights and machine that a study's numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rcx.study.keys import RESULTS
from rcx.study.study import Study
from rcx.study.variants import load_variant
from rcx.system.machine import machine_in_words, versions


def provenance(
    study: Study, counts: Mapping[str, object], seconds: Mapping[str, float]
) -> dict[str, object]:
    """Collect everything that the tables do not say.

    Parameters
    ----------
    study : Study
        The study, after its work.
    counts : mapping of str to object
        Numbers of results and failures, as JSON values.
    seconds : mapping of str to float
        Time that each result took, by its name.

    Returns
    -------
    dict
        Plain JSON values.
    """
    loaded = [load_variant(variant, study.hardware) for variant in study.variants]
    weights = {variant.classifier.name: variant.classifier.weights_hash for variant in loaded}
    return {
        "settings": study.settings.model_dump(mode="json"),
        "result_format": RESULTS,
        "versions": versions(),
        "weights_sha256": weights,
        "machine": machine_in_words(),
        "device": str(loaded[0].device),
        "threads": study.hardware.threads,
        "counts": dict(counts),
        "seconds_of_results": round(sum(seconds.values()), 1),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
