"""The explainer: all that the methods share, which is all but representation and defaults."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import Classifier, checked_logits
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.classifiers.loading import load_classifier
from rcx.classifiers.targets import Target, checked_targets
from rcx.explain.attribution import Attributing
from rcx.explain.empty import warn_of_empty
from rcx.explain.explanation import Explanation
from rcx.explain.group import Batch, Group, StepCounter, noise_source
from rcx.explain.lambda_path import middle_of, path_steps, solve_path
from rcx.explain.options import described, full_signature
from rcx.explain.target_distortion import reach_distortion
from rcx.images.checks import checked_images
from rcx.solver.distortion import DistortionMeasure, check_measure
from rcx.solver.lanes import Lanes, lane_count
from rcx.solver.loop import Progress, solve
from rcx.solver.noise import Clamp, NoiseKind, checked_clamp, checked_noise
from rcx.solver.objective import Objective
from rcx.solver.problem import Problem
from rcx.solver.settings import Preset, SolverSettings, checked_lambda
from rcx.solver.spatial import checked_penalty
from rcx.starts.initial import AnyStart, check_start, initial_mask
from rcx.starts.network import shipped_network
from rcx.system.isolation import isolated


class Explainer(Attributing):
    """The method, for a representation that a subclass chooses.

    Use `rcx.CartoonX` or another of `rcx.explain.METHODS`, which describe the parameters. A
    subclass sets ``method`` to its own name, defines ``representation``, and names what differs
    from CartoonX: each ``default_OPTION`` is the default of the option of this name.
    """

    method: ClassVar[str]
    default_lambda_k: ClassVar[float] = 20.0
    default_distortion: ClassVar[DistortionMeasure] = "relative"
    default_noise: ClassVar[NoiseKind] = "gaussian"
    default_spatial_penalty: ClassVar[float] = 0.0
    default_solver: ClassVar[SolverSettings] = SolverSettings()
    default_clamp: ClassVar[bool] = True
    grey_noise: ClassVar[bool] = False
    """Whether the noise is that of the grey image, and the same in all colours."""

    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls) -> None:
        cls.__signature__ = full_signature(cls, Explainer)

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        distortion: DistortionMeasure | None = None,
        target_distortion: float | None = None,
        noise: NoiseKind | None = None,
        spatial_penalty: float | None = None,
        start: AnyStart = "ones",
        solver: Preset | SolverSettings | None = None,
        clamp: Clamp | None = None,
        seed: int = 0,
        device: str | torch.device | None = "auto",
        batch_size: int | None = None,
        chunk: int | None = None,
        evaluation_samples: int = 64,
    ) -> None:
        self.classifier = load_classifier(classifier)
        self.lambda_k = checked_lambda(self.default_lambda_k if lambda_k is None else lambda_k)
        self.distortion = self.default_distortion if distortion is None else distortion
        check_measure(self.distortion, self.classifier.meaning)
        self.noise = checked_noise(self.default_noise if noise is None else noise)
        self.spatial_penalty = checked_penalty(
            self.default_spatial_penalty if spatial_penalty is None else spatial_penalty
        )
        self.clamp = checked_clamp(self.default_clamp if clamp is None else clamp)
        check_start(start)
        if isinstance(start, str) and start == "predicted":
            start = shipped_network(self.method, self.classifier)
        if target_distortion is not None and not 0 < target_distortion < math.inf:
            raise ValueError(f"target_distortion must be positive, got {target_distortion!r}")
        self.target_distortion, self.start = target_distortion, start
        self.solver = SolverSettings.checked(self.default_solver if solver is None else solver)
        if evaluation_samples < 1:
            raise ValueError(f"evaluation_samples must be at least 1, got {evaluation_samples}")
        self.seed, self.chunk, self.evaluation_samples = seed, chunk, evaluation_samples
        self.device = usable_device(device)
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1 image, got {batch_size}")
        self.batch_size = batch_size or (1 if self.device.type == "cpu" else 32)

    @property
    def images_at_a_time(self) -> int:
        """Number of images that a call of `explain` works on at the same time."""
        return self.batch_size * lane_count(self.device)

    def objective(
        self,
        model: nn.Module | Lanes,
        images: Tensor,
        logits: Tensor,
        target: Tensor,
        *,
        measure: DistortionMeasure | None = None,
        clamp: Clamp | None = None,
        antithetic: bool | None = None,
        first: int = 0,
    ) -> Objective:
        """Make the objective that explanations of images minimise, or one that judges them.

        Parameters
        ----------
        model, images, logits, target, first
            As for `rcx.solver.Objective`, on the explainer's device.
        measure, clamp, antithetic : optional
            As for `rcx.solver.Objective`; by default those of the explainer.
        """
        return Objective(
            model,
            self.representation(images.shape[-2:]),
            images,
            logits,
            target,
            measure=self.distortion if measure is None else measure,
            clamp=self.clamp if clamp is None else clamp,
            noise=self.noise,
            grey_noise=self.grey_noise,
            spatial_penalty=self.spatial_penalty,
            antithetic=self.solver.antithetic if antithetic is None else antithetic,
            meaning=self.classifier.meaning,
            chunk=self.chunk,
            first=first,
        )

    @isolated()
    def explain(
        self,
        images: Tensor,
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
        warn: bool = True,
    ) -> Explanation:
        """Explain a batch of images.

        Parameters
        ----------
        images : Tensor
            ``(N, C, H, W)`` or ``(C, H, W)``, float, in [0, 1].
        target : int, str, sequence, array or Tensor, optional
            Classes to explain: an index or a class's name for all images, or one for each. By
            default, the predicted classes are explained.
        generator : torch.Generator, optional
            Source of all random draws. The next call with the same generator draws other noise. By
            default, each call makes a generator from ``seed``.
        progress : callable, optional
            Called after each step with the steps done and the largest number of steps.
        warn : bool
            Whether to warn of what `Explanation.empty` says.

        Returns
        -------
        Explanation
            One row per image. Each is the same as from explaining the image alone.

        Raises
        ------
        TypeError, ValueError
            For images, targets or settings that do not fit.
        rcx.classifiers.ClassifierError
            If the classifier does not return finite logits.

        Warns
        -----
        EmptyExplanationWarning
            If an explanation shows nothing.
        """
        batch = self._batch(images, target, generator)
        counter = StepCounter(progress, len(batch.groups) * self.solver.steps)

        def explained(lanes: Lanes, number: int) -> Explanation:
            group = self._group(batch, number, lanes, self.lambda_k)
            solution = solve(group.problem, self.solver, counter.watch(self.solver.steps))
            if self.target_distortion is None:
                return group.explanation(solution)
            return reach_distortion(group, solution, self.solver, self.target_distortion, counter)

        with Lanes(batch.model) as lanes:
            parts = lanes.map_long(explained, range(len(batch.groups)))
        explanation = Explanation.cat(parts)
        if warn:
            warn_of_empty(explanation)
        return explanation

    @isolated()
    def explain_path(
        self,
        images: Tensor,
        lambda_ks: Sequence[float],
        target: Target = None,
        *,
        generator: torch.Generator | None = None,
        progress: Progress | None = None,
    ) -> list[Explanation]:
        """Explain a batch of images for several lambdas.

        The solver starts from the start mask for the middle lambda only. For every other lambda it
        continues the solution of the neighbouring lambda, with a part of the steps, unless the
        larger of the two has lost the answer; an image then starts anew with all steps.

        Parameters
        ----------
        images, target, generator
            As for `explain`.
        lambda_ks : sequence of float
            Trade-offs, positive, in any order. They replace ``lambda_k`` and ``target_distortion``
            of the explainer.
        progress : callable, optional
            As for `explain`, but for the steps of the whole path.

        Returns
        -------
        list of Explanation
            One for each lambda, in the order given.

        Raises
        ------
        TypeError, ValueError
            As for `explain`, and for lambdas that are not positive.
        """
        lambda_ks = [checked_lambda(lambda_k) for lambda_k in lambda_ks]
        if not lambda_ks:
            raise ValueError("lambda_ks must name at least one lambda")
        rising = sorted(set(lambda_ks))
        batch = self._batch(images, target, generator)
        counter = StepCounter(progress, len(batch.groups) * path_steps(rising, self.solver))

        def explained(lanes: Lanes, number: int) -> list[Explanation]:
            group = self._group(batch, number, lanes, rising[middle_of(rising)])
            solutions = solve_path(group.problem, rising, self.solver, counter)
            return [group.explanation(solution) for solution in solutions]

        with Lanes(batch.model) as lanes:
            parts = lanes.map_long(explained, range(len(batch.groups)))
        path = {}
        for lambda_k, *rows in zip(rising, *parts, strict=True):
            explanation = Explanation.cat(rows)
            settings = explanation.settings | {"lambda_k": lambda_k}
            path[lambda_k] = replace(explanation, settings=settings)
        return [path[lambda_k] for lambda_k in lambda_ks]

    def _batch(self, images: Tensor, target: Target, generator: torch.Generator | None) -> Batch:
        """Check the arguments of a call, and classify the images group by group."""
        # Unlike a tensor that was made in inference mode, a copy can take part in a gradient.
        images = checked_images(images).to(self.device, copy=True)
        check_start(self.start, len(images))
        noise = noise_source(generator, self.seed)
        settings = described(self, images.shape[-2:], noise.initial_seed())
        model = inference_copy(self.classifier, self.device, images)
        model.to(memory_format=torch.channels_last)
        groups = torch.split(images, self.batch_size)
        firsts = range(0, len(images), self.batch_size)
        with torch.no_grad():
            logits = [
                checked_logits(model, group, first=first)
                for group, first in zip(groups, firsts, strict=True)
            ]
        targets = checked_targets(target, torch.cat(logits), model)
        split_targets = torch.split(targets, self.batch_size)
        return Batch(model, groups, tuple(logits), split_targets, noise, settings)

    def _group(self, batch: Batch, number: int, lanes: Lanes, lambda_k: float) -> Group:
        """Make one group of a batch, with its starting masks for a lambda."""
        images, first = batch.groups[number], number * self.batch_size
        objective = self.objective(
            lanes, images, batch.logits[number], batch.targets[number], first=first
        )
        noise = batch.noise.clone_state()  # so that a group does not depend on earlier ones
        lambda_ks = torch.full((len(images),), lambda_k, dtype=torch.float32)
        start = self.start
        if isinstance(start, Tensor) and start.ndim > 1:
            start = start[first:][: len(images)]
        mask = initial_mask(start, objective, noise, lambda_ks)
        problem = Problem(objective, mask, lambda_ks.to(mask), noise)
        names = self.classifier.class_names
        return Group(problem, images, self.picture, self.evaluation_samples, names, batch.settings)
