"""Which explanations count as black, dense or useful."""

from dataclasses import replace

import pytest
import torch
from helpers import smooth_images, tiny_cnn

import rcx
from rcx.evaluate.degenerate import degenerate_table

IMAGES = smooth_images(3)
QUICK = rcx.SolverSettings(steps=0)
# no steps: the start itself, which keeps everything
WHOLE = rcx.CartoonX(tiny_cnn(), 2, levels=2, solver=QUICK, device="cpu").explain(IMAGES)
NOTHING = replace(
    WHOLE,
    mask=torch.zeros_like(WHOLE.mask),
    nonsparsity=torch.zeros(3),
    picture=torch.zeros_like(WHOLE.picture),
    label_kept=torch.zeros(3, dtype=torch.bool),
)


def test_everything_is_dense_and_nothing_is_black() -> None:
    spark = NOTHING.picture.clone()
    spark[1, 0, 3, 3] = 0.2
    sparks = replace(NOTHING, picture=spark)
    table = degenerate_table({"whole": WHOLE, "nothing": NOTHING, "sparks": sparks})
    assert [share.mean for share in table["dense"]] == [1, 0, 0]
    assert [share.mean for share in table["all black"]] == pytest.approx([0, 1, 2 / 3])


def test_shares_by_hand() -> None:
    mixed = replace(
        WHOLE,
        nonsparsity=torch.tensor([0.5, 0.01, 0.01]),
        label_kept=torch.tensor([True, True, False]),
    )
    table = degenerate_table({"mixed": mixed, "nothing": NOTHING})
    assert table.loc["mixed", "dense"].mean == pytest.approx(1 / 3)
    assert table.loc["mixed", "useful"].mean == pytest.approx(1 / 3)
    assert table.loc["mixed", "non-sparsity"].mean == pytest.approx(0.52 / 3)
    assert table.loc["nothing", "all black"].mean == 1
    assert 0 < table.loc["nothing", "all black"].low < 1
    assert table.loc["nothing", "useful"].mean == 0
