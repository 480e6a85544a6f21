"""The loss of a batch of masks: distortion plus lambda times rate, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rcx.classifiers import ClassifierError
from rcx.distortion import DistortionMeasure, check_measure, distortion
from rcx.noise import adaptive_gaussian, obfuscate
from rcx.representations import Representation

# one network pass holds about this many pixels: caches on a CPU, parallelism on a GPU
_PIXELS_PER_PASS = {"cpu": 2**20, "cuda": 2**24}


class Answer(NamedTuple):
    """What the classifier says of the obfuscations of N masks.

    Attributes
    ----------
    distortion : Tensor
        ``(N,)`` mean over the noise samples.
    probabilities : Tensor
        ``(N, classes)`` mean over the noise samples.
    spread : Tensor
        ``(N,)`` standard error of the mean distortion.
    """

    distortion: Tensor
    probabilities: Tensor
    spread: Tensor


class Objective:
    """Distortion of masks over the coefficients of a batch of images.

    Parameters
    ----------
    classifier : nn.Module
        From images ``(N, C, H, W)`` in [0, 1] to logits ``(N, classes)``.
    representation : Representation
        For images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    logits : Tensor
        ``(N, classes)``, the classifier's answer to the images.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    measure : str
        See `rcx.distortion.distortion`.
    clamp : bool
        Clamp obfuscations to [0, 1].
    antithetic : bool
        Use each noise field with both signs.
    chunk : int, optional
        Largest number of obfuscations in one pass through the network, at least one noise field's;
        None chooses by image size
        and device. Memory grows with it, results do not depend on it (beyond rounding).
    """

    def __init__(
        self,
        classifier: nn.Module,
        representation: Representation,
        images: Tensor,
        logits: Tensor,
        target: Tensor,
        *,
        measure: DistortionMeasure = "probability",
        clamp: bool = True,
        antithetic: bool = True,
        chunk: int | None = None,
    ) -> None:
        check_measure(measure)
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 obfuscation per pass, got {chunk}")
        self.classifier, self.representation = classifier, representation
        self.measure, self.clamp = measure, clamp
        self.logits, self.target = logits, target
        self.coefficients = representation.analyse(images)
        self.noise = adaptive_gaussian(self.coefficients, representation.bands)
        self.signs = torch.tensor((1.0, -1.0) if antithetic else (1.0,)).to(images)
        pixels = _PIXELS_PER_PASS.get(images.device.type, 2**20)
        self.chunk = chunk or max(2, pixels // (images.shape[-1] * images.shape[-2]))

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def probability(self) -> Tensor:
        """Probability ``(N,)`` of the explained classes, for the images themselves."""
        return self.logits.softmax(-1).gather(1, self.target[:, None]).squeeze(1)

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """Standard normal fields ``(F, C, K)`` for (at least) this many samples per image.

        The fields are common to the images, so an image's result does not depend on its batch.
        They are drawn where the generator lives, so that a CPU generator gives the same noise on
        every device.
        """
        fields = -(-samples // len(self.signs))
        shape = (fields, *self.coefficients.shape[1:])
        drawn = torch.randn(shape, generator=generator, device=generator.device)
        return drawn.to(self.coefficients)

    def gradient(self, mask: Tensor, fields: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean distortion ``(n,)`` and its gradient ``(n, K)`` for the images ``rows`` ``(n,)``.

        ``mask`` is ``(n, K)``. Classifier and coefficients stay fixed; nothing is accumulated in
        their ``grad``.
        """
        values = mask.new_zeros(len(mask))
        gradient = torch.zeros_like(mask)
        with torch.enable_grad():
            for part, some in self._passes(len(mask), fields):
                free = mask[part].detach().requires_grad_()
                logits = self._answer(free, some, rows[part])
                distances = self._distances(logits, rows[part])
                share = distances.mean(dim=1) * (len(some) / len(fields))
                (slope,) = torch.autograd.grad(share.sum(), free)
                values[part] += share.detach()
                gradient[part] += slope
        self._check(values, rows)
        return values, gradient

    @torch.no_grad()
    def answer(self, mask: Tensor, fields: Tensor, rows: Tensor | None = None) -> Answer:
        """Distortion and probabilities of masks ``(n, K)``, without a gradient."""
        rows = torch.arange(len(mask), device=mask.device) if rows is None else rows
        samples = len(fields) * len(self.signs)
        first, second = mask.new_zeros(len(mask)), mask.new_zeros(len(mask))
        probabilities = torch.zeros_like(self.logits[rows])
        for part, some in self._passes(len(mask), fields):
            logits = self._answer(mask[part], some, rows[part])
            distances = self._distances(logits, rows[part])
            first[part] += distances.sum(1) / samples
            second[part] += distances.square().sum(1) / samples
            probabilities[part] += logits.softmax(-1).sum(1) / samples
        self._check(first, rows)
        variance = (second - first.square()).clamp_min(0)
        return Answer(first, probabilities, (variance / samples).sqrt())

    def _passes(self, images: int, fields: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Split images and noise fields so that no pass holds more than ``chunk`` obfuscations."""
        per_pass = max(1, self.chunk // len(self.signs))
        images_per_pass = max(1, self.chunk // (len(self.signs) * min(len(fields), per_pass)))
        for start in range(0, images, images_per_pass):
            for some in fields.split(per_pass):
                yield slice(start, start + images_per_pass), some

    def _answer(self, mask: Tensor, fields: Tensor, rows: Tensor) -> Tensor:
        """Logits ``(n, L, classes)`` of the obfuscations."""
        noise = type(self.noise)(*(statistic[rows] for statistic in self.noise))
        obfuscations = obfuscate(
            self.representation,
            self.coefficients[rows],
            mask,
            noise,
            fields,
            self.signs,
            clamp=self.clamp,
        )
        # the order of axes in which convolutions and their gradients are quickest
        batch = obfuscations.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return self.classifier(batch).unflatten(0, obfuscations.shape[:2])

    def _check(self, distortion: Tensor, rows: Tensor) -> None:
        bad = ~distortion.isfinite()
        if bad.any():
            raise ClassifierError(
                "the classifier returned NaN or infinite logits for an obfuscation of image "
                f"{int(rows[bad][0])} of the batch"
            )

    def _distances(self, logits: Tensor, rows: Tensor) -> Tensor:
        return distortion(self.measure, logits, self.logits[rows], self.target[rows])
