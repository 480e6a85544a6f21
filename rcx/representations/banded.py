"""Banded matrices, such as those of wavelets, multiplied block by block without their zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

# Columns that are separated by more zeros than this are multiplied in separate products.
_GAP = 32


class _Block(NamedTuple):
    """Neighbouring rows of a matrix.

    Attributes
    ----------
    rows : slice
        The rows.
    parts : tuple of (slice, Tensor)
        Runs of columns in which the rows are not all zero, and the rows' entries there.
    """

    rows: slice
    parts: tuple[tuple[slice, Tensor], ...]


_Blocks = list[_Block]


class BandedMatrix:
    """A matrix whose neighbouring rows are zero in most columns.

    Parameters
    ----------
    matrix : Tensor
        ``(n, m)``, a constant.
    rows : int, optional
        Number of rows that are multiplied together. By default, the whole matrix is multiplied at
        once, which is fastest for a small matrix and on a GPU.
    columns : int, optional
        Number of rows of the transposed matrix that are multiplied together, for gradients. By
        default, and without ``rows``, all of them are.

    Attributes
    ----------
    dense : Tensor
        The matrix ``(n, m)``.
    blocks, transposed_blocks : list of _Block
        Blocks of the matrix and of the transposed matrix. Both lists are empty if the whole matrix
        is multiplied at once.
    """

    def __init__(self, matrix: Tensor, rows: int | None = None, columns: int | None = None) -> None:
        self.dense = matrix
        self.blocks = _blocks(matrix, rows) if rows else []
        self.transposed_blocks = _blocks(matrix.T, columns or len(matrix.T)) if rows else []

    def on_rows(self, tensor: Tensor) -> Tensor:
        """Compute ``matrix @ tensor`` for a tensor ``(..., m, w)``."""
        if not self.blocks:
            return self.dense @ tensor
        result: Tensor = _Product.apply(tensor, _on_rows, self.blocks, self.transposed_blocks)
        return result

    def on_columns(self, tensor: Tensor) -> Tensor:
        """Compute ``tensor @ matrix.T`` for a tensor ``(..., h, m)``."""
        if not self.blocks:
            return tensor @ self.dense.T
        result: Tensor = _Product.apply(tensor, _on_columns, self.blocks, self.transposed_blocks)
        return result


def _blocks(matrix: Tensor, rows: int) -> _Blocks:
    """Cut a matrix into blocks of rows, and each of them into runs of columns."""
    blocks = []
    for start in range(0, len(matrix), rows):
        band = matrix[start : start + rows]
        used = band.any(0).nonzero().flatten()
        ends = (used.diff() > _GAP).nonzero().flatten() + 1
        # If all entries are zero, one column is multiplied nevertheless, so that the rows of the
        # product are written.
        runs = used.tensor_split(ends.cpu()) if len(used) else [used.new_zeros(1)]
        slices = [slice(int(run[0]), int(run[-1]) + 1) for run in runs]
        parts = tuple((columns, band[:, columns].contiguous()) for columns in slices)
        blocks.append(_Block(slice(start, start + len(band)), parts))
    return blocks


def _on_rows(tensor: Tensor, blocks: _Blocks) -> Tensor:
    """Compute `BandedMatrix.on_rows` by blocks."""
    batch = tensor.flatten(0, -3) if tensor.ndim > 2 else tensor[None]
    product = tensor.new_empty(len(batch), blocks[-1].rows.stop, tensor.shape[-1])
    for rows, parts in blocks:
        for number, (columns, part) in enumerate(parts):
            entries = part.expand(len(batch), -1, -1)
            # The first part overwrites the product's rows (beta = 0), the others are added to it.
            product[:, rows].baddbmm_(entries, batch[:, columns], beta=min(number, 1))
    return product.view(*tensor.shape[:-2], *product.shape[1:])


def _on_columns(tensor: Tensor, blocks: _Blocks) -> Tensor:
    """Compute `BandedMatrix.on_columns` by blocks."""
    batch = tensor.reshape(-1, tensor.shape[-1])
    product = tensor.new_empty(len(batch), blocks[-1].rows.stop)
    for rows, parts in blocks:
        for number, (columns, part) in enumerate(parts):
            product[:, rows].addmm_(batch[:, columns], part.T, beta=min(number, 1))
    return product.view(*tensor.shape[:-1], product.shape[-1])


class _Product(torch.autograd.Function):
    """A product along rows or columns, whose gradient is the product with the transposed matrix."""

    @staticmethod
    def forward(
        context: Any,
        tensor: Tensor,
        multiply: Callable[[Tensor, _Blocks], Tensor],
        blocks: _Blocks,
        transposed: _Blocks,
    ) -> Tensor:
        context.others = multiply, transposed, blocks
        return multiply(tensor, blocks)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return _Product.apply(gradient, *context.others), None, None, None
