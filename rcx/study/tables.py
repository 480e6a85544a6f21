"""Tables of a study, made from its store. The same results give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from rcx.evaluate.curves import Curve
from rcx.explain.explanation import Explanation
from rcx.study.keys import Document, Key
from rcx.study.kinds import Evaluation, Result, Scores
from rcx.study.plan import PlannedImage
from rcx.study.requests import Request
from rcx.study.store import Store
from rcx.system.files import DamagedError
from rcx.system.text import printable

# a string of which there are few different ones
_WORDS = pa.dictionary(pa.int32(), pa.string())
_IMAGE_COLUMNS = [
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
        *_IMAGE_COLUMNS,
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
        *_IMAGE_COLUMNS,
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
SCORES = pa.schema(
    [*_IMAGE_COLUMNS, ("metric", _WORDS), ("value", pa.float32()), ("result", pa.string())]
)
# columns with the name of an explanation's attribute
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
_ROWS_AT_ONCE = 2**18  # of curves, written to the file together


class Tables:
    """Writes the tables of a study.

    Parameters
    ----------
    store : Store
        Where the results are. Every one is read, and so checked.

    Attributes
    ----------
    damaged : list of str
        Names of results whose files were damaged. The files have been removed.
    missing : int
        Number of explanations, curves and scores that were not stored, and have no row.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.damaged: list[str] = []
        self.missing = 0

    def write(self, images: Sequence[PlannedImage], folder: Path) -> None:
        """Write ``explanations.parquet``, ``curves.parquet`` and ``scores.parquet`` into a folder.

        Parameters
        ----------
        images : sequence of PlannedImage
            In the order of the rows.
        folder : Path
            An existing folder.
        """
        with (
            parquet.ParquetWriter(folder / "explanations.parquet", EXPLANATIONS) as explanations,
            parquet.ParquetWriter(folder / "curves.parquet", CURVES) as curves,
            parquet.ParquetWriter(folder / "scores.parquet", SCORES) as scores,
        ):
            self._fill(images, explanations, curves, scores)

    def _fill(
        self,
        images: Sequence[PlannedImage],
        explanations: parquet.ParquetWriter,
        curves: parquet.ParquetWriter,
        scores: parquet.ParquetWriter,
    ) -> None:
        rows: list[Document] = []
        metrics: list[Document] = []
        blocks: list[Document] = []
        waiting = 0
        for image in images:
            evaluations = {
                request.basis.name: request.key
                for request in image.requests
                if request.key.kind == "evaluation" and request.basis is not None
            }
            for request in image.requests:
                if request.key.kind not in ("explanation", "curve", "scores"):
                    continue
                result = self._result(request.key)
                if isinstance(result, Explanation):
                    evaluation = self._result(evaluations[request.key.name])
                    rows.append(_explanation_row(image, request, result, evaluation))
                elif isinstance(result, Curve):
                    blocks.append(_curve_block(image, request, result))
                    waiting += len(result.percent)
                elif isinstance(result, Scores):
                    columns = _image_columns(image, request)
                    metrics += [
                        {**columns, "metric": metric, "value": float(value)}
                        for metric, value in result.values.items()
                    ]
            if waiting > _ROWS_AT_ONCE:
                curves.write_table(_curve_table(blocks))
                blocks, waiting = [], 0
        explanations.write_table(pa.Table.from_pylist(rows, EXPLANATIONS))
        curves.write_table(_curve_table(blocks))
        scores.write_table(pa.Table.from_pylist(metrics, SCORES))

    def _result(self, key: Key) -> Result | None:
        try:
            result = self.store.get(key)
        except DamagedError:
            self.store.discard([key.name])
            self.damaged.append(key.name)
            return None
        self.missing += result is None
        return result


def _image_columns(image: PlannedImage, request: Request) -> Document:
    variant = image.variant
    return {
        # a path may have bytes that are no text
        "image": printable(image.source.name),
        "place": image.position,
        "image_sha256": request.key.document["image"]["sha256"],
        "run": variant.number,
        "classifier": variant.run.classifier,
        "normalize": variant.normalize,
        "size": variant.size,
        "seed": variant.seed,
        "series": request.series,
        "result": request.key.name,
    }


def _explanation_row(
    image: PlannedImage, request: Request, explanation: Explanation, evaluation: Result | None
) -> Document:
    numbers = {name: kind(getattr(explanation, name)) for name, kind in _NUMBERS.items()}
    distances: dict[str, float | None] = dict.fromkeys(("l2_one_draw", "l2", "l2_error"))
    if isinstance(evaluation, Evaluation):
        distances["l2_one_draw"] = float(evaluation.one_draw)
        distances |= {"l2": float(evaluation.mean), "l2_error": float(evaluation.error)}
    return {
        **_image_columns(image, request),
        "method": explanation.settings["method"],
        "on_path": request.lambda_k is not None,
        "label": image.source.label,
        "brightest": float(explanation.picture.max()),
        **numbers,
        **distances,
    }


def _curve_block(image: PlannedImage, request: Request, curve: Curve) -> Document:
    """Columns of one curve: a value for all of it, or an array with a value for each point."""
    columns = _image_columns(image, request)
    for name in ("direction", "protocol", "measure", "draws"):
        columns[name] = getattr(curve, name)
    columns["percent"] = curve.percent.numpy()
    columns["distortion"] = curve.distortion[0].numpy()
    columns["spread"] = curve.spread[0].numpy()
    return columns


def _curve_table(blocks: Sequence[Document]) -> pa.Table:
    """Table of curves, with a row for each point."""
    if not blocks:
        return CURVES.empty_table()
    lengths = [len(block["percent"]) for block in blocks]
    block_of_row = pa.array(np.repeat(np.arange(len(blocks)), lengths))
    columns = []
    for field in CURVES:
        values = [block[field.name] for block in blocks]
        if isinstance(values[0], np.ndarray):
            columns.append(pa.array(np.concatenate(values), field.type))
            continue
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        column = pa.array(values, kind).take(block_of_row)
        columns.append(column.cast(field.type) if kind != field.type else column)
    return pa.Table.from_arrays(columns, schema=CURVES)
