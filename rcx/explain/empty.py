"""Empty explanations: why they show nothing, and what to do."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from rcx.explain.explanation import Explanation


class EmptyExplanationWarning(UserWarning):
    """An explanation shows nothing, because it has the least loss if it keeps nothing."""


def reason_for_emptiness(
    explanation: Explanation,
    *,
    lambda_option: str = "lambda_k",
    relative_option: str = "the relative distortion",
) -> str:
    """Say why an empty explanation shows nothing, and what to do.

    Parameters
    ----------
    explanation : Explanation
        The explanation of one image, see `Explanation.empty`.
    lambda_option, relative_option : str
        Names of the options that help, as the reader knows them.

    Returns
    -------
    str
        A sentence without a capital and without a full stop.
    """
    name = explanation.label(int(explanation.target))
    if bool(explanation.label_kept):
        return f"the classifier answers {name} even where all of the image is noise"
    remedy = f"use a smaller {lambda_option}"
    if explanation.settings.get("distortion") == "probability":
        remedy += f" or {relative_option}"
    return (
        f"at lambda_k = {float(explanation.lambda_k):g}, keeping {name} ({explanation.quantity} "
        f"{float(explanation.probability):.3f}) costs more than losing it; {remedy}"
    )


def warn_of_empty(explanation: Explanation, relevance: Tensor | None = None) -> None:
    """Warn if some of the explanations of N images are empty.

    The warning is attributed to the caller of `Explainer.explain` or `Explainer.attribute`.

    Parameters
    ----------
    explanation : Explanation
        The explanations.
    relevance : Tensor, optional
        ``(N, 1, H, W)``, the relevance of the pixels, which may be 0 everywhere.
    """
    empty = explanation.empty
    blank = torch.zeros_like(empty) if relevance is None else ~relevance.flatten(1).any(1)
    numbers = (empty | blank).nonzero().flatten().tolist()
    if not numbers:
        return
    first = numbers[0]
    others = f" (and of {len(numbers) - 1} more)" if len(numbers) > 1 else ""
    zero = ", and its relevance is 0 everywhere, which captum does not draw" if blank[first] else ""
    reason = (
        reason_for_emptiness(explanation[first])
        if bool(empty[first])
        else "what is kept of the image is of one colour"
    )
    warnings.warn(
        f"the explanation of image {first}{others} is empty{zero}: {reason}",
        EmptyExplanationWarning,
        stacklevel=4,  # this function, the method, and the wrapper of its decorator
    )
