"""What CartoonX and Pixel RDE share: everything but the representation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rcx.classifiers import Classifier, checked_logits, inference_copy, load_classifier
from rcx.distortion import DistortionMeasure, check_measure
from rcx.explanation import Explanation, versions
from rcx.inputs import checked_images, checked_lambda, checked_targets, chosen_device
from rcx.lanes import Lanes
from rcx.objective import Objective
from rcx.problem import Problem
from rcx.representations import Representation
from rcx.solver import Preset, Progress, SolverSettings
from rcx.start_network import shipped_network
from rcx.starts import AnyStart, check_start, start_name


class Explainer(ABC):
    """The method, for a representation that a subclass names.

    Use `CartoonX` or `PixelRDE`, which describe the parameters.
    """

    method: ClassVar[str]
    default_lambda_k: ClassVar[float]
    default_solver: ClassVar[SolverSettings] = SolverSettings()

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        distortion: DistortionMeasure = "probability",
        target_distortion: float | None = None,
        keep_label: bool = False,
        start: AnyStart = "ones",
        solver: Preset | SolverSettings | None = None,
        clamp: bool = True,
        seed: int = 0,
        device: str | torch.device = "auto",
        batch_size: int | None = None,
        chunk: int | None = None,
        evaluation_samples: int = 64,
    ) -> None:
        self.classifier = load_classifier(classifier)
        self.lambda_k = self.default_lambda_k if lambda_k is None else checked_lambda(lambda_k)
        check_measure(distortion)
        check_start(start)
        if isinstance(start, str) and start == "predicted":
            hashed, name = self.classifier.weights_hash, self.classifier.name
            start = shipped_network(self.method, hashed, name)
        if target_distortion is not None and not 0 < target_distortion < math.inf:
            raise ValueError(f"target_distortion must be positive, got {target_distortion!r}")
        self.target_distortion, self.keep_label = target_distortion, keep_label
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
        """Picture ``(N, 1, H, W)`` that shows a mask."""

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
        measure, clamp, antithetic
            The explainer's own by default.
        first : int
            Number of the first image, in errors.
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
        target: int | Sequence[int] | Tensor | None = None,
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
        """
        search = partial(
            Problem.own_lambda,
            lambda_k=self.lambda_k,
            solver=self.solver,
            keep_label=self.keep_label,
            target_distortion=self.target_distortion,
        )
        return self._each(images, target, generator, progress, search)[0]

    def explain_path(
        self,
        images: Tensor,
        lambda_ks: Sequence[float],
        target: int | Sequence[int] | Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """Explain a batch of images for several lambdas, each from its neighbour's solution.

        The middle lambda is solved from the start mask; the others follow from it upwards and
        downwards, each for a last part of the schedule only, as a mask moves little from one to the
        next.

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
        """
        wanted = [checked_lambda(lambda_k) for lambda_k in lambda_ks]
        if not wanted:
            raise ValueError("lambda_ks must name at least one lambda")
        rising = sorted(set(wanted))
        follow = partial(Problem.path, lambda_ks=rising, solver=self.solver)
        found = self._each(images, target, generator, progress, follow)
        return [found[rising.index(value)] for value in wanted]

    @torch.inference_mode(False)
    def _each(
        self,
        images: Tensor,
        target: int | Sequence[int] | Tensor | None,
        generator: torch.Generator | None,
        progress: Progress | None,
        solve_group: Callable[[Problem, Progress | None], list[Explanation]],
    ) -> list[Explanation]:
        """Explain the images group by group, each with the same noise, and join the results."""
        # a copy made outside of the caller's inference mode can take part in a gradient
        images = checked_images(images).to(self.device, copy=True)
        if (
            isinstance(self.start, Tensor)
            and self.start.ndim > 1
            and len(self.start) != len(images)
        ):
            raise ValueError(
                "a starting mask must have the shape (K,), or one row for each of the "
                f"{len(images)} images, got {tuple(self.start.shape)}"
            )
        generator = generator or torch.Generator().manual_seed(self.seed)
        settings = self._settings(images, generator)
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
        state = generator.get_state()
        found = []
        with Lanes(model) as lanes:
            for index, (group, first) in enumerate(zip(groups, firsts, strict=True)):
                generator.set_state(state)
                objective = self.objective(lanes, group, logits[index], targets[index], first=first)
                start = self.start
                if isinstance(start, Tensor) and start.ndim > 1:
                    start = start[first:][: len(group)]
                draw = partial(self.picture, objective.representation)
                problem = Problem(
                    objective,
                    group,
                    start,
                    generator,
                    state,
                    draw,
                    self.evaluation_samples,
                    settings,
                )
                share = _share(progress, index, len(groups))
                found.append(solve_group(problem, _continued(share)))
        return [Explanation.cat(parts) for parts in zip(*found, strict=True)]

    def _settings(self, images: Tensor, generator: torch.Generator) -> dict[str, Any]:
        return {
            "method": self.method,
            "representation": repr(self.representation(images.shape[-2:])),
            "classifier": self.classifier.name,
            "normalize": self.classifier.normalize,
            "weights_hash": self.classifier.weights_hash,
            "lambda_k": self.lambda_k,
            "target_distortion": self.target_distortion,
            "keep_label": self.keep_label,
            "distortion": self.distortion,
            "start": start_name(self.start),
            "clamp": self.clamp,
            "solver": self.solver.model_dump(mode="json"),
            "seed": generator.initial_seed(),
            "evaluation_samples": self.evaluation_samples,
            "device": str(self.device),
            "versions": versions(),
        }


def _continued(progress: Progress | None) -> Progress | None:
    """Report the steps of a second solve as those after the first."""
    before = last = 0

    def report(done: int, most: int) -> None:
        nonlocal before, last
        if done <= last:
            before += last
        last = done
        if progress is not None:
            progress(before + done, before + most)

    return progress and report


def _share(progress: Progress | None, index: int, groups: int) -> Progress | None:
    """Report the steps for one group of images as steps of the work on all groups."""
    return progress and (lambda done, most: progress(index * most + done, groups * most))
