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
# - how the loss falls from every start that the report tried, and from two more;
# - a test of whether a start helps;
# - where the time goes instead, and how much of it can be saved;
# - how to see that a run has converged.

# %% tags=["parameters"]
profile: str = "photos"  # which images and classifier: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 1  # how many images are shown with their starting masks
published_steps: int = 2  # how many of the published steps are timed
seed: int = 0  # seed of scenes, noise and random starts

# %% [markdown]
# ## The question
#
# With the published settings, one explanation takes 2,000 steps of 64 noise samples each. The
# report {cite:p}`dubbeldam2023reproducibility` asked whether a better initial mask makes that
# shorter. This is its extension of the original work. It tried simple starts, and found that they
# do not help. It wished for two things: a measure that tells when a run has converged, and a
# network that predicts the mask to start from.
#
# Here all three are measured: simple starts, a measure of convergence, and a predicted start. A
# fourth thing is set beside them: the schedule of the steps.

# %%
import warnings

from IPython.display import Markdown

import rcx
from rcx import evaluate
from rcx.classifiers import load_profile
from rcx.explain import explanation_figure
from rcx.reference import GPU_HOURS, GPU_SECONDS, claims, photo_rows, start_trials
from rcx.report import claim_result, condition_table, shown, starts_figure
from rcx.study import stored_explanation

# %% [markdown]
# ## The loss from every start
#
# The runs from all starts take hours. They were made once, on photographs of the study with its
# MobileNetV3-Small {cite:p}`howard2019searching`, and their numbers come with the package:
# [the appendix](appendix_starts) lists them. The left panel has the schedule that the report used,
# with fewer samples a step. The right panel has the default schedule of this package.
# *What to look for*: a start helps if its curve ends below that of `ones`, or comes down to the end
# of `ones` in fewer steps. Where a curve goes flat early, masks may have become empty: the class is
# lost then, and no gradient leads back.

# %% tags=["show-input"] mystnb={"figure": {"caption": "As in Figure 6 of the report: the mean loss over the steps from every start, with 95 % intervals.", "name": "fig-loss-by-start"}}
photos = start_trials("imagenet")
titles = {schedule: photos.titles[schedule] for schedule in ("published", "default")}
starts_figure(photos.trials, titles, seed=seed)

# %%
runs = photos.trials.runs
explained = runs.groupby("schedule")["image"].nunique()
Markdown(
    f"The curves are means over {explained['published']} photographs under the published schedule, and over "
    f"{explained['default']} under the default one."
)

# %% [markdown]
# ## The starts
#
# `ones`
# : keeps everything, as published.
#
# `random`
# : draws each entry of the mask uniformly between zero and one.
#
# `uniform`
# : is the report's pre-optimised start. All entries have the same value, the lowest that keeps the
#   class.
#
# `foreground`
# : is one where GrabCut {cite:p}`rother2004grabcut` sees an object in front, and zero elsewhere. It
#   knows nothing of the classifier. Where it finds no object, all of the image is kept.
#
# `foreground-uniform`
# : is the same with a value in place of zero, the lowest that keeps the class.
#
# `gradient`
# : ranks the coefficients of each band by the size of the answer's derivative, as StartGrad
#   {cite:p}`uendes2025start` does, two years after the report. The first rank has the entry one.
#
# `predicted`
# : is what a small network makes of the image and of the classifier's answer,
#   see [below](predicted-start).
#
# Here they are on one image, before any step. Each picture is drawn like a cartoon: it is the grey
# image made of what the mask keeps. *What to look for*: a red caption says that under fresh noise the
# start has lost the label already.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Starting masks as pictures, before any step.", "name": "fig-starts"}}
warnings.simplefilter("ignore", UserWarning)  # no object was found; the network is for another classifier
drawn = load_profile(profile, n_images=n_images, seed=seed)
options = {"lambda_k": lambda_k, "solver": rcx.SolverSettings(steps=0), "seed": seed}
starts = ["random", "uniform", "foreground", "foreground-uniform", "gradient", "predicted"]
makers = [rcx.CartoonX(drawn.classifier, start=start, **options) for start in starts]
masks = [stored_explanation(maker, drawn.images) for maker in makers]
explanation_figure(masks, titles=starts)

# %% [markdown]
# ## Does a start help?
#
# The claim was put into two tests before they were measured. After the same steps, the loss from
# the start should be lower than from `ones`, on the same photograph. And the loss at which `ones`
# ends should be reached in fewer steps. A run that never gets there counts with all its steps.
# A test is passed if the interval of the mean difference is below zero and a signed-rank test
# agrees. Both are taken under the default schedule.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Each start against masks of ones, photograph by photograph: mean differences with 95 % intervals.", "caption_before": true, "name": "tab-starts-tested"}}
claim = claims()["starts"]
tried = [start for start in runs.query("schedule == 'default'")["start"].unique() if start != "ones"]
tests = {
    f"{start}, default schedule": evaluate.start_comparisons(photos.trials, "default", start, seed=seed)
    for start in tried
}
decimals = dict(zip(claim.expectations, ("{:.3f}", "{:.0f}"), strict=True))
condition_table(claim, tests).style.format(decimals)

# %%
lost = 1 - runs.query("schedule == 'default'").groupby("start", sort=False)["label_kept"].mean()
shares = ", ".join(f"{share:.0%} of those from `{start}`" for start, share in lost.items())
Markdown(f"Share of these runs that end with the label lost: {shares}.")

