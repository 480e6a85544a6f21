"""Tidy tables of a study, from its store: the same results give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from rcx.evaluate.curves import Curve
from rcx.explain.explanation import Explanation
from rcx.study.keys import Key
from rcx.study.plan import PlannedImage
from rcx.study.store import Store
from rcx.study.variants import Request
from rcx.system.files import DamagedError
from rcx.system.text import printable

_WORDS = pa.dictionary(pa.int32(), pa.string())
_OF_IMAGE = [
    ("image", pa.string()),
    ("place", pa.int32()),
    ("image_sha256", pa.string()),
    ("run", pa.int16()),
    ("classifier", _WORDS),
    ("normalize", pa.bool_()),
    ("size", pa.int32()),
    ("seed", pa.int64()),
    ("series", _WORDS),
]
EXPLANATIONS = pa.schema(
    [
        *_OF_IMAGE,
        ("method", _WORDS),
        ("on_path", pa.bool_()),
        ("lambda_k", pa.float64()),
        ("label", pa.int32()),
        ("predicted", pa.int32()),
        ("target", pa.int32()),
        ("predicted_after", pa.int32()),
        ("label_kept", pa.bool_()),
        ("probability", pa.float32()),
        ("probability_after", pa.float32()),
        ("distortion", pa.float32()),
        ("distortion_error", pa.float32()),
        ("nonsparsity", pa.float32()),
        ("brightest", pa.float32()),
        ("loss", pa.float32()),
        ("l2_one_draw", pa.float32()),
        ("l2", pa.float32()),
        ("l2_error", pa.float32()),
        ("steps", pa.int32()),
        ("settled_at", pa.int32()),
        ("converged", pa.bool_()),
        ("residual", pa.float32()),
        ("result", pa.string()),
    ]
)
CURVES = pa.schema(
    [
        *_OF_IMAGE,
        ("direction", _WORDS),
        ("protocol", _WORDS),
        ("measure", _WORDS),
        ("draws", pa.int32()),
        ("percent", pa.float32()),
        ("distortion", pa.float32()),
        ("spread", pa.float32()),
        ("result", pa.string()),
    ]
)
_NUMBERS = {
    "lambda_k": float,
    "predicted": int,
    "target": int,
    "predicted_after": int,
    "label_kept": bool,
    "probability": float,
    "probability_after": float,
    "distortion": float,
    "distortion_error": float,
    "nonsparsity": float,
    "loss": float,
    "steps": int,
    "settled_at": int,
    "converged": bool,
    "residual": float,
}
_ROWS_AT_ONCE = 2**18


class Tables:
    """The tables of a study's entries.

    Parameters
    ----------
    store : Store
        Every result is read, and so checked.
    advance : callable
        Called after each entry.
    """

    def __init__(self, store: Store, advance: Callable[[], None] = lambda: None) -> None:
        self.store, self.advance = store, advance
        self.damaged: list[str] = []
        self.missing = 0

    def write(self, entries: Sequence[PlannedImage], folder: Path) -> list[Path]:
        """Write ``explanations.parquet`` and ``curves.parquet``.

        Results that are missing have no row. Those that are damaged are removed from the store, and
        named in ``damaged``.
        """
        paths = [folder / "explanations.parquet", folder / "curves.parquet"]
        with (
            parquet.ParquetWriter(paths[0], EXPLANATIONS) as explanations,
            parquet.ParquetWriter(paths[1], CURVES) as curves,
        ):
            self._fill(entries, explanations, curves)
        return paths

    def _fill(self, entries: Sequence[PlannedImage], explanations: Any, curves: Any) -> None:
        rows: list[dict[str, Any]] = []
        blocks: list[dict[str, Any]] = []
        waiting = 0
        for entry in entries:
            evaluations = {
                one.of.name: one.key
                for one in entry.wanted
                if one.key.kind == "evaluation" and one.of is not None
            }
            for one in entry.wanted:
                if one.key.kind in ("explanation", "curve"):
                    result = self._result(one.key)
                    if isinstance(result, Explanation):
                        evaluation = self._result(evaluations[one.key.name])
                        rows.append(_explanation_row(entry, one, result, evaluation))
                    elif isinstance(result, Curve):
                        blocks.append(_curve_block(entry, one, result))
                        waiting += len(result.percent)
            if waiting > _ROWS_AT_ONCE:
                curves.write_table(_curve_table(blocks))
                blocks, waiting = [], 0
            self.advance()
        explanations.write_table(pa.Table.from_pylist(rows, EXPLANATIONS))
        curves.write_table(_curve_table(blocks))

    def _result(self, key: Key) -> Any:
        try:
            result = self.store.get(key)
        except DamagedError:
            self.store.discard([key.name])
            self.damaged.append(key.name)
            return None
        self.missing += result is None
        return result


def _of_image(entry: PlannedImage, one: Request) -> dict[str, Any]:
    variant = entry.variant
    document = one.key.document
    return {
        # a path may have bytes that are no text
        "image": printable(entry.source.name),
        "place": entry.place,
        "image_sha256": document["image"]["sha256"],
        "run": variant.number,
        "classifier": variant.run.classifier,
        "normalize": variant.normalize,
        "size": variant.size,
        "seed": variant.seed,
        "series": one.series,
        "result": one.key.name,
    }


def _explanation_row(
    entry: PlannedImage, one: Request, explanation: Explanation, evaluation: Any
) -> dict[str, Any]:
    numbers = {name: kind(getattr(explanation, name)) for name, kind in _NUMBERS.items()}
    parts = {"l2_one_draw": "one_draw", "l2": "mean", "l2_error": "error"}
    distances = {
        name: None if evaluation is None else float(getattr(evaluation, part))
        for name, part in parts.items()
    }
    return {
        **_of_image(entry, one),
        "method": explanation.settings["method"],
        "on_path": one.lambda_k is not None,
        "label": entry.source.label,
        "brightest": float(explanation.picture.max()),
        **numbers,
        **distances,
    }


def _curve_block(entry: PlannedImage, one: Request, curve: Curve) -> dict[str, Any]:
    alike = _of_image(entry, one) | {
        name: getattr(curve, name) for name in ("direction", "protocol", "measure", "draws")
    }
    along = {
        "percent": curve.percent.numpy(),
        "distortion": curve.distortion[0].numpy(),
        "spread": curve.spread[0].numpy(),
    }
    return alike | along


def _curve_table(blocks: Sequence[dict[str, Any]]) -> pa.Table:
    """Table of curves, a row for each point."""
    if not blocks:
        return CURVES.empty_table()
    lengths = [len(block["percent"]) for block in blocks]
    places = np.repeat(np.arange(len(blocks)), lengths)
    columns = []
    for field in CURVES:
        values = [block[field.name] for block in blocks]
        if isinstance(values[0], np.ndarray):
            columns.append(pa.array(np.concatenate(values), field.type))
            continue
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        column = pa.array(values, kind).take(pa.array(places))
        columns.append(column.cast(field.type) if kind != field.type else column)
    return pa.Table.from_arrays(columns, schema=CURVES)
