"""What explanations are worth: curves, sweeps, localisation, statistics, claims, other methods.

It knows nothing of how results are stored and shown.
"""

from rcx.evaluate.baselines import Baseline, attribution, attributions
from rcx.evaluate.claims import (
    GAPS,
    MARGIN,
    area_table,
    comparison_table,
    condition_table,
    curve_comparisons,
    drop_table,
    gap_table,
    network_comparisons,
)
from rcx.evaluate.curve_tables import curve_from_table, curve_table, curves_from_table
from rcx.evaluate.curves import (
    COARSE,
    PERCENT,
    Curve,
    rate_distortion_curve,
    rate_distortion_curves,
)
from rcx.evaluate.degenerate import BLACK, DENSE, degenerate_table, lambda_sensitivity
from rcx.evaluate.localisation import localisation_table, overlap_at_area, pointing, share_inside
from rcx.evaluate.rankings import Ranking, image_seeds
from rcx.evaluate.rollout import agreement, attention, patch_rollout, rollout, rollout_matrix
from rcx.evaluate.start_claims import help_table, picture_table
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
    "BLACK",
    "COARSE",
    "DENSE",
    "GAPS",
    "LAMBDAS",
    "MARGIN",
    "PERCENT",
    "Baseline",
    "Comparison",
    "Curve",
    "Interval",
    "Ranking",
    "Trials",
    "agreement",
    "area_table",
    "attention",
    "attribution",
    "attributions",
    "compare",
    "comparison_table",
    "condition_table",
    "curve_comparisons",
    "curve_from_table",
    "curve_intervals",
    "curve_table",
    "curve_timings",
    "curves_from_table",
    "degenerate_table",
    "drop_table",
    "gap_table",
    "help_table",
    "image_seeds",
    "lambda_sensitivity",
    "localisation_table",
    "mean_interval",
    "network_comparisons",
    "outcome",
    "overlap_at_area",
    "patch_rollout",
    "picture_table",
    "pointing",
    "rate_distortion_curve",
    "rate_distortion_curves",
    "rollout",
    "rollout_matrix",
    "run_trials",
    "share_inside",
    "share_interval",
    "solver_timings",
    "starts_table",
    "steps_to_reach",
    "sweep_rows",
    "sweep_table",
    "transform_timings",
    "verdict",
]
