"""A starting mask by the gradient of the answer at the image itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcx.solver.objective import Objective


def gradient_ranks(objective: Objective) -> Tensor:
    """Rank the coefficients of each band by the size of the answer's derivative.

    The most important coefficient of a band has the entry 1 and the least important one 0, with
    equal steps between. Of the colours, the one with the largest derivative counts. No noise takes
    part.

    Parameters
    ----------
    objective : Objective
        The objective of N images.

    Returns
    -------
    Tensor
        ``(N, K)`` in [0, 1].

    References
    ----------
    The start of StartGrad, "Start Smart: Leveraging Gradients For Enhancing Mask-based XAI
    Methods", ICLR 2025, Section 4: quantiles of ``abs(d -log p_c / d coefficient)``.
    """
    sizes = coefficient_gradients(objective).abs().amax(1)
    mask = torch.empty_like(sizes)
    for band in objective.representation.bands:
        values = sizes[:, band.positions]
        ranks = values.argsort(1).argsort(1).to(mask)
        mask[:, band.positions] = ranks / max(1, values.shape[1] - 1)
    return mask


def coefficient_gradients(objective: Objective) -> Tensor:
    """Differentiate the explained answers by the coefficients of the images.

    Parameters
    ----------
    objective : Objective
        The objective of N images.

    Returns
    -------
    Tensor
        ``(N, C, K)``, derivatives of the logarithm of the class's probability, or of the score.
    """
    rows = range(len(objective))

    @torch.enable_grad()
    def derivative(classifier: nn.Module, row: int) -> Tensor:
        coefficients = objective.coefficients[row : row + 1].detach().requires_grad_()
        images = objective.representation.synthesise(coefficients)
        logits = classifier(images.contiguous(memory_format=torch.channels_last))
        scores = objective.meaning.scores(logits)
        if objective.meaning.kind != "score":
            scores = scores.clamp_min(torch.finfo(scores.dtype).tiny).log()
        (gradient,) = torch.autograd.grad(scores[0, objective.target[row]], coefficients)
        return gradient

    return torch.cat(objective.lanes.map(derivative, rows))
