"""CartoonX and Pixel RDE: the same method in two representations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rcx.classifiers import Classifier, checked_logits, inference_copy, load_classifier
from rcx.distortion import DistortionMeasure, check_measure
from rcx.explanation import Explanation, versions
from rcx.objective import Objective
from rcx.representations import Pixels, Representation, Wavelets
from rcx.solver import Preset, Progress, Solution, SolverSettings, solve
from rcx.starts import Start, check_start, initial_mask


class Explainer:
    """What CartoonX and Pixel RDE share: everything but the representation.

    Use `CartoonX` or `PixelRDE`, which describe the parameters.
    """

    method: ClassVar[str]
    default_lambda_k: ClassVar[float]

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        distortion: DistortionMeasure = "probability",
        start: Start | Tensor = "ones",
        solver: Preset | SolverSettings = "fast",
        clamp: bool = True,
        seed: int = 0,
        device: str | torch.device = "auto",
        chunk: int | None = None,
        evaluation_samples: int = 64,
    ) -> None:
        self.classifier = load_classifier(classifier)
        self.lambda_k = self.default_lambda_k if lambda_k is None else _checked_lambda(lambda_k)
        check_measure(distortion)
        check_start(start)
        self.distortion, self.start, self.clamp = distortion, start, clamp
        self.solver = SolverSettings.preset(solver) if isinstance(solver, str) else solver
        if not isinstance(self.solver, SolverSettings):
            raise TypeError(f"solver must be a preset's name or SolverSettings, got {solver!r}")
        if evaluation_samples < 1:
            raise ValueError(f"evaluation_samples must be at least 1, got {evaluation_samples}")
        self.seed, self.chunk, self.evaluation_samples = seed, chunk, evaluation_samples
        self.device = _device(device)

    def representation(self, size: Sequence[int]) -> Representation:
        """Representation of images of a size ``(H, W)``."""
        raise NotImplementedError

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Picture ``(N, 1, H, W)`` that shows a mask."""
        raise NotImplementedError

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
        images = _checked_images(images).to(self.device)
        generator = generator or torch.Generator().manual_seed(self.seed)
        settings = self._settings(images, generator)
        model = inference_copy(self.classifier, self.device, images)
        with torch.no_grad():
            logits = checked_logits(model, images)
        objective = Objective(
            model,
            self.representation(images.shape[-2:]),
            images,
            logits,
            _targets(target, logits),
            measure=self.distortion,
            clamp=self.clamp,
            antithetic=self.solver.antithetic,
            chunk=self.chunk,
        )
        start = initial_mask(self.start, objective, generator)
        lambda_k = torch.full((len(images),), self.lambda_k).to(images)
        solution = solve(objective, start, lambda_k, self.solver, generator, progress=progress)
        return self._explanation(objective, images, solution, generator, settings)

    @torch.no_grad()
    def _explanation(
        self,
        objective: Objective,
        images: Tensor,
        solution: Solution,
        generator: torch.Generator,
        settings: dict[str, Any],
    ) -> Explanation:
        fields = objective.draw(self.evaluation_samples, generator)
        answer = objective.answer(solution.mask, fields)
        target = objective.target
        rate = solution.mask.mean(1)
        before = objective.logits.softmax(-1)
        after = answer.probabilities.argmax(1)
        return Explanation(
            picture=self.picture(objective.representation, images, solution.mask).cpu(),
            mask=solution.mask.cpu(),
            distortion=answer.distortion.cpu(),
            distortion_error=answer.spread.cpu(),
            nonsparsity=rate.cpu(),
            loss=(answer.distortion + solution.lambda_k * rate).cpu(),
            lambda_k=solution.lambda_k.cpu(),
            target=target.cpu(),
            predicted=before.argmax(1).cpu(),
            probability=before.gather(1, target[:, None]).squeeze(1).cpu(),
            probability_after=answer.probabilities.gather(1, target[:, None]).squeeze(1).cpu(),
            predicted_after=after.cpu(),
            label_kept=(after == target).cpu(),
            converged=solution.converged,
            steps=solution.steps,
            residual=solution.residual.cpu(),
            history=solution.history,
            settings=settings,
        )

    def _settings(self, images: Tensor, generator: torch.Generator) -> dict[str, Any]:
        return {
            "method": self.method,
            "representation": repr(self.representation(images.shape[-2:])),
            "classifier": self.classifier.name,
            "normalize": self.classifier.normalize,
            "weights_hash": self.classifier.weights_hash,
            "lambda_k": self.lambda_k,
            "distortion": self.distortion,
            "start": self.start if isinstance(self.start, str) else "mask",
            "clamp": self.clamp,
            "solver": self.solver.model_dump(),
            "seed": generator.initial_seed(),
            "evaluation_samples": self.evaluation_samples,
            "device": str(self.device),
            "versions": versions(),
        }


