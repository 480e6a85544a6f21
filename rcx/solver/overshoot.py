"""The overshoot: while most of the image is kept, the solver works with a larger lambda."""

from __future__ import annotations

import torch
from torch import Tensor

# Weight of a new distortion in the running mean, which so spans about the last ten steps.
_RATE = 0.1


# Share of what the empty mask loses, or of lambda, at which no surcharge is left.
_LEEWAY = 0.5


class Overshoot:
    """The surcharge on lambda, which shrinks as the distortion grows.

    The distortion uses the surcharge up linearly: none is left where the distortion, as a mean over
    some steps, exceeds that of the image itself by half of what the empty mask loses, or by half of
    lambda where that is less. No surcharge so deletes what keeps the class.

    Parameters
    ----------
    lambda_k : Tensor
        ``(N,)``, lambda itself.
    whole, empty : Tensor
        ``(N,)``, distortions of the mask of ones and of the empty mask.
    most : float
        Largest factor of lambda, at least 1.
    """

    def __init__(self, lambda_k: Tensor, whole: Tensor, empty: Tensor, *, most: float) -> None:
        loss = (empty - whole).clamp_min(0).minimum(lambda_k)
        self.most = most - 1
        self.room = (_LEEWAY * loss).clamp_min(torch.finfo(loss.dtype).tiny)
        self.whole, self.empty, self.distortion = whole, empty, whole.clone()

    def surcharge(self, distortion: Tensor, rows: Tensor, share: float) -> Tensor:
        """Surcharges ``(n,)`` in units of lambda: 1 means that lambda is twice as large.

        Parameters
        ----------
        distortion : Tensor
            ``(n,)``, distortions in this step.
        rows : Tensor
            ``(n,)`` int64, the images that have not stopped.
        share : float
            Share of the surcharge that the schedule leaves in this step, in [0, 1].
        """
        # No step counts for more than the loss of everything, whatever its noise has done.
        distortion = distortion.minimum(self.empty[rows])
        self.distortion[rows] += _RATE * (distortion - self.distortion[rows])
        used = (self.distortion - self.whole)[rows] / self.room[rows]
        return share * self.most * (1 - used).clamp(0, 1)
