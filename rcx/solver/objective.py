"""The loss of a batch of masks: distortion plus lambda times rate, and its gradient."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rcx.classifiers.classifier import ClassifierError
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure, check_measure, distortion
from rcx.solver.lanes import Lanes
from rcx.solver.noise import GaussianNoise, adaptive_gaussian, obfuscate

# one network pass holds about this many pixels: caches on a CPU, parallelism on a GPU
_PIXELS_PER_PASS = {"cpu": 2**20, "cuda": 2**24}


class _Pass(NamedTuple):
    """Images, the noise fields that they meet, with which signs, and their share of all samples."""

    images: slice
    fields: Tensor
    signs: Tensor | None
    share: float


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
    classifier : nn.Module or Lanes
        From images ``(N, C, H, W)`` in [0, 1] to logits ``(N, classes)``; lanes to make several
        passes at a time.
    representation : Representation
        For images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    logits : Tensor
        ``(N, classes)``, the classifier's answer to the images.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    measure : str
        See `rcx.solver.distortion`.
    clamp : bool
        Clamp obfuscations to [0, 1].
    antithetic : bool
        Use each noise field with both signs.
    chunk : int, optional
        Largest number of obfuscations in one pass through the network, at least one noise field's;
        None chooses by image size
        and device. Memory grows with it, results do not depend on it (beyond rounding).
    first : int
        Number of the first image, in errors.
    """

    def __init__(
        self,
        classifier: nn.Module | Lanes,
        representation: Representation,
        images: Tensor,
        logits: Tensor,
        target: Tensor,
        *,
        measure: DistortionMeasure = "probability",
        clamp: bool = True,
        antithetic: bool = True,
        chunk: int | None = None,
        first: int = 0,
    ) -> None:
        check_measure(measure)
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 obfuscation per pass, got {chunk}")
        self.lanes = classifier if isinstance(classifier, Lanes) else Lanes(classifier, 1)
        self.representation = representation
        self.measure, self.clamp = measure, clamp
        self.logits, self.target = logits, target
        self.numbers = torch.arange(first, first + len(images))
        self.coefficients = representation.analyse(images)
        self.noise = adaptive_gaussian(self.coefficients, representation.bands)
        self.signs = torch.tensor((1.0, -1.0)).to(images) if antithetic else None
        pixels = _PIXELS_PER_PASS.get(images.device.type, 2**20)
        self.samples_per_field = 2 if antithetic else 1
        self.chunk = chunk or max(2, pixels // (images.shape[-1] * images.shape[-2]))

    def __len__(self) -> int:
        return len(self.coefficients)

    def select(self, rows: Tensor) -> Objective:
        """The same for the images ``rows`` ``(n,)`` alone."""
        chosen = copy.copy(self)
        chosen.logits, chosen.target = self.logits[rows], self.target[rows]
        chosen.numbers = self.numbers[rows.cpu()]
        chosen.coefficients = self.coefficients[rows]
        chosen.noise = GaussianNoise(*(statistic[rows] for statistic in self.noise))
        return chosen

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
        fields = -(-samples // self.samples_per_field)
        shape = (fields, *self.coefficients.shape[1:])
        drawn = torch.randn(shape, generator=generator, device=generator.device)
        return drawn.to(self.coefficients)

    def gradient(self, mask: Tensor, fields: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean distortion ``(n,)`` and its gradient ``(n, K)`` for the images ``rows`` ``(n,)``.

        ``mask`` is ``(n, K)``. Classifier and coefficients stay fixed; nothing is accumulated in
        their ``grad``.
        """

        @torch.enable_grad()
        def slope(classifier: nn.Module, chosen: _Pass) -> tuple[Tensor, Tensor]:
            part = chosen.images
            free = mask[part].detach().requires_grad_()
            logits = self._answer(classifier, free, chosen, rows[part])
            share = self._distances(logits, rows[part]).mean(1) * chosen.share
            (gradient,) = torch.autograd.grad(share.sum(), free)
            return share.detach(), gradient

        values, gradient = mask.new_zeros(len(mask)), torch.zeros_like(mask)
        passes = self._passes(len(mask), fields)
        for chosen, (share, steepest) in zip(passes, self.lanes.map(slope, passes), strict=True):
            values[chosen.images] += share
            gradient[chosen.images] += steepest
        self._check(values, rows)
        return values, gradient

    @torch.no_grad()
    def answer(self, mask: Tensor, fields: Tensor, rows: Tensor | None = None) -> Answer:
        """Distortion and probabilities of masks ``(n, K)``, without a gradient."""
        rows = torch.arange(len(mask), device=mask.device) if rows is None else rows
        samples = len(fields) * self.samples_per_field
        first, second = mask.new_zeros(len(mask)), mask.new_zeros(len(mask))
        probabilities = torch.zeros_like(self.logits[rows])

        @torch.no_grad()
        def judge(classifier: nn.Module, chosen: _Pass) -> tuple[Tensor, Tensor]:
            part = chosen.images
            logits = self._answer(classifier, mask[part], chosen, rows[part])
            return self._distances(logits, rows[part]), logits.softmax(-1)

        passes = self._passes(len(mask), fields)
        judged = self.lanes.map(judge, passes)
        for (part, *_), (distances, answers) in zip(passes, judged, strict=True):
            first[part] += distances.sum(1) / samples
            second[part] += distances.square().sum(1) / samples
            probabilities[part] += answers.sum(1) / samples
        self._check(first, rows)
        variance = (second - first.square()).clamp_min(0)
        return Answer(first, probabilities, (variance / samples).sqrt())

    def ends(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        """Distortions ``(N,)`` of the image itself, and of the empty mask."""
        rows = torch.arange(len(self), device=self.logits.device)
        whole = self._distances(self.logits[:, None], rows).squeeze(1)
        return whole, self.answer(torch.zeros_like(self.coefficients[:, 0]), fields).distortion

    def _passes(self, images: int, fields: Tensor) -> list[_Pass]:
        """Split images and noise fields so that no pass holds more than ``chunk`` obfuscations.

        And so that every lane has a part, where there is enough to do: of a single noise field each
        lane has another sign.
        """
        if images == len(fields) == 1 < len(self.lanes) and self.signs is not None:
            whole = slice(0, 1)
            return [_Pass(whole, sign * fields, None, 1 / len(self.signs)) for sign in self.signs]
        each = self.samples_per_field
        share = -(-images * len(fields) * each // len(self.lanes))
        most = max(each, min(self.chunk, share)) // each
        images_per_pass = max(1, most // min(len(fields), most))
        return [
            _Pass(slice(start, start + images_per_pass), some, self.signs, len(some) / len(fields))
            for start in range(0, images, images_per_pass)
            for some in fields.split(most)
        ]

    def _answer(self, classifier: nn.Module, mask: Tensor, chosen: _Pass, rows: Tensor) -> Tensor:
        """Logits ``(n, L, classes)`` of the obfuscations."""
        noise = GaussianNoise(*(statistic[rows] for statistic in self.noise))
        obfuscations = obfuscate(
            self.representation,
            self.coefficients[rows],
            mask,
            noise,
            chosen.fields,
            chosen.signs,
            clamp=self.clamp,
        )
        # the order of axes in which convolutions and their gradients are quickest
        batch = obfuscations.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return classifier(batch).unflatten(0, obfuscations.shape[:2])

    def _check(self, distortion: Tensor, rows: Tensor) -> None:
        bad = ~distortion.isfinite()
        if bad.any():
            raise ClassifierError(
                "the classifier returned NaN or infinite logits for an obfuscation of image "
                f"{int(self.numbers[rows[bad][0].cpu()])} of the batch"
            )

    def _distances(self, logits: Tensor, rows: Tensor) -> Tensor:
        return distortion(self.measure, logits, self.logits[rows], self.target[rows])
