"""Evaluation of explanations: curves, sweeps, localisation, statistics, claims, other methods.

It must not know how results are stored or shown.
"""

from rcx.evaluate.baselines import Baseline, attribution, attributions
from rcx.evaluate.claims import comparison_table, comparisons, curve_measures
from rcx.evaluate.conciseness import (
    conciseness_preciseness,
    edges_of,
    hallucination,
)
from rcx.evaluate.curve_measurement import rate_distortion_curve, rate_distortion_curves
from rcx.evaluate.curve_summaries import GAPS, area_table, drop_table, gap_table
from rcx.evaluate.curve_tables import curve_from_table, curve_table, curves_from_table
from rcx.evaluate.curves import COARSE, PERCENT, Curve, CurveProtocol, Direction
from rcx.evaluate.degenerate import DENSE, degenerate_table
from rcx.evaluate.feature_maps import InapplicableError
from rcx.evaluate.imputation import imputed
from rcx.evaluate.localisation import localisation_table, overlap_at_area, pointing, share_inside
from rcx.evaluate.metrics import (
    InsertionDeletion,
    Road,
    insertion_deletion,
    mu_fidelity,
    road,
)
from rcx.evaluate.rankings import Ranking, image_seeds
from rcx.evaluate.rollout import (
    HeadFusion,
    agreement,
    patch_rollout,
    rollout,
    rollout_matrix,
)
from rcx.evaluate.scores import METRICS, Metric, explanation_scores, map_scores
from rcx.evaluate.selection import doubtful_images
from rcx.evaluate.start_claims import help_table, picture_table, start_comparisons
from rcx.evaluate.statistics import (
    Comparison,
    Interval,
    compare,
    mean_interval,
    outcome,
    share_interval,
    verdict,
)
from rcx.evaluate.sweeps import LAMBDAS, sweep_rows, sweep_table
from rcx.evaluate.timings import curve_timings, solver_timings, transform_timings
from rcx.evaluate.trials import Trials, curve_intervals, run_trials, starts_table, steps_to_reach

__all__ = [
    "COARSE",
    "DENSE",
    "GAPS",
    "LAMBDAS",
    "METRICS",
    "PERCENT",
    "Baseline",
    "Comparison",
    "Curve",
    "CurveProtocol",
    "Direction",
    "HeadFusion",
    "InapplicableError",
    "InsertionDeletion",
    "Interval",
    "Metric",
    "Ranking",
    "Road",
    "Trials",
    "agreement",
    "area_table",
    "attribution",
    "attributions",
    "compare",
    "comparison_table",
    "comparisons",
    "conciseness_preciseness",
    "curve_from_table",
    "curve_intervals",
    "curve_measures",
    "curve_table",
    "curve_timings",
    "curves_from_table",
    "degenerate_table",
    "doubtful_images",
    "drop_table",
    "edges_of",
    "explanation_scores",
    "gap_table",
    "hallucination",
    "help_table",
    "image_seeds",
    "imputed",
    "insertion_deletion",
    "localisation_table",
    "map_scores",
    "mean_interval",
    "mu_fidelity",
    "outcome",
    "overlap_at_area",
    "patch_rollout",
    "picture_table",
    "pointing",
    "rate_distortion_curve",
    "rate_distortion_curves",
    "road",
    "rollout",
    "rollout_matrix",
    "run_trials",
    "share_inside",
    "share_interval",
    "solver_timings",
    "start_comparisons",
    "starts_table",
    "steps_to_reach",
    "sweep_rows",
    "sweep_table",
    "transform_timings",
    "verdict",
]
