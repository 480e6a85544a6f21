"""A small network that predicts where the solver should start."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate

from rcx.classifiers.classifier import Classifier
from rcx.representations.representation import Representation
from rcx.solver.objective import Objective
from rcx.starts.evidence import Evidence, StartSettings, gather_evidence, orientations
from rcx.system.files import check_format, packed, read_whole, write_whole
from rcx.system.isolation import isolated

_FORMAT = "rcx start network 1"
_ON_PHOTOGRAPHS = "start_photographs.safetensors"
# Factors of the odds of a predicted mask's entries, which are tried until the mask keeps the class.
_ODDS = (1.0, 2.0, 5.0, 20.0, 100.0, 1000.0)


class StartNetwork(nn.Module):
    """A small network that predicts a mask from an image, its classifier's answers and lambda.

    For each coefficient, the network is given its size relative to the noise of its band, and the
    slopes of the distortion at a few uniform masks, the probes (``gather_evidence``). At each
    position it is given the image, and at all positions lambda, the probability of the class and
    the distortions at the probes. The bands are the levels of a U-Net: features go from the fine
    bands to the coarse ones and back.

    Parameters
    ----------
    settings : StartSettings
        The shape of the network and what it is trained for.
    history : mapping, optional
        How the network was trained, as plain JSON values. The file holds it too.
    first_rate : float
        Entry of every mask that the untrained network predicts, in (0, 1).
    """

    def __init__(
        self,
        settings: StartSettings,
        history: Mapping[str, Any] | None = None,
        *,
        first_rate: float = 0.5,
    ) -> None:
        super().__init__()
        self.settings, self.history = settings, dict(history or {})
        if len(settings.widths) != len(settings.channels):
            raise ValueError(
                f"a network for {len(settings.channels)} bands needs as many widths, "
                f"got {len(settings.widths)}"
            )
        probes, widths = len(settings.probes), settings.widths
        inputs = [count * (1 + 2 * probes) + 2 + 2 + probes for count in settings.channels]
        pairs = list(zip(inputs, widths, strict=True))
        self.look = nn.ModuleList(nn.Conv2d(count, width, 3, padding=1) for count, width in pairs)
        self.rise = nn.ModuleList(nn.Conv2d(fine, coarse, 1) for coarse, fine in pairwise(widths))
        self.fall = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for coarse, fine in pairwise(widths))
        self.think = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in widths)
        self.answer = nn.ModuleList(
            nn.Conv2d(width, count, 1)
            for width, count in zip(widths, settings.channels, strict=True)
        )
        for parameter in self.answer.parameters():
            is_bias = parameter.ndim == 1
            nn.init.constant_(parameter, math.log(first_rate / (1 - first_rate)) * is_bias)

    def check(self, representation: Representation) -> None:
        """Raise ValueError unless the network was trained for this representation.

        The size of the images may be another one, as the network consists of convolutions.
        """
        trained = self.settings.representation
        if representation.name != trained:
            raise ValueError(
                f"the start network was trained for {trained}, not for {representation.name}"
            )
        if orientations(representation) != self.settings.channels:
            raise ValueError(
                f"the start network was trained for {len(self.settings.channels)} bands, not for "
                f"{len(representation.bands)}"
            )

    def forward(self, objective: Objective, evidence: Evidence, lambda_k: Tensor) -> Tensor:
        """Predict masks ``(N, K)`` in (0, 1) for lambdas ``(N,)``, without a check of the class."""
        maps = self._maps(objective, evidence, lambda_k)
        features = [gelu(look(inputs)) for look, inputs in zip(self.look, maps, strict=True)]
        for level in range(len(features) - 2, -1, -1):
            risen = self.rise[level](_resized(features[level + 1], features[level]))
            features[level] = features[level] + gelu(risen)
        for level, think in enumerate(self.think):
            if level:
                fallen = _resized(self.fall[level - 1](features[level - 1]), features[level])
                features[level] = features[level] + fallen
            features[level] = features[level] + gelu(think(gelu(features[level])))
        logits = [head(level).flatten(1) for head, level in zip(self.answer, features, strict=True)]
        return torch.cat(logits, 1).sigmoid()

    def _maps(self, objective: Objective, evidence: Evidence, lambda_k: Tensor) -> list[Tensor]:
        """Make the inputs ``(N, F, h, w)`` of each band, all of a size of about one."""
        coefficients, lambda_range = objective.coefficients, self.settings.lambda_k
        images = objective.representation.synthesise(coefficients)
        spread = objective.noise.deviation[:, 0].clamp_min(1e-6)
        sizes = (coefficients.square().mean(1).sqrt() / spread).log1p()
        slopes = evidence.slopes.asinh() / 5
        features = torch.cat((sizes[:, None], slopes, slopes.abs()), 1)
        colours = torch.stack((images.mean(1), images.std(1, unbiased=False)), 1)
        price = lambda_k.to(coefficients).clamp(*lambda_range).log() - 3
        scalars = torch.column_stack((price, objective.probability, evidence.distortions))
        maps = []
        for band in objective.representation.bands:
            shape = band.shape[-2:]
            own = features[..., band.positions].reshape(len(features), -1, *shape)
            common = scalars[..., None, None].expand(-1, -1, *shape)
            maps.append(torch.cat((own, interpolate(colours, shape, mode="area"), common), 1))
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
        """Predict masks, and make them denser where they lose the class.

        Where a predicted mask loses the class on fresh noise, the odds of all entries are
        multiplied by larger and larger factors until the class is kept. This makes the mask denser
        and leaves the order of its entries as it is. If no factor is enough, the mask is all ones.

        Parameters
        ----------
        objective : Objective
            The objective of N images.
        lambda_k : Tensor
            ``(N,)``, positive.
        generator : torch.Generator
            Source of the noise.
        samples : int
            Noise samples with which a mask is checked.

        Returns
        -------
        Tensor
            ``(N, K)`` in [0, 1].

        Raises
        ------
        ValueError
            If the network was trained for another representation.
        """
        self.check(objective.representation)
        evidence = gather_evidence(objective, self.settings, generator)
        predicted: Tensor = self(objective, evidence, lambda_k)
        fields = objective.draw(samples, generator)
        mask, rows = predicted.clone(), torch.arange(len(predicted), device=predicted.device)
        for odds in _ODDS:
            scaled = odds * predicted[rows]
            mask[rows] = scaled / (scaled + 1 - predicted[rows])
            answer = objective.answer(mask[rows], fields, rows)
            rows = rows[~objective.kept(answer.scores, rows)]
            if not len(rows):
                return mask
        mask[rows] = 1.0
        return mask

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and the settings, which tells networks apart."""
        digest = hashlib.sha256(self.settings.model_dump_json().encode())
        for name, tensor in self.state_dict().items():
            digest.update(name.encode() + tensor.cpu().half().numpy().tobytes())
        return digest.hexdigest()[:12]

    def save(self, path: str | Path) -> Path:
        """Write to a safetensors file, in half precision. It appears whole or not at all."""
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
        return read_whole(path, cls._from_parts)

    @classmethod
    @isolated()
    def _from_parts(cls, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> StartNetwork:
        """Make the network of a file's parts; messages of errors go on after the file's name."""
        check_format(notes, _FORMAT, "train the network again with rcx train-start")
        try:
            settings = StartSettings.model_validate_json(notes["settings"])
            with torch.random.fork_rng(devices=[]):  # initial weights are drawn and replaced
                network = cls(settings, json.loads(notes["history"])).float()
            network.load_state_dict(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise ValueError(f"is a damaged rcx start network: {error}") from error
        if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
            raise ValueError("is a damaged rcx start network: weights are not finite")
        return network.eval().requires_grad_(False)


def shipped_network(method: str, classifier: Classifier) -> StartNetwork:
    """Load the network that comes with the package for a classifier.

    Parameters
    ----------
    method : {"CartoonX", "Pixel RDE"}
        The explainer.
    classifier : Classifier
        The classifier.

    Returns
    -------
    StartNetwork
        The network that was trained for these weights. For other weights, it is one that was
        trained on photographs, which tells what a classifier needs by how its answer changes.

    Raises
    ------
    ValueError
        If there is no network for this method.

    Warns
    -----
    UserWarning
        If the network was trained for another classifier. The solver corrects what it predicts.
    """
    folder, on_photographs = files("rcx.starts").joinpath("networks"), None
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("start_") and entry.name.endswith(".safetensors"):
            with as_file(entry) as path:
                network = StartNetwork.load(path)
            if network.settings.method != method:
                continue
            if network.settings.weights_hash == classifier.weights_hash:
                return network
            if entry.name == _ON_PHOTOGRAPHS:
                on_photographs = network
    if on_photographs is not None:
        warnings.warn(
            f"the start is predicted by a network for {on_photographs.settings.classifier}, as "
            f"none was trained for {classifier.name}; the solver corrects it",
            stacklevel=4,  # this function, the constructor, and that of the subclass
        )
        return on_photographs
    raise ValueError(
        f"no start network for {method} comes with {classifier.name}: train one with "
        "rcx train-start, and give StartNetwork.load(file) as the start"
    )


def _resized(features: Tensor, like: Tensor) -> Tensor:
    """Bring features to another band's height and width."""
    mode = "area" if features.shape[-1] > like.shape[-1] else "nearest"
    return interpolate(features, like.shape[-2:], mode=mode)
