"""The room that the distortion leaves: how far an image is from losing its class."""

from __future__ import annotations

import torch
from torch import Tensor

# Weight of a new distortion in the running mean, which so spans about the last ten steps.
_RATE = 0.1

# Lambda is its own where the distortion has used this share of what may be lost.
_SHARE = 0.5


class Room:
    """How much more distortion an image can bear, from 1 for none so far to 0.

    The distortion is that above the image's own, as a mean over some steps. The solver is careful
    where no room is left, because the empty mask is a trap: where the class is lost, no gradient
    leads back.

    Parameters
    ----------
    lambda_k : Tensor
        ``(N,)``, trade-offs.
    whole, empty : Tensor
        ``(N,)``, distortions of the mask of ones and of the empty mask.
    """

    def __init__(self, lambda_k: Tensor, whole: Tensor, empty: Tensor) -> None:
        self.stake = (empty - whole).clamp_min(torch.finfo(whole.dtype).tiny)
        self.price = self.stake.minimum(lambda_k)
        self.whole, self.empty, self.distortion = whole, empty, whole.clone()

    def left(self, distortion: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Add a step's distortions, and return the shares of the room that are left.

        Parameters
        ----------
        distortion : Tensor
            ``(n,)``, distortions in this step.
        rows : Tensor
            ``(n,)`` int64, the images that have not stopped.

        Returns
        -------
        for_steps : Tensor
            ``(n,)``, 0 where as much is lost as the empty mask loses.
        for_lambda : Tensor
            ``(n,)``, 0 where half of this, or half of lambda, is lost. Lambda is the price of
            keeping everything, so that no explanation has to lose more.
        """
        # No step counts for more than the loss of everything, whatever its noise has done.
        distortion = distortion.minimum(self.empty[rows])
        self.distortion[rows] += _RATE * (distortion - self.distortion[rows])
        lost = (self.distortion - self.whole)[rows]
        for_steps, for_lambda = (
            (1 - lost / limit[rows]).clamp(0, 1) for limit in (self.stake, _SHARE * self.price)
        )
        return for_steps, for_lambda
