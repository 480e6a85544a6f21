"""How well an explanation shows the object, where the object's true outline is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from rcx.evaluate.rankings import Seed, generator_of, image_seeds, ranks
from rcx.evaluate.statistics import UNKNOWN, mean_interval
from rcx.system.isolation import isolated


@isolated()
def share_inside(maps: Tensor, object_masks: Tensor) -> Tensor:
    """Compute the share of a map's total that lies inside the object [1]_.

    Parameters
    ----------
    maps : Tensor
        ``(N, H, W)`` or ``(N, 1, H, W)``, not negative.
    object_masks : Tensor
        ``(N, H, W)`` bool.

    Returns
    -------
    Tensor
        ``(N,)`` in [0, 1]; NaN for an empty map. A map without information gives the share of the
        image that the object covers.

    Raises
    ------
    ValueError
        If the shapes do not fit, a map has negative values or NaN, or an image has no object.

    References
    ----------
    .. [1] H. Wang et al., "Score-CAM", CVPR Workshops 2020 (energy-based pointing game).
    """
    maps = _checked(maps, object_masks)
    return (maps * object_masks).sum((1, 2)) / maps.sum((1, 2))


@isolated()
def pointing(maps: Tensor, object_masks: Tensor) -> Tensor:
    """Test whether a map's maximum lies inside the object [1]_.

    Parameters
    ----------
    maps, object_masks
        As for `share_inside`.

    Returns
    -------
    Tensor
        ``(N,)``: 1 for a hit, 0 for a miss. Of several equal maxima, it is the share of hits.

    Raises
    ------
    ValueError
        As for `share_inside`.

    References
    ----------
    .. [1] J. Zhang et al., "Top-down neural attention by excitation backprop", IJCV 126, 2018.
    """
    maps = _checked(maps, object_masks)
    highest = maps == maps.amax((1, 2), keepdim=True)
    return (highest & object_masks).sum((1, 2)) / highest.sum((1, 2))


@isolated()
def overlap_at_area(maps: Tensor, object_masks: Tensor, *, seed: Seed = 0) -> Tensor:
    """Compute the intersection over union of the object and as many of the map's highest pixels.

    Parameters
    ----------
    maps, object_masks
        As for `share_inside`.
    seed : int or sequence of int
        Seed that decides between equal pixels, see `rcx.evaluate.image_seeds`.

    Returns
    -------
    Tensor
        ``(N,)`` in [0, 1].

    Raises
    ------
    ValueError
        As for `share_inside`.
    """
    maps = _checked(maps, object_masks)
    ranked = torch.stack(
        [
            ranks(relevance.flatten(), generator_of(image_seed, "ties"))
            for relevance, image_seed in zip(maps, image_seeds(seed, len(maps)), strict=True)
        ]
    )
    objects = object_masks.flatten(1)
    highest = ranked < objects.sum(1, keepdim=True)
    return (highest & objects).sum(1) / (highest | objects).sum(1)


def localisation_table(
    maps: Mapping[str, Tensor], object_masks: Tensor | None, *, seed: int = 0
) -> pd.DataFrame:
    """Compare maps by how well they show the object.

    Parameters
    ----------
    maps : mapping of str to Tensor
        Maps by method, as for `share_inside`.
    object_masks : Tensor or None
        ``(N, H, W)`` bool, N at least 2; None where the objects are not known.
    seed : int
        Seed of ties and bootstrap.

    Returns
    -------
    DataFrame
        A row for each method and a column for each measure, with the `rcx.evaluate.Interval` of
        the mean over the images. The interval has NaN where the objects are not known. An empty map
        counts as having nothing on the object.
    """
    measures: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "energy inside": share_inside,
        "pointing game": pointing,
        "overlap (IoU)": partial(overlap_at_area, seed=seed),
    }
    rows = {
        method: {
            name: UNKNOWN
            if object_masks is None
            else mean_interval(measure(relevance, object_masks).nan_to_num(0), seed=seed)
            for name, measure in measures.items()
        }
        for method, relevance in maps.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _checked(maps: Tensor, object_masks: Tensor) -> Tensor:
    maps = maps.squeeze(1) if maps.ndim == 4 else maps
    if object_masks.dtype != torch.bool or object_masks.shape != maps.shape:
        raise ValueError(
            f"maps {tuple(maps.shape)} need boolean object masks of the same shape, "
            f"got {object_masks.dtype} {tuple(object_masks.shape)}"
        )
    if not bool((maps >= 0).all()):
        raise ValueError("maps must not be negative or NaN")
    if not bool(object_masks.any(-1).any(-1).all()):
        raise ValueError("every image needs an object")
    return maps
