"""Pixels that are taken out of an image, and filled in from their neighbours."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

# Weights of the neighbours, straight and diagonal, as in ROAD.
_NEIGHBOURS = {
    (row, column): 1 / 6 if row * column == 0 else 1 / 12
    for row in (-1, 0, 1)
    for column in (-1, 0, 1)
    if (row, column) != (0, 0)
}


def imputed(image: Tensor, removed: Tensor) -> Tensor:
    """Replace removed pixels by weighted means of their neighbours, removed ones included.

    Parameters
    ----------
    image : Tensor
        ``(C, H, W)``.
    removed : Tensor
        ``(H, W)`` bool; not all pixels.

    Returns
    -------
    Tensor
        ``(C, H, W)``. Each removed pixel is the mean of the neighbours that it has, by weights of
        1/6 beside it and 1/12 across.

    Raises
    ------
    ValueError
        If all pixels are removed.

    References
    ----------
    Y. Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", ICML
    2022, Section 5 (noisy linear imputation, here without its noise).
    """
    if bool(removed.all()):
        raise ValueError("all pixels are removed, so that there is nothing to fill them in from")
    if not bool(removed.any()):
        return image.clone()
    gone = removed.cpu().numpy()
    pixels = image.detach().cpu().double().numpy()
    height, width = gone.shape
    count = int(gone.sum())
    number = np.full(gone.shape, -1)
    number[gone] = np.arange(count)
    rows, columns = np.nonzero(gone)
    known = np.zeros((count, len(pixels)))
    total = np.zeros(count)
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for (down, right), weight in _NEIGHBOURS.items():
        at = (rows + down, columns + right)
        inside = np.flatnonzero((at[0] >= 0) & (at[0] < height) & (at[1] >= 0) & (at[1] < width))
        neighbour = at[0][inside], at[1][inside]
        total[inside] += weight
        stays = ~gone[neighbour]
        known[inside[stays]] += weight * pixels[:, neighbour[0][stays], neighbour[1][stays]].T
        goes = inside[~stays]
        entries.append((goes, number[neighbour][~stays], np.full(len(goes), -weight)))
    entries.append((np.arange(count), np.arange(count), total))
    first, second, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    matrix = coo_matrix((values, (first, second)), shape=(count, count)).tocsc()
    filled = image.clone()
    solution = spsolve(matrix, known).reshape(count, -1)
    filled[:, removed] = torch.from_numpy(solution.T).to(image)
    return filled