# %% [markdown]
# Why is it hard to help? A mask of ones loses nothing: what matters is in it, and the solver has only
# to take away. A start that is sparser at random has lost some of what matters. It must find that
# again, and from an empty mask it cannot. A mask that is lower everywhere saves a part of the way.
# But this part is the cheapest, because at first all entries fall together.

# %% [markdown]
# ## Where the time goes instead
#
# Nearly every entry of the mask has to go from one to zero. A step of Adam
# {cite:p}`kingma2015adam` moves an entry by at most the step size, which is a thousandth as
# published. However useless a coefficient is, deleting it so takes a thousand steps. That walk, and
# not the choice of what to keep, is most of the published time.
#
# The default schedule moves an entry in proportion to its size, so that what does not matter shrinks
# by a constant factor a step. It takes small steps at a raised $\lambda$ first, which finds out what
# does not matter, and then lets return what went too early. [The solver's page](solver.md) explains
# each setting, and lists what was tried for it.

# %% mystnb={"figure": {"caption": "Seconds of one CartoonX on this machine; those of the published settings follow from a few of their steps.", "caption_before": true, "name": "tab-seconds"}}
image, cartoonx = drawn.images[:1], [rcx.CartoonX]
timings = evaluate.solver_timings(
    drawn.classifier, image, published_steps=published_steps, methods=cartoonx, seed=seed
)
times = timings.loc["CartoonX"]
shown(times[["steps", "seconds", "ratio"]], missing="")

# %%
published, default = (rcx.SolverSettings.preset(name) for name in ("published", "fast"))
fewer = published.steps * published.samples / (default.steps * default.samples)
ratio = times.loc["default", "ratio"]
Markdown(
    f"The default takes {fewer:.0f} times fewer passes through the network, and {ratio:.0f} times fewer seconds here. "
    f"The report names {GPU_SECONDS:.0f} s for one CartoonX and {GPU_HOURS} hours for all of its experiments, on an "
    "NVIDIA Titan RTX."
)

# %% [markdown]
# ### When to stop
#
# The report had no rule for when to stop. The *residual* is one. At a minimum, no entry of the mask
# can be moved to lower the loss. The residual says how far a mask is from that: it is one where all
# of the kept rate could be given up for nothing, as at the start, and zero where rate and distortion
# balance. It needs no gradient but the solver's own. [The method's chapter](00_method) plots it. A
# run has converged if its residual ends below a tolerance, the dotted line there.

# %%
schedules = photo_rows("explanations", study="schedules").groupby("series")["converged"].agg(["sum", "count"])
ended = [
    f"{row['sum']} of {row['count']} runs converged under the {name} schedule"
    for name, row in schedules.sort_index(ascending=False).iterrows()
]
Markdown(f"On photographs of the study, and with all 64 samples of the published one, {', and '.join(ended)}.")

# %% [markdown]
# (predicted-start)=
# ## A predicted start
#
# The report asked for a network that predicts the start, and that errs on the dense side: what is
# superfluous is soon deleted, and what is missing may never come back. The package has two small
# ones, for drawn scenes and for photographs. Each sees the image, its coefficients, $\lambda$, and
# how the answer changes at three uniform masks. A prediction that loses the class on fresh noise is
# made denser until it keeps it. Half of the default schedule finds out what does not matter, which
# such a mask knows already. So it goes with a schedule of its own, called `short`.

# %%
scenes = evaluate.starts_table(start_trials("sample").trials, seed=seed)
losses = {of: float(loss.mean) for of, loss in scenes["loss"].items()}
times_more = {start: losses["short", start] / losses["default", "ones"] for start in ("predicted", "ones")}
steps = {schedule: scenes.loc[schedule, "ones"]["steps"] for schedule in ("short", "default")}
Markdown(
    f"On drawn scenes that it has not seen, {steps['short']:.0f} steps from the predicted mask end at "
    f"{times_more['predicted']:.2f} times the loss of {steps['default']:.0f} default steps from ones. From ones, "
    f"the short schedule ends at {times_more['ones']:.2f} times that loss."
)

# %% [markdown]
# [The solver's page](solver.md) has the same for photographs, and
# [the appendix](appendix_starts) what the prediction is worth without any step.
#
# ## What was found

# %%
where = f"{explained['default']} photographs, MobileNetV3-Small"
claim_result(claim, tests, where)

# %%
simple = [start for start in starts if start not in ("gradient", "predicted")]
helps = evaluate.help_table(photos.trials, "published", simple, seed=seed)["helps"]
by_verdict = "; ".join(f"{verdict} for {', '.join(group.index)}" for verdict, group in helps.groupby(helps))
ends = evaluate.starts_table(photos.trials, seed=seed)["difference"]
Markdown(f"""
- Under the published schedule, that a simple start helps is {by_verdict}.
- From ones, the published schedule of the figure ends {ends["published", "ones"]:+.3f} in loss from the default
  one. With all of its samples, it takes {ratio:.0f} times as long.
- From a predicted mask, {steps["short"]:.0f} steps end at {times_more["predicted"]:.2f} times the loss of the
  default's {steps["default"]:.0f}, on drawn scenes.
""")

# %% [markdown]
# All claims and their verdicts are in [](07_verdict).
