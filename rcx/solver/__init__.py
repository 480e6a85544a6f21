"""The optimisation: what a mask costs, by which steps it gets cheaper, and when it stops.

It knows nothing of files, pictures or of how a mask will be used.
"""

from rcx.solver.distortion import DistortionMeasure, distortion
from rcx.solver.loop import Problem, Solution, solve
from rcx.solver.noise import GaussianNoise, adaptive_gaussian, obfuscate
from rcx.solver.objective import Answer, Objective
from rcx.solver.settings import Preset, SolverSettings

__all__ = [
    "Answer",
    "DistortionMeasure",
    "GaussianNoise",
    "Objective",
    "Preset",
    "Problem",
    "Solution",
    "SolverSettings",
    "adaptive_gaussian",
    "distortion",
    "obfuscate",
    "solve",
]
