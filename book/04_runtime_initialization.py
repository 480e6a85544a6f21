# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A shorter way: runtime and initialization
#
# **What this chapter shows**
#
# - how long one explanation takes with the published settings and with the default ones, and where
#   the difference comes from;
# - how the loss falls, step by step, from different initial masks, and whether all of them end in
#   explanations of the same quality;
# - a measure of convergence, and where it would have stopped the published run.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 2  # how many images are explained
published_samples: int = 4  # noise samples a step of the published run; the study took 64
seed: int = 0  # seed of scenes, noise and random starts

# %% [markdown]
# With the published settings one explanation takes 2,000 steps of 64 noise samples each. The report
# {cite:p}`dubbeldam2023reproducibility` asked whether a better initial mask makes it shorter, found
# that simple ones do not, and wished for a decisive measure of convergence. This chapter looks at
# the schedule first, because it decides what a start can do.
#
# ## The walk from one to zero
#
# Nearly every entry of the mask has to go from one to zero. A step of Adam moves an entry by at most
# the step size, which is 0.001 as published: however useless a coefficient is, deleting it takes a
# thousand steps. That walk, and not the decision what to keep, is most of the published time.
#
# The default solver moves an entry in proportion to its size instead, so that what does not matter
# shrinks by a constant factor per step. While the whole mask still falls together it is careful:
# a hasty schedule overshoots the point where the class is lost, and then the empty mask, which
# costs no rate, is a trap that it does not leave.

# %%
import pandas as pd
from IPython.display import Markdown

import rcx
from rcx.bench import solver_table, transform_table
from rcx.profiles import load_profile
from rcx.reference import solver_trials
from rcx.report.figures import history_figure

data = load_profile(profile, n_images=n_images, seed=seed)
options = {"lambda_k": lambda_k, "seed": seed}

# %% [markdown]
# The published settings, in this package's code, with fewer noise samples so that a chapter can
# afford them, and beside them the default. Both are judged by the same fresh noise.

# %%
published = rcx.SolverSettings.preset("published")
affordable = published.model_copy(update={"samples": published_samples, "antithetic": True})
slow = rcx.CartoonX(data.classifier, solver=affordable, **options).explain(data.images[:1])
runs = {"default": rcx.CartoonX(data.classifier, **options).explain(data.images)}
pd.DataFrame(
    {
        name: [run.loss[0].item(), run.distortion[0].item(), run.nonsparsity[0].item(), run.steps[0].item()]
        for name, run in {"published": slow, "default": runs["default"]}.items()
    },
    index=["loss", "distortion", "non-sparsity", "steps"],
).round(4)

# %% [markdown]
# ## A measure of convergence
#
# At a minimum over the box $[0, 1]^K$ the derivative of the loss vanishes in every entry between the
# bounds. The *residual* is how far this is from being so: the derivative in units of
# $\lambda / K$, its size bounded by one, averaged over the entries with the mask itself as weight,
#
# $$
# r(s) = \frac{\sum_i s_i \, \bigl|\min\bigl(1, \tfrac{K}{\lambda} \, \partial_i \mathcal{L}(s)\bigr)\bigr|}{\sum_i s_i} ,
# $$
#
# where an entry at one that wants to rise does not count. At the start it is one: all of the rate
# could be given up for nothing. It is zero when every kept coefficient is worth its price. The noise
# makes any single derivative large, so its sign is taken from the steps before and its size from
# the fresh noise of this step: then noise alone averages to zero, and the measure costs nothing. The
# solver stops an image when $r$ is below `tolerance`.

# %%
history_figure([slow, runs["default"][0]], ["published schedule", "default schedule"])

# %%
where = slow.history["residual"][0] < published.tolerance
stopped = int(where.nonzero()[0]) + 1 if where.any() else None
Markdown(
    f"The published run would have stopped at step {stopped}."
    if stopped
    else f"After {slow.steps[0]} steps the published run had not converged: its residual was "
    f"{slow.residual[0]:.2f}."
)

# %% [markdown]
# ## Starts
#
# `ones`
# : everything is kept, as published.
#
# `random`
# : each entry drawn uniformly from $[0, 1]$.
#
# `uniform`
# : the report's pre-optimised start: the same value everywhere, lowered by a percent at a time until
#   the class changes.
#
# All with the default schedule. A run is *ruined* if it loses the class.

# %%
for start in ("random", "uniform"):
    runs[start] = rcx.CartoonX(data.classifier, start=start, **options).explain(data.images)
runs["ones"] = runs.pop("default")
history_figure(list(runs.values()), list(runs))

# %%
starts = pd.DataFrame(
    {
        "loss": [run.loss.mean().item() for run in runs.values()],
        "steps": [run.steps.double().mean().item() for run in runs.values()],
        "ruined": [(~run.label_kept).double().mean().item() for run in runs.values()],
        "converged": [run.converged.double().mean().item() for run in runs.values()],
    },
    index=list(runs),
)
starts.round(3)

# %% [markdown]
# ## Where the time goes
#
# Seconds per explanation on the machine that built this book; those of the published settings
# follow from a few of their steps. `rcx bench` prints the same table for any classifier.

# %%
times = solver_table(data.classifier, data.images[:1], published_steps=2, seed=seed)
times[["steps", "seconds", "ratio", "loss"]].round(3)

# %% [markdown]
# The inverse wavelet transform is one matrix product per level and direction:

# %%
transform_table(data.images.shape[-1], seed=seed).round(4)

# %% [markdown]
# Besides the schedule, a step is cheaper: batch norms are folded into their convolutions,
# parameters need no gradient, noise is used in pairs of opposite sign (one transform serves two
# samples), and the mask is the only thing that is differentiated.
#
# ## What was tried
#
# Runs on four of the study's photographs with MobileNetV3-Small, two of them raw as published and
# two normalised, $\lambda = 20$; losses by 256 fresh samples. `passes` counts obfuscated images
# sent through the network per explanation, which is what the time is made of. An empty mask on the
# first photograph has the loss 0.242.

# %%
solver_trials()

# %% [markdown]
# Colour by colour sign flips of one noise field, which would make a transform serve eight samples,
# were dropped: they saved a sixth of a step's time and cost two thirds more variance. A start below
# the point where the class is lost ended in the empty mask. So did large steps at the beginning.

# %% [markdown]
# ## What was found

# %%
default = times.loc[("CartoonX", "default")]
Markdown(f"""
- One CartoonX explanation took {default["seconds"]:.1f} s with the default settings,
  {default["ratio"]:.0f} times less than with the published ones, at a loss of
  {runs["ones"].loss[0]:.4f} against {slow.loss[0]:.4f}.
- The published schedule ended with a residual of {slow.residual[0]:.2f}, the default one with
  {runs["ones"].residual[0]:.2f}; below {published.tolerance} a run counts as converged.
""")

# %%
Markdown(" ".join(
    f"From `{name}` the mean loss came to {row.loss:.4f} after {row.steps:.0f} steps, and "
    f"{row.ruined:.0%} of the runs lost the class."
    for name, row in starts.iterrows()
))
