"""Empty explanations: why they show nothing, and what to do."""

from __future__ import annotations

import warnings

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


def warn_of_empty(explanation: Explanation) -> None:
    """Warn if some of the explanations of N images are empty.

    The warning is attributed to the caller of `Explainer.explain`.
    """
    empty = explanation.empty.nonzero().flatten().tolist()
    if empty:
        others = f" (and of {len(empty) - 1} more)" if len(empty) > 1 else ""
        warnings.warn(
            f"the explanation of image {empty[0]}{others} is empty: "
            f"{reason_for_emptiness(explanation[empty[0]])}",
            EmptyExplanationWarning,
            stacklevel=4,  # this function, `explain`, and the wrapper of its decorator
        )
