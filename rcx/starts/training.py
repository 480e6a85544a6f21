"""Training of a start network, directly on the solver's objective."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from rcx.classifiers.classifier import Classifier, inference_copy
from rcx.classifiers.devices import chosen_device
from rcx.images.checks import checked_images
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.objective import Objective
from rcx.solver.settings import checked_lambda
from rcx.starts.network import (
    Evidence,
    StartNetwork,
    StartSettings,
    gather_evidence,
    orientations,
)
from rcx.system.files import packed, unpacked, write_whole
from rcx.system.machine import versions

_WIDTHS = (8, 16, 24, 32)  # of the finest bands, from the finest; coarser ones are as the last
_SMALLEST_PRICE = 0.02  # share of lambda that training begins with
_TIMED_STEPS = 8
TrainingProgress = Callable[[str, int, int, float], None]


class TrainingSettings(BaseModel):
    """How a start network is trained.

    Attributes
    ----------
    steps : int
        Number of batches.
    batch_size : int
        Images in a batch.
    samples : int
        Noise samples per image and step.
    learning_rate : float
        Peak of Adam's step size, which rises over the first twentieth of the steps and then falls
        as a cosine.
    lambda_k : (float, float)
        Lambdas are drawn between these, uniformly in their logarithm.
    caution : float
        What a rate costs in training, as a share of lambda. Below 1 the network prefers a mask that
        is denser than the best one: a superfluous coefficient is soon deleted, and one that is
        missing may never come back.
    rising_share : float
        Share of the steps over which that cost rises to its full size, so that the class is learnt
        to be kept before the masks get sparse.
    seed : int
        Of initial weights, batches, lambdas and noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(4000, ge=1)
    batch_size: int = Field(8, ge=1)
    samples: int = Field(4, ge=1)
    learning_rate: float = Field(3e-3, gt=0)
    lambda_k: tuple[float, float] = (5.0, 80.0)
    caution: float = Field(0.7, gt=0, le=1)
    rising_share: float = Field(0.5, ge=0, le=1)
    seed: int = Field(0, ge=0)

    @field_validator("lambda_k")
    @classmethod
    def _rising(cls, ends: tuple[float, float]) -> tuple[float, float]:
        low, high = (checked_lambda(end) for end in ends)
        if low > high:
            raise ValueError(f"the range of lambdas must rise, got {low:g} to {high:g}")
        return low, high

    def rate_of_learning(self, step: int) -> float:
        """Step size at a step, counted from 0."""
        done = (step + 1) / self.steps
        return self.learning_rate * min(
            20 * done, 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        )

    def price(self, step: int) -> float:
        """What a rate costs at a step, as a share of lambda."""
        rising = max(1.0, self.rising_share * self.steps)
        return self.caution * _SMALLEST_PRICE ** (1 - min(1.0, step / rising))


class Lessons(NamedTuple):
    """Images to learn from, with the evidence for each, small enough for memory.

    Attributes
    ----------
    images : Tensor
        ``(N, C, H, W)`` uint8.
    logits : Tensor
        ``(N, classes)``.
    slopes : Tensor
        ``(N, P, K)``, half precision, on a scale that `asinh` gives.
    distortions : Tensor
        ``(N, P)``.
    """

    images: Tensor
    logits: Tensor
    slopes: Tensor
    distortions: Tensor


