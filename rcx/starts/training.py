"""Training of a start network, on the solver's objective or on explanations."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from rcx.classifiers.classifier import Classifier
from rcx.classifiers.copies import inference_copy
from rcx.classifiers.devices import usable_device
from rcx.images.checks import checked_images
from rcx.representations.representation import Representation
from rcx.solver.distortion import DistortionMeasure
from rcx.solver.noise import Clamp
from rcx.solver.objective import Objective
from rcx.starts.evidence import Evidence, StartSettings, orientations
from rcx.starts.network import StartNetwork
from rcx.starts.training_data import SolvedMasks, gather_data
from rcx.starts.training_settings import TrainingSettings
from rcx.system.files import packed, unpacked, write_whole
from rcx.system.machine import versions

# Features of the bands, from the finest to the coarsest. Any further band has as many as the last.
_WIDTHS = (8, 16, 24, 32)
_TIMED_STEPS = 8

TrainingProgress = Callable[[str, int, int, float], None]
"""A function that is called with the name of the work, the amount of it that is done, the amount of
it in all, and the mean loss."""


class Trainer:
    """Trains a start network for a classifier and a representation.

    Parameters
    ----------
    classifier : Classifier
        The classifier whose explanations the network is for.
    representation : Representation
        Representation of images of this size.
    images : Tensor
        ``(N, C, H, W)`` in [0, 1], images to learn from.
    settings : TrainingSettings
        The settings of the training.
    method : {"CartoonX", "Pixel RDE"}
        Name of the explainer that the network is for.
    measure : {"relative", "probability", "l2", "kl", "maximise-target"}
        Measure of distortion, see `rcx.solver.distortion`.
    clamp : bool or "coefficients"
        Whether obfuscations are clamped to [0, 1], see `rcx.solver.Clamp`.
    device : str or torch.device
        Device to train on. ``"auto"`` takes a GPU if there is one.
    solved : SolvedMasks, optional
        Masks of the explanations of these images, which the network then learns to predict. By
        default, it learns from the objective alone, which takes many more steps.
    report : callable, optional
        Called with the progress, as the name of the work (``"looking"`` or ``"training"``), the
        amount of it that is done, the amount of it in all, and the mean loss.

    Raises
    ------
    TypeError, ValueError
        For images that are not ``(N, C, H, W)`` in [0, 1].
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
        clamp: Clamp = True,
        device: str | torch.device = "auto",
        solved: SolvedMasks | None = None,
        report: TrainingProgress | None = None,
    ) -> None:
        images = checked_images(images)
        self.representation, self.settings = representation, settings
        self.measure, self.clamp = measure, clamp
        self.report = report or (lambda *_: None)
        self.device = usable_device(device)
        self.model = inference_copy(classifier, self.device, images)
        self.model.to(memory_format=torch.channels_last)
        count = len(representation.bands)
        widths = [_WIDTHS[min(level, len(_WIDTHS) - 1)] for level in range(count)][::-1]
        network_settings = StartSettings(
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
            torch.manual_seed(settings.seed)  # torch draws initial weights from this generator
            rate = 0.5 if solved is None else float(solved.masks.float().mean())
            self.network = StartNetwork(network_settings, first_rate=rate).to(self.device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), betas=(0.9, 0.99))
        self.step, self.loss, self.seconds = 0, math.nan, 0.0
        self.solved = solved
        self.data = gather_data(
            (255 * images).round().to(torch.uint8),
            self._objective,
            network_settings,
            self.generator,
            settings.batch_size,
            partial(self.report, "looking"),
        )
        self.images_hash = hashlib.sha256(self.data.images.numpy().tobytes()).hexdigest()

    def _objective(self, images: Tensor, logits: Tensor | None = None) -> Objective:
        images = images.to(self.device) / 255
        with torch.no_grad():
            logits = self.model(images) if logits is None else logits.to(images)
        return Objective(
            self.model,
            self.representation,
            images,
            logits,
            logits.argmax(1),
            measure=self.measure,
            clamp=self.clamp,
            meaning=self.model.meaning,
        )

    def train(self, until: int | None = None) -> None:
        """Take all steps that are left, or those up to the number ``until``."""
        begin = time.perf_counter() - self.seconds
        self.network.train()
        while self.step < (self.settings.steps if until is None else until):
            loss = self._take_step()
            self.loss = loss if math.isnan(self.loss) else self.loss + (loss - self.loss) / 100
            self.step += 1
            self.seconds = time.perf_counter() - begin
            self.report("training", self.step, self.settings.steps, self.loss)
        self.network.eval()
        self.network.history = {
            "training": self.settings.model_dump(),
            "images": len(self.data.images),
            "images_hash": self.images_hash,
            "explanations": self.solved is not None,
            "steps": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "versions": versions(),
        }

    def train_with_checkpoints(self, path: Path, *, every: float = 120.0) -> None:
        """Train to the end, and write a checkpoint after ``every`` seconds and when interrupted."""
        try:
            while self.step < self.settings.steps:
                begin, done = time.perf_counter(), self.step
                self.train(self.step + 1)
                pace = (time.perf_counter() - begin) / (self.step - done)
                self.train(min(self.settings.steps, self.step + max(1, int(every / pace))))
                self.save_checkpoint(path)
        except KeyboardInterrupt:
            self.save_checkpoint(path)
            raise

    def fit_minutes(self, minutes: float) -> None:
        """Set the number of steps to what takes so many minutes, after timing a few steps.

        The network, the optimiser and the generator are then as they were before.
        """
        weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        state, begin = self.generator.get_state(), time.perf_counter()
        for _ in range(_TIMED_STEPS):
            self._take_step()
        pace = (time.perf_counter() - begin) / _TIMED_STEPS
        self.network.load_state_dict(weights)
        self.optimiser.state.clear()
        self.generator.set_state(state)
        steps = max(1, int(60 * minutes / pace))
        self.settings = self.settings.model_copy(update={"steps": steps})

    def save_checkpoint(self, path: Path) -> None:
        """Write all that is needed to continue the training later."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in moments.items()}
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
        """Continue from what `save_checkpoint` wrote.

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
        # The number of steps may differ, because --minutes sets it.
        ignored = {"steps": 1}
        settings = json.loads(self.settings.model_dump_json()) | ignored
        if header["task"] != self._task() or header["settings"] | ignored != settings:
            raise ValueError(f"{path} belongs to another training; delete it to begin anew")
        self.settings = TrainingSettings.model_validate(header["settings"])
        self.step, self.loss, self.seconds = header["step"], header["loss"], header["seconds"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = value
        weights = {
            name.removeprefix("network."): value
            for name, value in tensors.items()
            if name.startswith("network.")
        }
        self.network.load_state_dict(weights)
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.generator.set_state(tensors["generator"])

    def _task(self) -> dict[str, str]:
        """What a checkpoint is recognised by: images, masks and the network's settings."""
        masks = "" if self.solved is None else self.solved.fingerprint
        return {"images": self.images_hash + masks, "for": self.network.settings.model_dump_json()}

    def _take_step(self) -> float:
        """Take one step, and return its loss."""
        settings, data, device = self.settings, self.data, self.device
        batch = torch.randint(len(data.images), (settings.batch_size,), generator=self.generator)
        low, high = (math.log(end) for end in settings.lambda_k)
        shares = torch.rand(settings.batch_size, generator=self.generator, dtype=torch.float32)
        lambda_k = (low + (high - low) * shares).exp().to(device)
        if self.solved is not None:
            lambda_k = self.solved.lambda_k[batch].to(device)
        objective = self._objective(data.images[batch], data.logits[batch])
        evidence = Evidence(
            data.slopes[batch].float().sinh().to(device), data.distortions[batch].to(device)
        )
        mask = self.network(objective, evidence, lambda_k)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.step_size(self.step)
        self.optimiser.zero_grad()
        if self.solved is not None:
            loss = binary_cross_entropy(mask, self.solved.masks[batch].to(mask))
            loss.backward()
        else:
            loss = self._descend(objective, mask, lambda_k)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach())

    def _descend(self, objective: Objective, mask: Tensor, lambda_k: Tensor) -> Tensor:
        """Add the objective's gradient at predicted masks, and return its loss at full price."""
        fields = objective.draw(self.settings.samples, self.generator)
        rows = torch.arange(len(mask), device=mask.device)
        distortion, slope = objective.gradient(mask.detach(), fields, rows)
        price = self.settings.price(self.step) * lambda_k
        mask.backward((slope + price[:, None] / mask.shape[1]) / len(mask))
        rate = mask.detach().mean(1)
        return (distortion + self.settings.caution * lambda_k * rate).mean()
