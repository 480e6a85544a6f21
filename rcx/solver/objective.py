"""The distortion of masks and its gradient, by passes of obfuscated images through a classifier."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from rcx.classifiers.answers import CLASSES, ClassifierError, Meaning
from rcx.representations.representation import Representation
from rcx.solver.distortion import (
    LEAST_PROBABILITY,
    DistortionMeasure,
    check_measure,
    distortion,
    steadied,
)
from rcx.solver.lanes import Lanes
from rcx.solver.noise import (
    BandNoise,
    Clamp,
    NoiseKind,
    draw_fields,
    make_noise,
    obfuscate,
)
from rcx.solver.passes import Answer, Pass, split_passes, usual_chunk
from rcx.solver.spatial import spatial_penalty


class Objective:
    """The distortion of masks on the coefficients of a batch of images.

    Parameters
    ----------
    classifier : nn.Module or Lanes
        The classifier, from images ``(N, C, H, W)`` in [0, 1] to logits ``(N, classes)``. Lanes
        make several passes at a time.
    representation : Representation
        Representation of images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1].
    logits : Tensor
        ``(N, classes)``, the classifier's answers to the images.
    target : Tensor
        ``(N,)`` int64, the explained classes.
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        The measure of distortion, see `rcx.solver.distortion`.
    clamp : bool or "coefficients"
        Whether to clamp obfuscations to [0, 1], see `rcx.solver.Clamp`.
    noise : {"gaussian", "uniform", "zero", "blur"}
        What replaces that which is not kept, see `rcx.solver.make_noise`.
    grey_noise : bool
        Whether the noise is that of the grey image, and the same in all colours.
    spatial_penalty : float
        Weight of the picture's mean brightness, not negative.
    antithetic : bool
        Whether to use each noise field with both signs.
    meaning : Meaning
        How logits become scores, by default those of classes.
    chunk : int, optional
        Largest number of obfuscations in one pass through the network. A pass holds at least those
        of one noise field. Memory grows with it; results depend on it by rounding only. None
        chooses by the size of the images and the device.
    first : int
        Number of the first image in error messages.

    Raises
    ------
    ValueError
        For an unknown measure, or a chunk below 1.
    """

    spatial_penalty: float = 0.0

    def __init__(
        self,
        classifier: nn.Module | Lanes,
        representation: Representation,
        images: Tensor,
        logits: Tensor,
        target: Tensor,
        *,
        measure: DistortionMeasure,
        clamp: Clamp = True,
        noise: NoiseKind = "gaussian",
        grey_noise: bool = False,
        spatial_penalty: float = 0.0,
        antithetic: bool = True,
        meaning: Meaning = CLASSES,
        chunk: int | None = None,
        first: int = 0,
    ) -> None:
        check_measure(measure, meaning)
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk must be at least 1 obfuscation per pass, got {chunk}")
        self.lanes = classifier if isinstance(classifier, Lanes) else Lanes(classifier, 1)
        self.representation = representation
        self.measure, self.clamp, self.meaning = measure, clamp, meaning
        self.logits, self.target = logits, target
        self.numbers = torch.arange(first, first + len(images))
        self.coefficients = representation.analyse(images)
        self.noise_kind, self.grey_noise = noise, grey_noise
        self.noise = make_noise(noise, representation, images, self.coefficients, grey=grey_noise)
        self.spatial_penalty = spatial_penalty
        antithetic &= noise in ("gaussian", "uniform")
        self.signs = torch.tensor((1.0, -1.0)).to(images) if antithetic else None
        self.samples_per_field = 2 if antithetic else 1
        self.chunk = chunk or usual_chunk(images)
        self._check_scores()

    def __len__(self) -> int:
        return len(self.coefficients)

    def select(self, rows: Tensor) -> Objective:
        """Return the objective for the images ``rows`` ``(n,)`` alone."""
        selection = copy.copy(self)
        selection.logits, selection.target = self.logits[rows], self.target[rows]
        selection.numbers = self.numbers[rows.cpu()]
        selection.coefficients = self.coefficients[rows]
        selection.noise = BandNoise(*(statistic[rows] for statistic in self.noise))
        return selection

    @property
    def scores(self) -> Tensor:
        """Probabilities or scores ``(N, classes)`` of the images themselves."""
        return self.meaning.scores(self.logits)

    @property
    def probability(self) -> Tensor:
        """Probabilities or scores ``(N,)`` of the explained classes for the images themselves."""
        return self.scores.gather(1, self.target[:, None]).squeeze(1)

    def kept(self, scores: Tensor, rows: Tensor | None = None) -> Tensor:
        """Whether scores ``(n, classes)`` of obfuscations keep the answers, ``(n,)`` bool.

        ``rows`` ``(n,)`` are the images that the scores are of; by default all, in order.
        """
        rows = torch.arange(len(scores), device=scores.device) if rows is None else rows
        return self.meaning.kept(self.scores[rows], scores, self.target[rows])

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """Draw fields of noise ``(F, C, K)`` for at least this many samples per image.

        Noise that the colours share has fields ``(F, 1, K)``. Where nothing is random, there is one
        field. Fields are common to the images, so that a result does not depend on its batch.
        They are drawn on the generator's device, so that a CPU generator gives the same noise on
        every device.
        """
        fields = -(-samples // self.samples_per_field)
        colours = 1 if self.grey_noise else self.coefficients.shape[1]
        shape = (fields, colours, self.coefficients.shape[-1])
        return draw_fields(self.noise_kind, shape, generator).to(self.coefficients)

    def gradient(self, mask: Tensor, fields: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Measure mean distortions and their gradients.

        Nothing is accumulated in the ``grad`` of the classifier's parameters.

        Parameters
        ----------
        mask : Tensor
            ``(n, K)`` in [0, 1].
        fields : Tensor
            ``(F, C, K)``, noise fields from `draw`.
        rows : Tensor
            ``(n,)`` int64, the images that the masks are of.

        Returns
        -------
        distortion : Tensor
            ``(n,)``, means over the noise samples.
        gradient : Tensor
            ``(n, K)``, derivatives by the mask of these distortions, with Huber's loss in place of
            the square where a relative distortion is above 1.

        Raises
        ------
        rcx.classifiers.ClassifierError
            If the classifier returns NaN or infinite logits.
        """

        @torch.enable_grad()
        def derivative(classifier: nn.Module, batch: Pass) -> tuple[Tensor, Tensor]:
            images = rows[batch.images]
            part = mask[batch.images].detach().requires_grad_()
            logits = self._logits(classifier, part, batch, images)
            distances = self._distances(logits, images)
            steady = steadied(self.measure, distances).mean(1) * batch.share
            total = steady.sum()
            gradient = None
            if total.requires_grad:
                (gradient,) = torch.autograd.grad(total, part, allow_unused=True)
            if gradient is None:
                raise ClassifierError(
                    "no gradient reaches the image through the classifier: it computes under "
                    "torch.no_grad, detaches a tensor, takes an argmax, or is quantised"
                )
            return distances.detach().mean(1) * batch.share, gradient

        distortion, gradient = mask.new_zeros(len(mask)), torch.zeros_like(mask)
        batches = split_passes(len(mask), fields, self.signs, self.chunk, self.lanes.parts)
        parts = self.lanes.map(derivative, batches)
        for batch, (distortion_part, gradient_part) in zip(batches, parts, strict=True):
            distortion[batch.images] += distortion_part
            gradient[batch.images] += gradient_part
        self._check(distortion, rows)
        return distortion, gradient

    def penalty(self, mask: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Measure the weighted spatial penalty ``(n,)`` of masks, and its derivatives ``(n, K)``.

        ``rows`` ``(n,)`` are the images that the masks are of; by default all, in order.
        """
        coefficients = self.coefficients if rows is None else self.coefficients[rows]
        value, gradient = spatial_penalty(self.representation, coefficients.mean(1), mask)
        return self.spatial_penalty * value, self.spatial_penalty * gradient

    @torch.no_grad()
    def answer(self, mask: Tensor, fields: Tensor, rows: Tensor | None = None) -> Answer:
        """Measure distortions and probabilities, without a gradient.

        Parameters
        ----------
        mask : Tensor
            ``(n, K)`` in [0, 1].
        fields : Tensor
            ``(F, C, K)``, noise fields from `draw`.
        rows : Tensor, optional
            ``(n,)`` int64, the images that the masks are of; by default all, in order.

        Raises
        ------
        rcx.classifiers.ClassifierError
            If the classifier returns NaN or infinite logits.
        """
        rows = torch.arange(len(mask), device=mask.device) if rows is None else rows
        samples = len(fields) * self.samples_per_field
        mean, square = mask.new_zeros(len(mask)), mask.new_zeros(len(mask))
        scores = torch.zeros_like(self.logits[rows])

        @torch.no_grad()
        def measurement(classifier: nn.Module, batch: Pass) -> tuple[Tensor, Tensor]:
            images = rows[batch.images]
            logits = self._logits(classifier, mask[batch.images], batch, images)
            return self._distances(logits, images), self.meaning.scores(logits)

        batches = split_passes(len(mask), fields, self.signs, self.chunk, self.lanes.parts)
        parts = self.lanes.map(measurement, batches)
        for batch, (distances, answers) in zip(batches, parts, strict=True):
            mean[batch.images] += distances.sum(1) / samples
            square[batch.images] += distances.square().sum(1) / samples
            scores[batch.images] += answers.sum(1) / samples
        self._check(mean, rows)
        variance = (square - mean.square()).clamp_min(0)
        return Answer(mean, scores, (variance / samples).sqrt())

    def ends(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        """Distortions ``(N,)`` of the images themselves, and those of the empty masks."""
        rows = torch.arange(len(self), device=self.logits.device)
        whole = self._distances(self.logits[:, None], rows).squeeze(1)
        return whole, self.answer(torch.zeros_like(self.coefficients[:, 0]), fields).distortion

    def _logits(self, classifier: nn.Module, mask: Tensor, batch: Pass, rows: Tensor) -> Tensor:
        """Classify the obfuscations of one pass: logits ``(n, L, classes)``."""
        noise = BandNoise(*(statistic[rows] for statistic in self.noise))
        obfuscations = obfuscate(
            self.representation,
            self.coefficients[rows],
            mask,
            noise,
            batch.fields,
            batch.signs,
            clamp=self.clamp,
        )
        # Convolutions and their gradients are fastest in this order of axes.
        flat = obfuscations.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        logits: Tensor = classifier(flat)
        return logits.view(*obfuscations.shape[:2], -1)

    def _check_scores(self) -> None:
        """Refuse scores of 0 if a change is to be relative to the score's own size."""
        zero = self.meaning.sizes(self.probability) < LEAST_PROBABILITY
        if self.measure == "relative" and self.meaning.kind == "score" and bool(zero.any()):
            raise ClassifierError(
                f"the score of image {int(self.numbers[zero.cpu()][0])} is 0, so that no change "
                "can be relative to it: give scale=, the change that counts as large"
            )

    def _check(self, distortion: Tensor, rows: Tensor) -> None:
        invalid = ~distortion.isfinite()
        if invalid.any():
            raise ClassifierError(
                "the classifier returned NaN or infinite logits for an obfuscation of image "
                f"{int(self.numbers[rows[invalid][0].cpu()])} of the batch"
            )

    def _distances(self, logits: Tensor, rows: Tensor) -> Tensor:
        return distortion(self.measure, logits, self.logits[rows], self.target[rows], self.meaning)
