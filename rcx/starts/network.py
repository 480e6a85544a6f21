"""A small network that predicts where the solver should start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate

from rcx.representations.representation import Representation
from rcx.solver.objective import Objective
from rcx.system.files import DamagedError, packed, unpacked, write_whole

_FORMAT = "rcx start network 1"
# times the predicted ones, until a mask keeps the class
_ODDS = (1.0, 2.0, 5.0, 20.0, 100.0, 1000.0)


class StartSettings(BaseModel):
    """What a start network is made for, and its shape.

    Attributes
    ----------
    representation : str
        Name of the representation whose coefficients the network speaks of.
    size : (int, int)
        Height and width of the images.
    channels : tuple of int
        Orientations of each band, coarse to fine: 3 for details, else 1.
    widths : tuple of int
        Features of each band, coarse to fine.
    probes : tuple of float
        Uniform masks at which the distortion and its slope are measured.
    probe_samples : int
        Noise samples per probe.
    lambda_k : (float, float)
        Range of lambdas in training; others are taken to the nearer end.
    method, classifier, weights_hash : str
        What the network was trained for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    representation: str
    size: tuple[int, int]
    channels: tuple[int, ...] = Field(min_length=1)
    widths: tuple[int, ...] = Field(min_length=1)
    probes: tuple[float, ...] = Field((0.7, 0.5, 0.3), min_length=1)
    probe_samples: int = Field(8, ge=2)
    lambda_k: tuple[float, float]
    method: str
    classifier: str
    weights_hash: str


def orientations(representation: Representation) -> tuple[int, ...]:
    """How many orientations each band has, coarse to fine: 3 for details, else 1."""
    return tuple(band.shape[0] if len(band.shape) == 3 else 1 for band in representation.bands)


class Evidence(NamedTuple):
    """What a few of the classifier's answers say about N images.

    Attributes
    ----------
    slopes : Tensor
        ``(N, P, K)``, derivatives of the distortion by the mask at the P probes, times K.
    distortions : Tensor
        ``(N, P)``, at the probes.
    """

    slopes: Tensor
    distortions: Tensor


def gather_evidence(
    objective: Objective, settings: StartSettings, generator: torch.Generator
) -> Evidence:
    """Measure distortion and slope at the probes, all on the same noise.

    This costs as much as ``len(probes) * probe_samples`` obfuscations in the solver: with the
    default settings of both, six steps.
    """
    fields = objective.draw(settings.probe_samples, generator)
    like = objective.coefficients[:, 0]
    rows = torch.arange(len(like), device=like.device)
    found = [
        objective.gradient(torch.full_like(like, probe), fields, rows) for probe in settings.probes
    ]
    distortions, slopes = zip(*found, strict=True)
    return Evidence(torch.stack(slopes, 1) * like.shape[1], torch.stack(distortions, 1))


