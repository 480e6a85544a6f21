"""Products with matrices that are mostly zeros, as those of wavelets are: block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

# a gap of so many zeros is worth a product of its own
_GAP = 32


class _Block(NamedTuple):
    """Rows of a matrix, and what they hold in the columns where they are not zero."""

    rows: slice
    parts: tuple[tuple[slice, Tensor], ...]


_Blocks = list[_Block]


class BandedMatrix:
    """A matrix ``(n, m)`` of which a few neighbouring rows need but a few of the columns.

    Parameters
    ----------
    matrix : Tensor
        ``(n, m)``, constant.
    rows, columns : int, optional
        How many rows are multiplied together, and how many columns in products with the transposed
        matrix: the gradients. By default all of them, as is best for a small matrix and on a GPU.

    Attributes
    ----------
    dense : Tensor
        The matrix.
    blocks, transposed_blocks : list of _Block
        Of the matrix, and of the transposed one; empty where all rows are multiplied together.
    """

    def __init__(self, matrix: Tensor, rows: int | None = None, columns: int | None = None) -> None:
        self.dense = matrix
        self.blocks = _blocks(matrix, rows) if rows else []
        self.transposed_blocks = _blocks(matrix.T, columns or len(matrix.T)) if rows else []

    def on_rows(self, tensor: Tensor) -> Tensor:
        """``matrix @ tensor`` for a tensor ``(..., m, w)``."""
        if not self.blocks:
            return self.dense @ tensor
        result: Tensor = _Product.apply(tensor, _on_rows, self.blocks, self.transposed_blocks)
        return result

    def on_columns(self, tensor: Tensor) -> Tensor:
        """``tensor @ matrix.T`` for a tensor ``(..., h, m)``."""
        if not self.blocks:
            return tensor @ self.dense.T
        result: Tensor = _Product.apply(tensor, _on_columns, self.blocks, self.transposed_blocks)
        return result


def _blocks(matrix: Tensor, rows: int) -> _Blocks:
    """Cut a matrix into blocks of rows, and each of them into runs of columns."""
    blocks = []
    for start in range(0, len(matrix), rows):
        some = matrix[start : start + rows]
        used = some.any(0).nonzero().flatten()
        ends = (used.diff() > _GAP).nonzero().flatten() + 1
        # where all are zeros, one of them is multiplied, so that the product is written
        runs = used.tensor_split(ends.cpu()) if len(used) else [used.new_zeros(1)]
        columns = [slice(int(run[0]), int(run[-1]) + 1) for run in runs]
        parts = tuple((chosen, some[:, chosen].contiguous()) for chosen in columns)
        blocks.append(_Block(slice(start, start + len(some)), parts))
    return blocks


def _on_rows(tensor: Tensor, blocks: _Blocks) -> Tensor:
    many = tensor.flatten(0, -3) if tensor.ndim > 2 else tensor[None]
    product = tensor.new_empty(len(many), blocks[-1].rows.stop, tensor.shape[-1])
    for rows, parts in blocks:
        for number, (columns, part) in enumerate(parts):
            one = part.expand(len(many), -1, -1)
            product[:, rows].baddbmm_(one, many[:, columns], beta=min(number, 1))
    return product.view(*tensor.shape[:-2], *product.shape[1:])


def _on_columns(tensor: Tensor, blocks: _Blocks) -> Tensor:
    many = tensor.reshape(-1, tensor.shape[-1])
    product = tensor.new_empty(len(many), blocks[-1].rows.stop)
    for rows, parts in blocks:
        for number, (columns, part) in enumerate(parts):
            product[:, rows].addmm_(many[:, columns], part.T, beta=min(number, 1))
    return product.view(*tensor.shape[:-1], product.shape[-1])


class _Product(torch.autograd.Function):
    """A product along rows or columns; its gradient is the transposed matrix's."""

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