class Trainer:
    """Trains a start network for a classifier and a representation.

    Parameters
    ----------
    classifier : Classifier
        What is to be explained.
    representation : Representation
        Of images of the size of ``images``.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1], to learn from.
    settings : TrainingSettings
        How to train.
    method : str
        Name of the explainer that the network is for, ``"CartoonX"`` or ``"Pixel RDE"``.
    measure : str
        See `rcx.solver.distortion`.
    clamp : bool
        Whether obfuscations are clamped to [0, 1].
    device : str or torch.device
        ``"auto"`` takes a GPU where there is one.
    report : callable, optional
        Called with what is being done, how much of it is done, how much there is, and the mean
        loss.
    """

    def __init__(
        self,
        classifier: Classifier,
        representation: Representation,
        images: Tensor,
        settings: TrainingSettings,
        *,
        method: str,
        measure: DistortionMeasure = "relative",
        clamp: bool = True,
        device: str | torch.device = "auto",
        report: TrainingProgress | None = None,
    ) -> None:
        images = checked_images(images)
        self.representation, self.settings = representation, settings
        self.measure, self.clamp = measure, clamp
        self.report = report or (lambda *_: None)
        self.device = chosen_device(device)
        self.model = inference_copy(classifier, self.device, images)
        self.model.to(memory_format=torch.channels_last)
        count = len(representation.bands)
        widths = [_WIDTHS[min(place, len(_WIDTHS) - 1)] for place in range(count)][::-1]
        shape = StartSettings(
            representation=representation.name,
            size=tuple(images.shape[-2:]),
            channels=orientations(representation),
            widths=tuple(widths),
            lambda_k=settings.lambda_k,
            method=method,
            classifier=classifier.name,
            weights_hash=classifier.weights_hash,
        )
        self.generator = torch.Generator().manual_seed(settings.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)  # initial weights are drawn from the global generator
            self.network = StartNetwork(shape).to(self.device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), betas=(0.9, 0.99))
        self.step, self.loss, self.seconds = 0, math.nan, 0.0
        self.lessons = self._prepare((255 * images).round().to(torch.uint8))
        self.images_hash = hashlib.sha256(self.lessons.images.numpy().tobytes()).hexdigest()

    def _objective(self, images: Tensor, logits: Tensor | None = None) -> Objective:
        images = images.to(self.device) / 255
        with torch.no_grad():
            known = self.model(images) if logits is None else logits.to(images)
        return Objective(
            self.model,
            self.representation,
            images,
            known,
            known.argmax(1),
            measure=self.measure,
            clamp=self.clamp,
        )

    def _prepare(self, images: Tensor) -> Lessons:
        """Gather the evidence for every image once: it costs more than a step of training."""
        logits, slopes, distortions = [], [], []
        for start in range(0, len(images), self.settings.batch_size):
            objective = self._objective(images[start : start + self.settings.batch_size])
            found = gather_evidence(objective, self.network.settings, self.generator)
            logits.append(objective.logits.cpu())
            slopes.append(found.slopes.asinh().half().cpu())
            distortions.append(found.distortions.cpu())
            self.report("looking", min(len(images), start + len(objective)), len(images), math.nan)
        return Lessons(images, *(torch.cat(parts) for parts in (logits, slopes, distortions)))

    def train(self, until: int | None = None) -> None:
        """Take the steps that are left, or those before ``until``."""
        begin = time.perf_counter() - self.seconds
        self.network.train()
        while self.step < (self.settings.steps if until is None else until):
            loss = self._learn()
            self.loss = loss if math.isnan(self.loss) else self.loss + (loss - self.loss) / 100
            self.step += 1
            self.seconds = time.perf_counter() - begin
            self.report("training", self.step, self.settings.steps, self.loss)
        self.network.eval()
        self.network.history = {
            "training": self.settings.model_dump(),
            "images": len(self.lessons.images),
            "images_hash": self.images_hash,
            "steps": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "versions": versions(),
        }

    def train_and_keep(self, path: Path, *, every: float = 120.0) -> None:
        """Train to the end, and write a checkpoint every so many seconds and when interrupted."""
        try:
            while self.step < self.settings.steps:
                begin, done = time.perf_counter(), self.step
                self.train(self.step + 1)
                pace = (time.perf_counter() - begin) / (self.step - done)
                self.train(min(self.settings.steps, self.step + max(1, int(every / pace))))
                self.keep(path)
        except KeyboardInterrupt:
            self.keep(path)
            raise

    def fit_minutes(self, minutes: float) -> None:
        """Choose the number of steps that takes so long, by timing a few that leave no trace."""
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        state, begin = self.generator.get_state(), time.perf_counter()
        for _ in range(_TIMED_STEPS):
            self._learn()
        pace = (time.perf_counter() - begin) / _TIMED_STEPS
        self.network.load_state_dict(weights)
        self.optimiser.state.clear()
        self.generator.set_state(state)
        steps = max(1, int(60 * minutes / pace))
        self.settings = self.settings.model_copy(update={"steps": steps})

    def keep(self, path: Path) -> None:
        """Write all that is needed to go on later."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for place, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{place}.{name}": value for name, value in moments.items()}
        tensors["generator"] = self.generator.get_state()
        header = {
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "settings": self.settings.model_dump(),
            "task": self._task(),
        }
        write_whole(path, packed(tensors, {"checkpoint": json.dumps(header)}))

    def resume(self, path: Path) -> None:
        """Go on from what `keep` wrote.

        Raises
        ------
        ValueError
            If the file is damaged, or belongs to another training.
        """
        try:
            tensors, notes = unpacked(path.read_bytes())
            header = json.loads(notes["checkpoint"])
        except (KeyError, ValueError) as error:
            raise ValueError(f"{path} is no readable checkpoint: {error}; delete it") from error
        free = {"steps": 1}  # may follow from --minutes
        asked, kept = self.settings.model_dump() | free, header["settings"] | free
        if header["task"] != self._task() or json.loads(json.dumps(asked)) != kept:
            raise ValueError(f"{path} belongs to another training; delete it to begin anew")
        self.settings = TrainingSettings.model_validate(header["settings"])
        self.step, self.loss, self.seconds = header["step"], header["loss"], header["seconds"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, place, moment = name.split(".")
                moments.setdefault(int(place), {})[moment] = value
        weights = {
            name.removeprefix("network."): value
            for name, value in tensors.items()
            if name.startswith("network.")
        }
        self.network.load_state_dict(weights)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.generator.set_state(tensors["generator"])

    def _task(self) -> dict[str, Any]:
        """What is trained for, as JSON gives it back."""
        task = {"images": self.images_hash, "for": self.network.settings.model_dump_json()}
        return json.loads(json.dumps(task))

    def _learn(self) -> float:
        """Take one step and return its loss, at the full price."""
        settings, lessons, device = self.settings, self.lessons, self.device
        chosen = torch.randint(
            len(lessons.images), (settings.batch_size,), generator=self.generator
        )
        low, high = (math.log(end) for end in settings.lambda_k)
        drawn = torch.rand(settings.batch_size, generator=self.generator)
        lambda_k = (low + (high - low) * drawn).exp().to(device)
        objective = self._objective(lessons.images[chosen], lessons.logits[chosen])
        evidence = Evidence(
            lessons.slopes[chosen].float().sinh().to(device), lessons.distortions[chosen].to(device)
        )
        mask = self.network(objective, evidence, lambda_k)
        fields = objective.draw(settings.samples, self.generator)
        rows = torch.arange(len(mask), device=device)
        distortion, slope = objective.gradient(mask.detach(), fields, rows)
        price = settings.price(self.step) * lambda_k
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate_of_learning(self.step)
        self.optimiser.zero_grad()
        mask.backward((slope + price[:, None] / mask.shape[1]) / len(mask))
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        rate = mask.detach().mean(1)
        return float((distortion + settings.caution * lambda_k * rate).mean())
