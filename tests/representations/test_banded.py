"""Products by blocks, and their gradients, equal those with the whole matrix."""

import pytest
import torch
from helpers import seeded
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rcx.representations.banded import BandedMatrix


def banded(rows: int, columns: int, width: int, seed: int = 0) -> Tensor:
    """A random matrix that is zero away from its diagonal and from one corner."""
    matrix = torch.randn(rows, columns, generator=seeded(seed), dtype=torch.float64)
    offset = torch.arange(columns) - torch.arange(rows)[:, None] * (columns / rows)
    return matrix * (
        offset.remainder(columns) < width
    )  # It wraps around, as periodic padding does.


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 90),
    width=st.integers(0, 20),
    block=st.none() | st.integers(1, 100),
    transposed_block=st.none() | st.integers(1, 100),
    leading=st.sampled_from([(), (3,), (2, 1, 2), (0,)]),
)
def test_products_equal_those_of_the_whole_matrix(
    rows: int,
    columns: int,
    width: int,
    block: int | None,
    transposed_block: int | None,
    leading: tuple[int, ...],
) -> None:
    matrix = banded(rows, columns, width)
    blocks = BandedMatrix(matrix, block, transposed_block)
    for side, shape in (("rows", (columns, 7)), ("columns", (7, columns))):
        tensor = torch.randn(*leading, *shape, generator=seeded(1), dtype=torch.float64)
        tensor.requires_grad_()
        product = blocks.on_rows(tensor) if side == "rows" else blocks.on_columns(tensor)
        expected = matrix @ tensor if side == "rows" else tensor @ matrix.T
        torch.testing.assert_close(product, expected, atol=1e-12, rtol=1e-12)
        weights = torch.randn(expected.shape, generator=seeded(2), dtype=torch.float64)
        (gradient,) = torch.autograd.grad(product, tensor, weights)
        (expected_gradient,) = torch.autograd.grad(expected, tensor, weights)
        torch.testing.assert_close(gradient, expected_gradient, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("side", ["on_rows", "on_columns"])
def test_gradients_of_gradients_pass_their_check(side: str) -> None:
    product = getattr(BandedMatrix(banded(12, 12, 3), 4, 5), side)
    tensor = torch.randn(2, 12, 12, generator=seeded(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(product, (tensor,))
    assert torch.autograd.gradgradcheck(product, (tensor,))


def test_tensors_need_not_be_contiguous() -> None:
    matrix = banded(40, 40, 5)
    blocks = BandedMatrix(matrix, 8, 8)
    tensor = torch.randn(40, 40, 3, 2, generator=seeded(0), dtype=torch.float64).permute(3, 2, 1, 0)
    torch.testing.assert_close(blocks.on_rows(tensor), matrix @ tensor)
    torch.testing.assert_close(blocks.on_columns(tensor), tensor @ matrix.T)


def test_blocks_leave_out_the_zeros() -> None:
    blocks = BandedMatrix(banded(256, 256, 6), 32, 32).blocks
    entries = sum(part.numel() for block in blocks for _, part in block.parts)
    assert entries < 256 * 256 / 5
