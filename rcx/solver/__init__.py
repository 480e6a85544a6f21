"""The optimisation: what a mask costs, by which steps it gets cheaper, and when it stops.

It knows nothing of files, of pictures, or of what a mask is used for.
"""

from rcx.solver.distortion import DistortionMeasure, distortion
from rcx.solver.loop import solve
from rcx.solver.moments import CONVERGED, Momentum, projected_residual
from rcx.solver.noise import BandNoise, Clamp, NoiseKind, band_noise, make_noise, obfuscate
from rcx.solver.objective import Objective
from rcx.solver.passes import Answer
from rcx.solver.problem import Problem, Solution
from rcx.solver.settings import Preset, SolverSettings
from rcx.solver.spatial import spatial_penalty

__all__ = [
    "CONVERGED",
    "Answer",
    "BandNoise",
    "Clamp",
    "DistortionMeasure",
    "Momentum",
    "NoiseKind",
    "Objective",
    "Preset",
    "Problem",
    "Solution",
    "SolverSettings",
    "band_noise",
    "distortion",
    "make_noise",
    "obfuscate",
    "projected_residual",
    "solve",
    "spatial_penalty",
]
