"""Frames for scrubbing: through lambda, through the solver's steps, through what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rcx.classifiers.classifier import inference_copy
from rcx.evaluate.rankings import generator_of, ranks
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.report.widgets import Frame
from rcx.solver.loop import solve
from rcx.solver.problem import Problem
from rcx.starts.initial import initial_mask

_SAMPLES = 32  # noise draws that judge a mask
_FRESH = 0x5C0B


class MaskFrames:
    """Makes frames of masks of one image: what a mask keeps, what the classifier then says.

    Parameters
    ----------
    explainer : Explainer
        Whose representation, classifier, noise and settings are used.
    image : Tensor
        ``(C, H, W)`` in [0, 1].
    target : int, optional
        Explained class; the predicted one by default.
    """

    def __init__(self, explainer: Explainer, image: Tensor, target: int | None = None) -> None:
        self.explainer, self.image = explainer, image[None].to(explainer.device)
        self.representation = explainer.representation(image.shape[-2:])
        model = inference_copy(explainer.classifier, explainer.device, self.image)
        with torch.no_grad():
            logits = model(self.image)
        chosen = logits.argmax(1) if target is None else torch.tensor([target])
        asked = chosen.to(logits.device)
        self.objective = explainer.objective(model, self.image, logits, asked)

    @torch.no_grad()
    def frames(self, masks: Tensor, labels: Sequence[str]) -> list[Frame]:
        """Judge masks ``(M, K)`` by the same fresh noise, a frame each."""
        masks = masks.to(self.image)
        generator = torch.Generator().manual_seed(self.explainer.seed ^ _FRESH)
        fields = self.objective.draw(_SAMPLES, generator)
        rows = torch.zeros(len(masks), dtype=torch.int64, device=masks.device)
        answer = self.objective.answer(masks, fields, rows)
        images = self.image.expand(len(masks), -1, -1, -1)
        pictures = self.explainer.picture(self.representation, images, masks).cpu()
        target, before = int(self.objective.target[0]), float(self.objective.probability[0])
        return [
            _frame(
                self.explainer,
                label,
                pictures[number],
                (target, int(answer.probabilities[number].argmax())),
                (before, float(answer.probabilities[number, target])),
                float(masks[number].mean()),
                float(answer.distortion[number]),
            )
            for number, label in enumerate(labels)
        ]

    def of_steps(self, count: int = 24) -> list[Frame]:
        """Solve, and show the mask along the way: often at the start, when it moves most.

        Parameters
        ----------
        count : int
            The most frames that there may be.

        Returns
        -------
        list of Frame
            The first is the starting mask, the last the mask that was found.
        """
        settings = self.explainer.solver
        shares = [(place / (count - 1)) ** 1.5 for place in range(count)]
        wanted = sorted({round(settings.steps * share) for share in shares})
        noise = torch.Generator().manual_seed(self.explainer.seed)
        lambda_k = torch.full((1,), self.explainer.lambda_k)
        start = initial_mask(self.explainer.start, self.objective, noise, lambda_k)
        seen = {0: start}

        def watch(step: int, mask: Tensor) -> None:
            if step in wanted:
                seen[step] = mask.clone()

        problem = Problem(self.objective, start, lambda_k.to(start), noise)
        solution = solve(problem, settings, watch)
        # an image that has stopped keeps its mask
        masks = [seen.get(step, solution.mask) for step in wanted]
        return self.frames(torch.cat(masks), [f"step {step}" for step in wanted])

    def of_shares(self, relevance: Tensor, percents: Sequence[float]) -> list[Frame]:
        """Keep the most relevant coefficients only, wholly, and nothing of the others.

        Parameters
        ----------
        relevance : Tensor
            ``(K,)``, such as an explanation's mask.
        percents : sequence of float
            How many percent of the coefficients are kept.
        """
        rank = ranks(relevance, generator_of(self.explainer.seed, "ties"))
        counts = torch.tensor([round(len(rank) * percent / 100) for percent in percents])
        masks = (rank < counts[:, None]).float()
        return self.frames(masks, [f"{percent:g} %" for percent in percents])


def method_frames(
    explainers: Sequence[Explainer],
    explanations: Sequence[Explanation],
    image: Tensor,
    rollout: Tensor,
) -> list[Frame]:
    """Make a frame of each of several methods' explanations of an image, and one of rollout.

    Rollout is no explanation of an answer, so it has no numbers of its own. Those of its frame are
    of its most relevant pixels, wholly kept, as many as the last method keeps: what that share of
    the pixels is worth when rollout chooses it.

    Parameters
    ----------
    explainers : sequence of Explainer
        The last one masks pixels.
    explanations : sequence of Explanation
        One by each, of this image alone.
    image : Tensor
        ``(C, H, W)``.
    rollout : Tensor
        ``(H, W)``, see `rcx.evaluate.rollout`.
    """
    frames = [
        explanation_frames(explainer, [one], [explainer.method])[0]
        for explainer, one in zip(explainers, explanations, strict=True)
    ]
    percent = 100 * float(explanations[-1].nonsparsity)
    judge = MaskFrames(explainers[-1], image, int(explanations[-1].target))
    (frame,) = judge.of_shares(rollout.flatten(), [percent])
    map_ = rollout / rollout.max().clamp_min(1e-12)
    return [*frames, replace(frame, label="rollout", pictures={"attention rollout": map_})]


def explanation_frames(
    explainer: Explainer, explanations: Sequence[Explanation], labels: Sequence[str]
) -> list[Frame]:
    """Make a frame of each of several explanations of one image, such as a path over lambda.

    Parameters
    ----------
    explainer : Explainer
        That made them.
    explanations : sequence of Explanation
        Of one image each.
    labels : sequence of str
        What the slider says.
    """
    return [
        _frame(
            explainer,
            label,
            one.picture[0],
            (int(one.target), int(one.predicted_after)),
            (float(one.probability), float(one.probability_after)),
            float(one.nonsparsity),
            float(one.distortion),
        )
        for label, one in zip(labels, explanations, strict=True)
    ]


def _frame(
    explainer: Explainer,
    label: str,
    picture: Tensor,
    classes: tuple[int, int],
    probabilities: tuple[float, float],
    nonsparsity: float,
    distortion: float,
) -> Frame:
    name, (target, after) = explainer.classifier.label, classes
    numbers = {
        "predicted": name(after) + ("" if after == target else f" (explained: {name(target)})"),
        "probability": f"{probabilities[0]:.3f} → {probabilities[1]:.3f}",
        "non-sparsity": f"{nonsparsity:.4f}",
        "distortion": f"{distortion:.4f}",
    }
    method = explainer.method
    caption = method if label == method else f"{method}, {label}"
    return Frame(label, {caption: picture}, numbers, after != target)