class CartoonX(Explainer):
    """Explain by the wavelet coefficients that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier : Classifier, nn.Module or str
        As for `rcx.load_classifier`. Comes back as it was.
    lambda_k : float
        Trade-off: distortion units per unit of non-sparsity. The larger, the sparser.
    wavelet, levels, padding
        See `rcx.representations.Wavelets`.
    distortion : {"probability", "l2", "kl", "maximise-target"}
        See `rcx.distortion.distortion`.
    start : {"ones", "random", "uniform"} or Tensor
        See `rcx.starts.initial_mask`.
    solver : {"fast", "published"} or SolverSettings
        The published settings take 2,000 steps of 64 samples.
    clamp : bool
        Clamp obfuscated images to [0, 1] before they are classified, as published.
    seed : int
        For the random draws, where `explain` is given no generator.
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.
    chunk : int, optional
        Most obfuscated images in one pass through the network; None chooses.
    evaluation_samples : int
        Fresh noise samples for the distortion that is reported.

    References
    ----------
    .. [1] S. Kolek, D. A. Nguyen, R. Levie, J. Bruna, G. Kutyniok, "Cartoon Explanations of Image
       Classifiers", ECCV 2022.
    """

    method = "CartoonX"
    default_lambda_k = 20.0

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        wavelet: str = "db3",
        levels: int = 5,
        padding: str = "zero",
        **options: Any,
    ) -> None:
        super().__init__(classifier, lambda_k, **options)
        self.wavelet, self.levels, self.padding = wavelet, levels, padding

    def representation(self, size: Sequence[int]) -> Wavelets:
        """Wavelets for images of a size ``(H, W)``."""
        return Wavelets(size, self.wavelet, self.levels, self.padding)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the cartoon: the grey image synthesised from its masked coefficients."""
        grey = representation.analyse(images.mean(1, keepdim=True))
        return representation.synthesise(mask[:, None] * grey).clamp(0, 1)


class PixelRDE(Explainer):
    """Explain by the pixels that keep the classifier's answer [1]_.

    Parameters
    ----------
    classifier, distortion, start, solver, seed, device, chunk, evaluation_samples
        As for `CartoonX`.
    lambda_k : float
        As for `CartoonX`; 4 by default, as in the report.
    clamp : bool
        Clamp obfuscated images to [0, 1] before they are classified. The published code does this
        for CartoonX only; hence False.

    References
    ----------
    .. [1] S. Kolek et al., "A rate-distortion framework for explaining black-box model decisions",
       xxAI, 2022.
    """

    method = "Pixel RDE"
    default_lambda_k = 4.0

    def __init__(
        self,
        classifier: Classifier | nn.Module | str,
        lambda_k: float | None = None,
        *,
        clamp: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(classifier, lambda_k, clamp=clamp, **options)

    def representation(self, size: Sequence[int]) -> Pixels:
        """Pixels of images of a size ``(H, W)``."""
        return Pixels(size)

    def picture(self, representation: Representation, images: Tensor, mask: Tensor) -> Tensor:
        """Draw the mask itself."""
        return representation.synthesise(mask[:, None])


def _checked_lambda(lambda_k: float) -> float:
    if not math.isfinite(lambda_k) or lambda_k < 0:
        raise ValueError(f"lambda_k must be a number of at least 0, got {lambda_k!r}")
    return float(lambda_k)


def _device(device: str | torch.device) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def _checked_images(images: Tensor) -> Tensor:
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"images must be a float tensor (N, C, H, W) in [0, 1], got {kind}")
    images = images.detach().float()
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"images must have the shape (N, C, H, W), got {tuple(images.shape)}")
    outside = ~((images >= 0) & (images <= 1)).flatten(1).all(1)
    if outside.any():
        raise ValueError(
            f"images must be in [0, 1] and without NaN, image {int(outside.nonzero()[0])} is not; "
            "divide by 255, and leave normalisation to the classifier"
        )
    return images


def _targets(target: int | Sequence[int] | Tensor | None, logits: Tensor) -> Tensor:
    count, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    chosen = torch.as_tensor(target, device=logits.device)
    if chosen.is_floating_point() or chosen.shape not in ((), (count,)):
        raise ValueError(f"target must be one class or {count}, as whole numbers, got {target!r}")
    if bool(((chosen < 0) | (chosen >= classes)).any()):
        raise ValueError(f"target must be from 0 to {classes - 1}, got {target!r}")
    return chosen.long().expand(count)