class StartNetwork(nn.Module):
    """Predicts a mask from an image, its classifier's answers and lambda.

    For each coefficient it sees the size, beside the noise that would replace it, and the slopes of
    the distortion at a few uniform masks (`gather_evidence`); for each place also the image; and
    everywhere lambda, the class's probability and the distortions at the probes. The bands are
    levels of a small U-Net: features go from fine to coarse and back.

    Parameters
    ----------
    settings : StartSettings
        What it is made for.
    history : mapping, optional
        How it was trained, as plain JSON values; kept in the file.
    """

    def __init__(self, settings: StartSettings, history: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.settings, self.history = settings, dict(history or {})
        if len(settings.widths) != len(settings.channels):
            raise ValueError(
                f"a network for {len(settings.channels)} bands needs as many widths, "
                f"got {len(settings.widths)}"
            )
        probes, widths = len(settings.probes), settings.widths
        seen = [count * (1 + 2 * probes) + 2 + 2 + probes for count in settings.channels]
        pairs = list(zip(seen, widths, strict=True))
        self.look = nn.ModuleList(nn.Conv2d(n, width, 3, padding=1) for n, width in pairs)
        self.rise = nn.ModuleList(nn.Conv2d(fine, coarse, 1) for coarse, fine in pairwise(widths))
        self.fall = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for coarse, fine in pairwise(widths))
        self.think = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in widths)
        self.answer = nn.ModuleList(
            nn.Conv2d(width, count, 1)
            for width, count in zip(widths, settings.channels, strict=True)
        )
        for parameter in self.answer.parameters():
            nn.init.zeros_(parameter)  # every mask begins as a half

    def check(self, representation: Representation) -> None:
        """Raise ValueError unless the network was trained for this representation and size."""
        trained, size = self.settings.representation, self.settings.size
        if representation.name != trained:
            raise ValueError(
                f"the start network was trained for {trained}, not for {representation.name}"
            )
        if tuple(representation.size) != size:
            raise ValueError(
                "the start network was trained for images of {} x {}, not of {} x {}; train one "
                "for these with rcx train-start".format(*size, *representation.size)
            )
        if orientations(representation) != self.settings.channels:
            raise ValueError(f"the start network is for {len(self.settings.channels)} bands")

    def forward(self, objective: Objective, evidence: Evidence, lambda_k: Tensor) -> Tensor:
        """Masks ``(N, K)`` in (0, 1) for lambdas ``(N,)``."""
        maps = self._maps(objective, evidence, lambda_k)
        features = [gelu(look(seen)) for look, seen in zip(self.look, maps, strict=True)]
        for level in range(len(features) - 2, -1, -1):
            risen = self.rise[level](_resized(features[level + 1], features[level]))
            features[level] = features[level] + gelu(risen)
        for level, think in enumerate(self.think):
            if level:
                fallen = _resized(self.fall[level - 1](features[level - 1]), features[level])
                features[level] = features[level] + fallen
            features[level] = features[level] + gelu(think(gelu(features[level])))
        logits = [head(some).flatten(1) for head, some in zip(self.answer, features, strict=True)]
        return torch.cat(logits, 1).sigmoid()

    def _maps(self, objective: Objective, evidence: Evidence, lambda_k: Tensor) -> list[Tensor]:
        """Features ``(N, F, h, w)`` of each band, in ranges of about one."""
        coefficients, low_high = objective.coefficients, self.settings.lambda_k
        images = objective.representation.synthesise(coefficients)
        spread = objective.noise.deviation[:, 0].clamp_min(1e-6)
        sizes = (coefficients.square().mean(1).sqrt() / spread).log1p()
        slopes = evidence.slopes.asinh() / 5
        each = torch.cat((sizes[:, None], slopes, slopes.abs()), 1)
        looks = torch.stack((images.mean(1), images.std(1, unbiased=False)), 1)
        price = lambda_k.to(coefficients).clamp(*low_high).log() - 3
        scalars = torch.column_stack((price, objective.probability, evidence.distortions))
        maps = []
        for band in objective.representation.bands:
            here = each[..., band.positions].unflatten(-1, band.shape)
            here = here.flatten(1, -3)
            shape = band.shape[-2:]
            everywhere = scalars[..., None, None].expand(-1, -1, *shape)
            maps.append(torch.cat((here, interpolate(looks, shape, mode="area"), everywhere), 1))
        return maps

    @torch.no_grad()
    def predict(
        self,
        objective: Objective,
        lambda_k: Tensor,
        generator: torch.Generator,
        *,
        samples: int = 16,
    ) -> Tensor:
        """Predict masks that keep the class, rather too dense than wrong.

        Where a predicted mask loses the class on fresh noise, the odds of every entry are
        multiplied by more and more, which makes the mask denser in the same order, until the class
        is kept; in the end it is all ones.

        Parameters
        ----------
        objective : Objective
            For N images.
        lambda_k : Tensor
            ``(N,)``.
        generator : torch.Generator
            Source of the noise.
        samples : int
            Noise samples of a check.

        Returns
        -------
        Tensor
            ``(N, K)`` in [0, 1].
        """
        self.check(objective.representation)
        evidence = gather_evidence(objective, self.settings, generator)
        predicted = self(objective, evidence, lambda_k)
        fields = objective.draw(samples, generator)
        mask, rows = predicted.clone(), torch.arange(len(predicted), device=predicted.device)
        for odds in _ODDS:
            some = odds * predicted[rows]
            mask[rows] = some / (some + 1 - predicted[rows])
            answer = objective.answer(mask[rows], fields, rows)
            rows = rows[answer.probabilities.argmax(1) != objective.target[rows]]
            if not len(rows):
                return mask
        mask[rows] = 1.0
        return mask

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what they are for, to tell networks apart."""
        digest = hashlib.sha256(self.settings.model_dump_json().encode())
        for name, tensor in self.state_dict().items():
            digest.update(name.encode() + tensor.cpu().half().numpy().tobytes())
        return digest.hexdigest()[:12]

    def save(self, path: str | Path) -> Path:
        """Write to a safetensors file, in half precision; it appears whole or not at all."""
        path = Path(path)
        tensors = {name: tensor.half() for name, tensor in self.state_dict().items()}
        header = {
            "format": _FORMAT,
            "settings": self.settings.model_dump_json(),
            "history": json.dumps(self.history, sort_keys=True),
        }
        write_whole(path, packed(tensors, header))
        return path

    @classmethod
    def load(cls, path: str | Path) -> StartNetwork:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged or holds something else.
        """
        try:
            tensors, header = unpacked(Path(path).read_bytes())
        except DamagedError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if header.get("format") != _FORMAT:
            raise ValueError(f"{path} is a safetensors file, but no rcx start network")
        try:
            settings = StartSettings.model_validate_json(header["settings"])
            with torch.random.fork_rng(devices=[]):  # initial weights that nobody sees
                network = cls(settings, json.loads(header["history"]))
            network.load_state_dict(tensors)
        except (KeyError, ValueError, ValidationError, RuntimeError) as error:
            raise ValueError(f"{path} is a damaged rcx start network: {error}") from error
        if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
            raise ValueError(f"{path} is a damaged rcx start network: weights are not finite")
        return network.eval().requires_grad_(False)


def shipped_network(method: str, weights_hash: str, name: str) -> StartNetwork:
    """Load the network that comes with the package for one of the sample's classifiers.

    Raises
    ------
    ValueError
        If there is none for this method and these weights.
    """
    for entry in sorted(
        files("rcx.starts").joinpath("networks").iterdir(), key=lambda one: one.name
    ):
        if entry.name.startswith("start_") and entry.name.endswith(".safetensors"):
            with as_file(entry) as path:
                network = StartNetwork.load(path)
            if (network.settings.method, network.settings.weights_hash) == (method, weights_hash):
                return network
    raise ValueError(
        f"no start network for {method} comes with {name}: train one with rcx train-start, and "
        "give StartNetwork.load(file) as the start"
    )


def _resized(features: Tensor, like: Tensor) -> Tensor:
    """Bring features to another band's height and width."""
    mode = "area" if features.shape[-1] > like.shape[-1] else "nearest"
    return interpolate(features, like.shape[-2:], mode=mode)
