"""How much larger lambda is than its own while most of the image is kept."""

from __future__ import annotations

import torch
from torch import Tensor

# the distortion is averaged over about the last ten steps
_RATE = 0.1


class Overshoot:
    """Lambda's surcharge: less where the distortion grows, none where there is little to lose.

    Parameters
    ----------
    lambda_k : Tensor
        ``(N,)``, lambda itself.
    whole, empty : Tensor
        ``(N,)``, distortions of the image itself and of the empty mask.
    most : float
        Lambda is at most this many times larger.
    limit : float
        But no more than the square of this many times what the empty mask loses, in units of
        lambda. Where a class is hardly worth what its explanation costs, the few coefficients that
        keep it may go with the rest.
    leeway : float
        Share of what an explanation loses at most, the empty mask's distortion or lambda, which is
        what keeping everything costs. The surcharge shrinks as the distortion, averaged over some
        steps, comes nearer to that share, and is gone where it is reached.
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
        """Shares ``(n,)`` by which lambda is larger for the images ``rows`` ``(n,)``.

        Parameters
        ----------
        distortion : Tensor
            ``(n,)``, of this step.
        rows : Tensor
            ``(n,)``, images that have not stopped.
        share : float
            Of the surcharge that is left by this step.
        """
        self.distortion[rows] += _RATE * (distortion - self.distortion[rows])
        used = (self.distortion - self.whole)[rows] / self.room[rows]
        return share * self.highest[rows] * (1 - used).clamp(0, 1)
