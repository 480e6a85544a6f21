"""The evidence that a start network is given, and the settings of both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from rcx.representations.representation import Representation
from rcx.solver.objective import Objective


class StartSettings(BaseModel):
    """The shape of a start network and what it is trained for.

    Attributes
    ----------
    representation : str
        Name of the representation whose masks the network predicts.
    size : (int, int)
        Height and width of the images, in pixels.
    channels : tuple of int
        Number of orientations of each band, from coarse to fine: 3 for details, 1 for others.
    widths : tuple of int
        Number of features of each band, from coarse to fine.
    probes : tuple of float
        Values of the uniform masks at which the distortion and its slope are measured.
    probe_samples : int
        Noise samples per probe, at least 2.
    lambda_k : (float, float)
        Range of lambdas in training. The network treats any other lambda as the nearer end.
    method : str
        Name of the explainer, ``"CartoonX"`` or ``"Pixel RDE"``.
    classifier, weights_hash : str
        Name of the classifier and hash of its weights.
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
    """Number of orientations of each band, from coarse to fine: 3 for details, 1 for others."""
    return tuple(band.shape[0] if len(band.shape) == 3 else 1 for band in representation.bands)


class Evidence(NamedTuple):
    """Distortions of N images and their slopes at a few uniform masks, the probes.

    Attributes
    ----------
    slopes : Tensor
        ``(N, P, K)``, derivatives of the distortion by the mask at the P probes, times K.
    distortions : Tensor
        ``(N, P)``, distortions at the probes.
    """

    slopes: Tensor
    distortions: Tensor


def gather_evidence(
    objective: Objective, settings: StartSettings, generator: torch.Generator
) -> Evidence:
    """Measure the distortion and its slope at the probes, all with the same noise.

    This costs as much as ``len(probes) * probe_samples`` obfuscations in the solver. With the
    default settings of both, this is as much as six steps.
    """
    fields = objective.draw(settings.probe_samples, generator)
    ones = torch.ones_like(objective.coefficients[:, 0])
    rows = torch.arange(len(ones), device=ones.device)
    gradients = [objective.gradient(probe * ones, fields, rows) for probe in settings.probes]
    distortions, slopes = zip(*gradients, strict=True)
    return Evidence(torch.stack(slopes, 1) * ones.shape[1], torch.stack(distortions, 1))
