"""What CartoonX and Pixel RDE share: everything but the representation."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier, checked_logits, inference_copy
from rcx.classifiers.devices import chosen_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import checked_targets
from rcx.explain.explanation import Explanation
from rcx.explain.group import Batch, Group, StepCounter
from rcx.explain.target_distortion import reach_distortion
from rcx.images.checks import checked_images
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure, check_measure
from rcx.solver.lanes import Lanes
from rcx.solver.loop import Progress, solve
from rcx.solver.objective import Objective
from rcx.solver.problem import Problem
from rcx.solver.settings import Preset, SolverSettings, checked_lambda
from rcx.starts.initial import AnyStart, check_start, initial_mask, start_name
from rcx.starts.network import shipped_network
from rcx.system.machine import versions

Target = int | Sequence[int] | Tensor | None
"""Classes to explain: one for all images or one for each; None explains the predicted classes."""

_BEYOND = 0.25  # how far from [0, 1] `attribute` takes a perturbed image for an image


class EmptyExplanationWarning(UserWarning):
    """An explanation shows nothing, because showing nothing costs least."""


class Explainer(ABC):
    """The method, for a representation that a subclass names.

    Use `rcx.CartoonX` or `rcx.PixelRDE`, which describe the parameters.
    """

    method: ClassVar[str]
    default_solver: ClassVar[SolverSettings] = SolverSettings()

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float,
        *,
        distortion: DistortionMeasure,
        target_distortion: float | None,
        start: AnyStart,
        solver: Preset | SolverSettings | None,
        clamp: bool,
        seed: int,
        device: str | torch.device,
        batch_size: int | None,
        chunk: int | None,
        evaluation_samples: int,
    ) -> None:
        self.classifier = load_classifier(classifier)
        self.lambda_k = checked_lambda(lambda_k)
        check_measure(distortion)
        check_start(start)
        if isinstance(start, str) and start == "predicted":
            weights, name = self.classifier.weights_hash, self.classifier.name
            start = shipped_network(self.method, weights, name)
        if target_distortion is not None and not 0 < target_distortion < math.inf:
            raise ValueError(f"target_distortion must be positive, got {target_distortion!r}")
        self.target_distortion = target_distortion
        self.distortion, self.start, self.clamp = distortion, start, clamp
        solver = self.default_solver if solver is None else solver
        self.solver = SolverSettings.preset(solver) if isinstance(solver, str) else solver
        if not isinstance(self.solver, SolverSettings):
            raise TypeError(f"solver must be a preset's name or SolverSettings, got {solver!r}")
        if evaluation_samples < 1:
            raise ValueError(f"evaluation_samples must be at least 1, got {evaluation_samples}")
        self.seed, self.chunk, self.evaluation_samples = seed, chunk, evaluation_samples
        self.device = chosen_device(device)
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}")
        self.batch_size = batch_size or (1 if self.device.type == "cpu" else 32)

    @abstractmethod
    def representation(self, size: Sequence[int]) -> Representation:
        """Representation of images of a size ``(H, W)``."""

    @abstractmethod
    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Picture ``(N, 1, H, W)`` in [0, 1] that shows masks ``(N, K)`` of ``(N, C, H, W)``."""

    @abstractmethod
    def relevance(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Relevance ``(N, 1, H, W)`` of each pixel, not negative."""

    def objective(
        self,
        model: nn.Module | Lanes,
        images: Tensor,
        logits: Tensor,
        target: Tensor,
        *,
        measure: DistortionMeasure | None = None,
        clamp: bool | None = None,
        antithetic: bool | None = None,
        first: int = 0,
    ) -> Objective:
        """What explanations of images minimise; or what judges them, with other settings.

        Parameters
        ----------
        model : nn.Module or Lanes
            The classifier, as its inference copy.
        images, logits, target : Tensor
            ``(N, C, H, W)``, ``(N, classes)`` and ``(N,)``, on the explainer's device.
        measure, clamp, antithetic : optional
            The explainer's own by default.
        first : int
            Number of the first image, for messages.
        """
        return Objective(
            model,
            self.representation(images.shape[-2:]),
            images,
            logits,
            target,
            measure=self.distortion if measure is None else measure,
            clamp=self.clamp if clamp is None else clamp,
            antithetic=self.solver.antithetic if antithetic is None else antithetic,
            chunk=self.chunk,
            first=first,
        )

    def explain(
        self,
        images: Tensor,
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Explanation:
        """Explain a batch of images.

        Parameters
        ----------
        images : Tensor
            ``(N, C, H, W)`` or ``(C, H, W)``, float, in [0, 1].
        target : int, sequence of int or Tensor, optional
            Classes to explain, one for all or one each; None explains the predicted classes.
        generator : torch.Generator, optional
            Source of all random draws; None makes one from ``seed``.
        progress : callable, optional
            Called after each step with the steps done and the most there may be.

        Returns
        -------
        Explanation
            One row per image; the same rows as from explaining each image alone.

        Raises
        ------
        TypeError, ValueError
            For images, targets or settings that do not fit; `rcx.classifiers.ClassifierError`
            where the classifier does not return finite logits.

        Warns
        -----
        EmptyExplanationWarning
            Where an explanation shows nothing.
        """
        batch = self._batch(images, target, generator)
        counter = StepCounter(progress, len(batch.groups) * self.solver.steps)
        parts = []
        with Lanes(batch.model) as lanes:
            for number in range(len(batch.groups)):
                group = self._group(batch, number, lanes, self.lambda_k)
                solution = solve(group.problem, self.solver, counter.watch(self.solver.steps))
                if self.target_distortion is None:
                    parts.append(group.explanation(solution))
                else:
                    goal = self.target_distortion
                    parts.append(reach_distortion(group, solution, self.solver, goal, counter))
        explanation = Explanation.cat(parts)
        _warn_of_empty(explanation)
        return explanation

    def explain_path(
        self,
        images: Tensor,
        lambda_ks: Sequence[float],
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """Explain a batch of images for several lambdas, each from its neighbour's solution.

        The middle lambda is solved from the start mask. The others follow from it upwards and
        downwards, each by the last part of the schedule only, because a mask moves little from one
        lambda to the next. From the smallest lambda on, too much would be kept: the smaller
        lambda, the less it tells from noise. From the largest one on, nothing might be left.

        Parameters
        ----------
        images, target, generator, progress
            As for `explain`; ``progress`` counts the steps of the whole path.
        lambda_ks : sequence of float
            Trade-offs, positive, in any order; ``lambda_k`` and ``target_distortion`` of the
            explainer do not matter.

        Returns
        -------
        list of Explanation
            One for each lambda, in the order given.

        Raises
        ------
        TypeError, ValueError
            As for `explain`, and for lambdas that are not positive.
        """
        wanted = [checked_lambda(lambda_k) for lambda_k in lambda_ks]
        if not wanted:
            raise ValueError("lambda_ks must name at least one lambda")
        rising = sorted(set(wanted))
        middle = len(rising) // 2
        # each lambda but the middle one, with the neighbour that is solved before it
        order = [(place, place - 1) for place in range(middle + 1, len(rising))]
        order += [(place, place + 1) for place in range(middle - 1, -1, -1)]
        short = {place: self.solver.warm(rising[place] / rising[near]) for place, near in order}
        steps = self.solver.steps + sum(settings.steps for settings in short.values())
        batch = self._batch(images, target, generator)
        counter = StepCounter(progress, len(batch.groups) * steps)
        parts: list[list[Explanation]] = []
        with Lanes(batch.model) as lanes:
            for number in range(len(batch.groups)):
                group = self._group(batch, number, lanes, rising[middle])
                solution = solve(group.problem, self.solver, counter.watch(self.solver.steps))
                solutions = {middle: solution}
                for place, near in order:
                    lambda_k = torch.full_like(solution.lambda_k, rising[place])
                    problem = group.problem.continued(solutions[near], lambda_k)
                    watch = counter.watch(short[place].steps)
                    solutions[place] = solve(problem, short[place], watch)
                parts.append([group.explanation(solutions[place]) for place in range(len(rising))])
        path = [Explanation.cat(some) for some in zip(*parts, strict=True)]
        path = [
            replace(one, settings={**one.settings, "lambda_k": lambda_k})
            for one, lambda_k in zip(path, rising, strict=True)
        ]
        return [path[rising.index(lambda_k)] for lambda_k in wanted]

    def attribute(
        self,
        inputs: Tensor | tuple[Tensor],
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> Tensor | tuple[Tensor]:
        """Relevance of pixels, by the interface that captum's attributions have.

        Parameters
        ----------
        inputs : Tensor or tuple of Tensor
            Images ``(N, C, H, W)`` in [0, 1], or a tuple of this one tensor. Values that leave
            [0, 1] by no more than a quarter, as where captum perturbs images, are clamped.
        target, generator, progress
            As for `explain`.

        Returns
        -------
        Tensor or tuple of Tensor
            In the shape of ``inputs``, on their device, not negative: the same for all colours,
            as masks are shared by them. See `relevance`.

        Raises
        ------
        TypeError, ValueError
            As for `explain`.
        """
        if isinstance(inputs, tuple):
            if len(inputs) != 1:
                raise ValueError(f"inputs must be one batch of images, got {len(inputs)} tensors")
            (images,) = inputs
        else:
            images = inputs
        if not isinstance(images, Tensor) or images.ndim != 4:
            raise TypeError("inputs must be a float tensor (N, C, H, W) in [0, 1]")
        # what lies farther out, or is NaN, stays what it is, for `explain` to refuse
        near = images.detach()
        near = torch.where((near - 0.5).abs() <= 0.5 + _BEYOND, near.clamp(0, 1), near)
        with torch.enable_grad():  # captum's metrics forbid gradients around the call
            explanation = self.explain(near, target, generator=generator, progress=progress)
        representation = self.representation(images.shape[-2:])
        relevance = self.relevance(representation, near.float().cpu(), explanation.mask)
        # captum takes views of the result
        attribution = relevance.expand(images.shape).contiguous().to(images)
        return (attribution,) if isinstance(inputs, tuple) else attribution

    @torch.inference_mode(False)
    def _batch(self, images: Tensor, target: Target, generator: torch.Generator | None) -> Batch:
        """Check what is to be explained, and ask the classifier about it, group by group."""
        # a copy made outside of the caller's inference mode can take part in a gradient
        images = checked_images(images).to(self.device, copy=True)
        start = self.start
        if isinstance(start, Tensor) and start.ndim > 1 and len(start) != len(images):
            raise ValueError(
                "a starting mask must have the shape (K,), or one row for each of the "
                f"{len(images)} images, got {tuple(start.shape)}"
            )
        if generator is None:
            noise = torch.Generator().manual_seed(self.seed)
        else:
            noise = generator.clone_state()
            # the next call with the same generator draws other noise
            torch.rand((), generator=generator, device=generator.device)
        settings = self._settings(images, noise)
        model = inference_copy(self.classifier, self.device, images)
        model.to(memory_format=torch.channels_last)
        groups = images.split(self.batch_size)
        firsts = range(0, len(images), self.batch_size)
        with torch.no_grad():
            logits = [
                checked_logits(model, group, first=first)
                for group, first in zip(groups, firsts, strict=True)
            ]
        targets = checked_targets(target, torch.cat(logits)).split(self.batch_size)
        return Batch(model, groups, tuple(logits), targets, noise, settings)

    @torch.inference_mode(False)
    def _group(self, batch: Batch, number: int, lanes: Lanes, lambda_k: float) -> Group:
        """One group of a batch, with its starting masks for a lambda."""
        images, first = batch.groups[number], number * self.batch_size
        objective = self.objective(
            lanes, images, batch.logits[number], batch.targets[number], first=first
        )
        # every group draws from the same state: a result does not depend on what came before
        noise = batch.noise.clone_state()
        lambda_ks = torch.full((len(images),), lambda_k)
        start = self.start
        if isinstance(start, Tensor) and start.ndim > 1:
            start = start[first:][: len(images)]
        mask = initial_mask(start, objective, noise, lambda_ks)
        problem = Problem(objective, mask, lambda_ks.to(mask), noise)
        names = self.classifier.class_names
        return Group(problem, images, self.picture, self.evaluation_samples, names, batch.settings)

    def _settings(self, images: Tensor, noise: torch.Generator) -> dict[str, Any]:
        return {
            "method": self.method,
            "representation": repr(self.representation(images.shape[-2:])),
            "classifier": self.classifier.name,
            "normalize": self.classifier.normalize,
            "weights_hash": self.classifier.weights_hash,
            "lambda_k": self.lambda_k,
            "target_distortion": self.target_distortion,
            "distortion": self.distortion,
            "start": start_name(self.start),
            "clamp": self.clamp,
            "solver": self.solver.model_dump(mode="json"),
            "seed": noise.initial_seed(),
            "evaluation_samples": self.evaluation_samples,
            "device": str(self.device),
            "versions": versions(),
        }


def _warn_of_empty(explanation: Explanation) -> None:
    """Say which images have an empty explanation, and what helps."""
    empty = explanation.empty.nonzero().flatten().tolist()
    if not empty:
        return
    row = explanation[empty[0]]
    which = f"image {empty[0]}" + (f" and {len(empty) - 1} more" if len(empty) > 1 else "")
    remedy = "a smaller lambda_k"
    if row.settings["distortion"] == "probability":
        remedy += ', or distortion="relative"'
    warnings.warn(
        f"the explanation of {which} is empty: at lambda_k = {float(row.lambda_k):g}, keeping the "
        f"class (probability {float(row.probability):.3f}) costs more than losing it; "
        f"use {remedy}",
        EmptyExplanationWarning,
        stacklevel=3,
    )
