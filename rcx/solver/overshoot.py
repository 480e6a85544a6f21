"""The overshoot: while most of the image is kept, the solver works with a larger lambda."""

from __future__ import annotations

import torch
from torch import Tensor

# Weight of a new distortion in the running mean, which so spans about the last ten steps.
_RATE = 0.1


class Overshoot:
    """The surcharge on lambda, which shrinks as the distortion grows.

    Write ``stake`` for ``max(empty - whole, 0)``, which is what the empty mask loses. The largest
    surcharge of an image is ``clamp((limit * stake / lambda_k)**2, 1, most) - 1``. It is small
    where a class is hardly worth the price of its explanation, because a large surcharge could then
    delete the few coefficients that keep the class. The distortion uses up this surcharge
    linearly: none is left where the distortion, as a mean over some steps, exceeds ``whole`` by
    ``leeway * min(stake, lambda_k)``.

    Parameters
    ----------
    lambda_k : Tensor
        ``(N,)``, lambda itself.
    whole, empty : Tensor
        ``(N,)``, distortions of the mask of ones and of the empty mask.
    most : float
        Largest factor of lambda, at least 1.
    limit : float
        Bound on that factor in units of the stake, not negative.
    leeway : float
        Share of the stake, or of lambda, that may be lost until no surcharge is left, positive.
    """

    def __init__(
        self,
        lambda_k: Tensor,
        whole: Tensor,
        empty: Tensor,
        *,
        most: float,
        limit: float,
        leeway: float,
    ) -> None:
        stake = (empty - whole).clamp_min(0)
        self.highest = (limit * stake / lambda_k).square().clamp(1, most) - 1
        self.room = (leeway * stake.minimum(lambda_k)).clamp_min(torch.finfo(stake.dtype).tiny)
        self.whole, self.distortion = whole, whole.clone()

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
        self.distortion[rows] += _RATE * (distortion - self.distortion[rows])
        used = (self.distortion - self.whole)[rows] / self.room[rows]
        return share * self.highest[rows] * (1 - used).clamp(0, 1)
