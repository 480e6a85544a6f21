"""Frames of a slider: along lambda, along the solver's steps, along the share that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from rcx.classifiers.copies import inference_copy
from rcx.evaluate.rankings import generator_of, ranks
from rcx.explain.explainer import Explainer
from rcx.explain.explanation import Explanation
from rcx.report.widgets import Frame
from rcx.solver.lanes import Lanes
from rcx.solver.loop import solve
from rcx.solver.objective import Objective
from rcx.solver.problem import Problem
from rcx.starts.initial import initial_mask

_SAMPLES = 16  # noise samples that judge a mask
# This tells the seed of the noise that judges a mask from the seed of the noise that found it.
_FRESH = 0x5C0B


class MaskFrames:
    """Make frames of masks of one image: what a mask keeps, and what the classifier answers then.

    Parameters
    ----------
    explainer : Explainer
        Explainer whose representation, classifier, noise and settings are used.
    image : Tensor
        ``(C, H, W)`` in [0, 1].
    target : int, optional
        Index of the explained class. By default, it is the predicted class.
    """

    def __init__(self, explainer: Explainer, image: Tensor, target: int | None = None) -> None:
        self.explainer, self.image = explainer, image[None].to(explainer.device)
        self.representation = explainer.representation(image.shape[-2:])
        self._model = inference_copy(explainer.classifier, explainer.device, self.image)
        with torch.no_grad():
            self._logits = self._model(self.image)
        classes = self._logits.argmax(1) if target is None else torch.tensor([target])
        self._classes = classes.to(self._logits.device)

    @contextmanager
    def _objective(self) -> Iterator[Objective]:
        """Provide the objective, whose passes go side by side as those of an explanation."""
        with Lanes(self._model) as lanes:
            yield self.explainer.objective(lanes, self.image, self._logits, self._classes)

    @torch.no_grad()
    def frames(self, masks: Tensor, labels: Sequence[str]) -> list[Frame]:
        """Make a frame of each mask. The same noise judges all of them.

        Parameters
        ----------
        masks : Tensor
            ``(M, K)`` in [0, 1].
        labels : sequence of str
            Texts that the slider shows for the M masks.

        Returns
        -------
        list of Frame
            One for each mask.
        """
        masks = masks.to(self.image)
        generator = torch.Generator().manual_seed(self.explainer.seed ^ _FRESH)
        rows = torch.zeros(len(masks), dtype=torch.int64, device=masks.device)
        with self._objective() as objective:
            answer = objective.answer(masks, objective.draw(_SAMPLES, generator), rows)
            kept = objective.kept(answer.scores, rows)
            target, probability = int(objective.target[0]), float(objective.probability[0])
        images = self.image.expand(len(masks), -1, -1, -1)
        pictures = self.explainer.picture(self.representation, images, masks).cpu()
        return [
            _frame(
                self.explainer,
                label,
                pictures[number],
                target=target,
                predicted=int(answer.scores[number].argmax()),
                kept=bool(kept[number]),
                probabilities=(probability, float(answer.scores[number, target])),
                nonsparsity=float(masks[number].mean()),
                distortion=float(answer.distortion[number]),
            )
            for number, label in enumerate(labels)
        ]

    def of_steps(self, count: int = 24) -> list[Frame]:
        """Solve, and show the mask after some of the steps, more of them early, when it moves most.

        Parameters
        ----------
        count : int
            Largest number of frames, at least 2.

        Returns
        -------
        list of Frame
            The first frame is the starting mask, the last one the explanation.
        """
        settings = self.explainer.solver
        shares = [(position / (count - 1)) ** 1.5 for position in range(count)]
        steps = sorted({round(settings.steps * share) for share in shares})
        noise = torch.Generator().manual_seed(self.explainer.seed)
        lambda_k = torch.full((1,), self.explainer.lambda_k)
        masks: dict[int, Tensor] = {}

        def watch(step: int, mask: Tensor) -> None:
            if step in steps:
                masks[step] = mask.clone()

        with self._objective() as objective:
            masks[0] = initial_mask(self.explainer.start, objective, noise, lambda_k)
            problem = Problem(objective, masks[0], lambda_k.to(masks[0]), noise)
            solution = solve(problem, settings, watch)
        # An image that has stopped keeps its mask.
        shown = torch.cat([masks.get(step, solution.mask) for step in steps])
        return self.frames(shown, [f"step {step}" for step in steps])

    def of_shares(self, relevance: Tensor, percents: Sequence[float]) -> list[Frame]:
        """Keep the most relevant coefficients wholly, and nothing of the others.

        Parameters
        ----------
        relevance : Tensor
            ``(K,)``, such as an explanation's mask.
        percents : sequence of float
            Percentages of the coefficients that are kept, in [0, 100].

        Returns
        -------
        list of Frame
            One for each percentage.
        """
        rank = ranks(relevance, generator_of(self.explainer.seed, "ties"))
        counts = torch.tensor([round(len(rank) * percent / 100) for percent in percents])
        masks = (rank < counts[:, None]).float()
        return self.frames(masks, [f"{percent:g} %" for percent in percents])


def method_frames(
    explainers: Sequence[Explainer],
    explanations: Sequence[Explanation],
    image: Tensor,
    maps: Mapping[str, Tensor],
) -> list[Frame]:
    """Make a frame of the explanation of an image by each of several methods, and one of each map.

    A map of relevance, such as attention rollout, has no rate or distortion of its own. The numbers
    of its frame belong to its most relevant pixels: as many pixels as the last method keeps are
    kept wholly. They say how much that share of the pixels is worth if the map chooses the pixels.

    Parameters
    ----------
    explainers : sequence of Explainer
        The methods. The last one masks pixels.
    explanations : sequence of Explanation
        The explanation of this image alone by each method.
    image : Tensor
        ``(C, H, W)`` in [0, 1].
    maps : mapping of str to Tensor
        ``(H, W)`` by the name of a method, as from `rcx.evaluate.attribution`.

    Returns
    -------
    list of Frame
        One for each method and for each map, in order.
    """
    frames = [
        explanation_frames(explainer, [explanation], [explainer.method])[0]
        for explainer, explanation in zip(explainers, explanations, strict=True)
    ]
    percent = 100 * float(explanations[-1].nonsparsity)
    judge = MaskFrames(explainers[-1], image, int(explanations[-1].target))
    for name, relevance in maps.items():
        (frame,) = judge.of_shares(relevance.flatten(), [percent])
        brightness = relevance / relevance.max().clamp_min(1e-12)
        frames.append(replace(frame, label=name, pictures={name: brightness}))
    return frames


def explanation_frames(
    explainer: Explainer, explanations: Sequence[Explanation], labels: Sequence[str]
) -> list[Frame]:
    """Make a frame of each of several explanations of one image, such as a path over lambda.

    Parameters
    ----------
    explainer : Explainer
        Explainer that made the explanations.
    explanations : sequence of Explanation
        Explanations of one image each.
    labels : sequence of str
        Texts that the slider shows for them.

    Returns
    -------
    list of Frame
        One for each explanation.
    """
    return [
        _frame(
            explainer,
            label,
            explanation.picture[0],
            target=int(explanation.target),
            predicted=int(explanation.predicted_after),
            kept=bool(explanation.label_kept),
            probabilities=(float(explanation.probability), float(explanation.probability_after)),
            nonsparsity=float(explanation.nonsparsity),
            distortion=float(explanation.distortion),
        )
        for label, explanation in zip(labels, explanations, strict=True)
    ]


def _frame(
    explainer: Explainer,
    label: str,
    picture: Tensor,
    *,
    target: int,
    predicted: int,
    kept: bool,
    probabilities: tuple[float, float],
    nonsparsity: float,
    distortion: float,
) -> Frame:
    """Make a frame.

    ``predicted`` is the class predicted for the obfuscations, ``kept`` says whether they keep the
    answer, and ``probabilities`` are those of the target for the image and for its obfuscations.
    """
    answer = explainer.classifier.label(predicted)
    if predicted != target:
        answer += f" (explained: {explainer.classifier.label(target)})"
    numbers = {
        "predicted": answer,
        explainer.classifier.meaning.quantity: f"{probabilities[0]:.3f} → {probabilities[1]:.3f}",
        "non-sparsity": f"{nonsparsity:.4f}",
        "distortion": f"{distortion:.4f}",
    }
    method = explainer.method
    caption = method if label == method else f"{method}, {label}"
    return Frame(label, {caption: picture}, numbers, lost=not kept)
