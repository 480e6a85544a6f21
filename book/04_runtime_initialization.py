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
# - a measure of convergence, and where it would have stopped the published run;
# - the published initial masks, and whether they help, under the published schedule and under the
#   default one;
# - a small network that predicts the initial mask, which the report asked for, and how many steps it
#   saves.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 2  # how many images are explained from every start
published_samples: int = 2  # noise samples a step of the published run; the study took 64
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
# shrinks by a constant factor per step. While the whole mask still falls together, it takes small
# steps, because a hasty schedule loses the class, and the empty mask, which costs no rate, is a trap
# that it does not leave. During these steps $\lambda$ is larger. While most of the image is kept the
# noise hardly shows, so that what does not matter is told apart and goes. Before the end $\lambda$ is
# back at its own, and what was taken too much returns. This *overshoot* shrinks as the distortion
# grows. [Another page](solver.md) explains each setting.

# %%
from functools import partial

import pandas as pd
from IPython.display import Markdown

import rcx
from rcx import evaluate, reference
from rcx.classifiers import load_profile
from rcx.explain import explanation_figure, history_figure
from rcx.report import shown, starts_figure

# %%
data = load_profile(profile, n_images=n_images, seed=seed)
options = {"lambda_k": lambda_k, "distortion": "probability", "seed": seed}

# %% [markdown]
# These are the settings of the published optimisation and of this package's: the default, and a
# short one for starts that are nearly right. `reach` is the mask entry below which steps no longer
# get smaller; 1 is Adam as published.

# %% mystnb={"figure": {"caption": "Settings of the solvers.", "caption_before": true, "name": "tab-hyperparameters"}}
presets = ("published", "fast", "short")
pd.DataFrame({name: rcx.SolverSettings.preset(name).model_dump() for name in presets})

# %% mystnb={"figure": {"caption": "Settings of the methods.", "caption_before": true, "name": "tab-methods"}}
names = ("lambda_k", "wavelet", "levels", "padding", "distortion", "clamp", "evaluation_samples")
methods = [method(data.classifier, distortion="probability") for method in (rcx.CartoonX, rcx.PixelRDE)]
pd.DataFrame({one.method: {name: getattr(one, name, "") for name in names} | {"steps": one.solver.steps} for one in methods})

# %% [markdown]
# Are these the published settings, and is this the published method? The study's own code was run as it
# is, for five steps of 64 samples on photographs and the same noise:
# `rcx bench --profile imagenet --n-images 2 --published-code FOLDER`, with MobileNetV3-Small at 256 pixels
# and, by `--model`, DeiT-Tiny at 224. The last two columns are how far its losses, relative, and its
# pictures are from those of the preset. Seconds are of two cores of a CPU, and `ratio` is how many
# default explanations fit into the 2,000 steps of the study's code, in the mean over the photographs.
# Where an explanation lost its label, the default of then tried again, which is in its seconds. Where the
# process keeps the memory that it frees, the study's code waits less for the system; it does not keep it
# by itself. Those rows are older, of the default of then with 200 steps.

# %% mystnb={"figure": {"caption": "The study's own code and this package's, on the same noise.", "caption_before": true, "name": "tab-published-code"}}
beside = reference.published_code()
apart = [column for column in beside if column.endswith("apart")]
beside.style.format(precision=3).format("{:.0e}", subset=apart).format("{:.0f}", subset=["ratio"])

# %% [markdown]
# The published settings, in this package's code, with fewer noise samples so that a chapter can
# afford them, and beside them the default. Both are judged by the same fresh noise.

# %% mystnb={"figure": {"caption": "The published schedule and the default one on the same image.", "caption_before": true, "name": "tab-two-solvers"}}
published = rcx.SolverSettings.preset("published")
affordable = published.model_copy(update={"samples": published_samples, "antithetic": True})
slow = rcx.CartoonX(data.classifier, solver=affordable, **options).explain(data.images[:1])
default = rcx.CartoonX(data.classifier, **options).explain(data.images[:1])
pd.DataFrame(
    {name: [run.loss.item(), run.distortion.item(), run.nonsparsity.item(), run.steps.item()]
     for name, run in {"published": slow, "default": default}.items()},
    index=["loss", "distortion", "non-sparsity", "steps"],
).round(4)

# %% [markdown]
# Fewer samples are unkind to the published schedule: its step size stays the same, so the noise keeps
# pushing masks away from where they should end. On two photographs it ended at 0.177 and 0.252 with 16
# samples, and after 850 more steps with 64 it was at 0.133 and 0.200. With 64 samples it is a good
# solver; what it is not is fast.
# Exactly as published it takes the better part of an hour of a core for each photograph and input, so it
# was run once, on eight photographs, with `rcx study --settings rcx/reference/measured/schedules.toml`. Losses are
# by the same 256 fresh samples, `settled at` is the step at which the run would have stopped, 0 if at none:

# %% mystnb={"figure": {"caption": "The schedule exactly as published and the default one, on photographs.", "caption_before": true, "name": "tab-photo-schedules"}}
from rcx.reference import INPUTS, photo_rows

schedules = photo_rows("explanations", study="schedules").assign(input=lambda rows: rows["normalize"].map({value: name for name, value in INPUTS.items()}))
measures = ["loss", "distortion", "nonsparsity", "label_kept", "steps", "settled_at"]
schedules.set_index(["input", "image", "series"])[measures].sort_index().rename(columns=lambda name: name.replace("_", " ")).round(4)

# %% [markdown]
# The default's loss minus the published one's, paired by photograph, and the ratio of their means:

# %% mystnb={"figure": {"caption": "The default schedule against the one exactly as published, on photographs.", "caption_before": true, "name": "tab-schedules-compared"}}
losses = schedules.pivot(index=["input", "image"], columns="series", values="loss").astype(float)
groups = {**dict(list(losses.groupby("input"))), "all": losses}
compared = {how: evaluate.compare(part["default"], part["published"], seed=seed) for how, part in groups.items()}
ratios = [part["default"].mean() / part["published"].mean() for part in groups.values()]
shown(evaluate.comparison_table({how: (one, "lower") for how, one in compared.items()}).assign(**{"ratio of means": ratios}))

# %% [markdown]
# ## A measure of convergence
#
# At a minimum over the box $[0, 1]^K$ the derivative of the loss vanishes in every entry between the
# bounds. The *residual* $\rho$ says how far a mask is from that; [](00_method) defines it. At the start it
# is one: all of the rate could be given up for nothing. It is zero where every kept coefficient is worth
# its price. It costs nothing, because it needs no gradient but the solver's own. A run has converged
# where $\rho$ ends below a tolerance of two hundredths.

# %% mystnb={"figure": {"caption": "Both schedules, step by step.", "name": "fig-two-solvers"}}
history_figure([slow, default], ["published schedule", "default schedule"])

# %%
stopped = int(slow.settled_at[0])
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
# `foreground`
# : one where GrabCut {cite:p}`rother2004grabcut` sees the object in front, zero elsewhere. It knows
#   nothing of the classifier. The published code gives GrabCut a rectangle whose sides are in the
#   wrong order, which on photographs that are not square takes a part of the image for certain
#   background, or leaves none; here it is a frame of one pixel. And it shrinks the foreground to the
#   size of each band, which is out of place in the coarse ones, where a coefficient reaches far:
#   here a coefficient belongs to the foreground if at least a tenth of its energy falls there.
#
# `foreground-uniform`
# : the same, with a value in place of zero that is lowered until the class changes.
#
# `predicted`
# : what a network makes of the image, see [below](predicted-start).
#
# As pictures, before any step:

# %% mystnb={"figure": {"caption": "Starting masks, as pictures.", "name": "fig-starts"}}
starts = ["ones", "random", "uniform", "foreground", "foreground-uniform"]
starts += ["predicted"] if profile == "sample" else []
still = rcx.SolverSettings(steps=0)
makers = [rcx.CartoonX(data.classifier, start=start, solver=still, **options) for start in starts[1:]]
masks = [one.explain(data.images[:2]) for one in makers]
explanation_figure(masks, titles=starts[1:])

# %% [markdown]
# All under the default schedule, on the images of this chapter. A run reaches the goal when its
# loss, averaged over a few steps, comes within five percent of what the run from `ones` ended with.
# It is *ruined* if it loses the class.

# %% mystnb={"figure": {"caption": "Starts on this chapter's scenes.", "caption_before": true, "name": "tab-live-starts"}}
make = partial(rcx.CartoonX, data.classifier, lambda_k, distortion="probability")
schedules = {"default": rcx.SolverSettings()}
live = evaluate.Trials.cat(
    list(evaluate.run_trials(make, data.images, {name: name for name in starts}, schedules, [seed]))
)
shown(evaluate.starts_table(live))

# %% [markdown]
# A few images cannot tell starts apart. The following runs are of more scenes, made once with
# `python -m rcx.study.start_trials`, always of the sample, and kept with this package. Bands
# are 95 % bootstrap intervals over the scenes, of which there are fewer under the published schedule;
# where a scene was explained with several seeds of the noise, its losses are averaged first. Their
# default schedule is the one of then, with 200 steps.

# %% mystnb={"figure": {"caption": "Loss over the steps from every start; shaded: 95 % intervals.", "name": "fig-long-starts"}}
kept = reference.start_trials()
long = kept.trials
starts_figure(long, kept.titles)

# %% mystnb={"figure": {"caption": "Starts on more scenes, by numbers.", "caption_before": true, "name": "tab-long-starts"}}
shown(evaluate.starts_table(long))

# %%
Markdown(f"{kept.summary} `difference` is from the default's end.")

# %% [markdown]
# ### What the report saw
#
# In its figure of loss curves the report saw the pre-optimised start faster at first and then
# together with the published one, the foreground start end higher, and found a random start
# unreliable. Here each of these is a paired comparison with the start `ones` under the same
# schedule; an outcome is *open* where the interval of the difference contains zero or the signed-rank
# test does not agree, which with fewer than six scenes it cannot, however clear the intervals are. A
# curve is *lower at first* if its mean over the first quarter of the steps is. First under the
# published schedule, then under the default one:

# %% mystnb={"figure": {"caption": "The report's picture under the published schedule.", "caption_before": true, "name": "tab-picture-published"}}
shown(evaluate.picture_table(long, "published"))

# %% mystnb={"figure": {"caption": "The report's picture under the default schedule.", "caption_before": true, "name": "tab-picture-default"}}
shown(evaluate.picture_table(long, "default"))

# %% [markdown]
# "Simple heuristics do not help" is the report's finding. A start helps if the loss ends lower, or
# if the loss that `ones` ends with is reached in fewer steps.

# %% mystnb={"figure": {"caption": "Whether a start helps, by schedule.", "caption_before": true, "name": "tab-helps"}}
simple = ["random", "uniform", "foreground", "foreground-uniform"]
schedules = ["published", "default"]
helped = {name: evaluate.help_table(long, name, simple) for name in schedules}
shown(pd.concat(helped, names=["schedule", "start"]))

# %% [markdown]
# ### On the study's photographs
#
# The same on photographs of the study, normalised, with MobileNetV3-Small at 256 pixels, made once with
# `python -m rcx.study.start_trials --profile imagenet`. Fewer of them were run under the published
# schedule, with two noise samples a step. The default is that of then here too.

# %% mystnb={"figure": {"caption": "Loss over the steps from every start, on photographs; shaded: 95 % intervals.", "name": "fig-photo-starts"}}
photos = reference.start_trials("imagenet")
starts_figure(photos.trials, photos.titles)

# %% mystnb={"figure": {"caption": "Starts on photographs, by numbers.", "caption_before": true, "name": "tab-photo-starts"}}
shown(evaluate.starts_table(photos.trials))

# %%
Markdown(photos.summary)

# %% mystnb={"figure": {"caption": "The report's picture on photographs, by schedule.", "caption_before": true, "name": "tab-photo-picture"}}
seen = {name: evaluate.picture_table(photos.trials, name) for name in photos.titles}
shown(pd.concat(seen, names=["schedule", "prediction"]))

# %% mystnb={"figure": {"caption": "Whether a start helps on photographs, by schedule.", "caption_before": true, "name": "tab-photo-helps"}}
helped_photos = {name: evaluate.help_table(photos.trials, name, simple) for name in photos.titles}
shown(pd.concat(helped_photos, names=["schedule", "start"]))

# %% [markdown]
# (predicted-start)=
# ## A predicted start
#
# The report asked for a network that predicts the mask to begin with, and for one that errs on the
# dense side: what is superfluous is deleted in a few steps, and what is missing may never come back.
# `rcx train-start` trains one for a classifier, without a single explanation to learn from: a
# predicted mask is judged by the loss itself, distortion plus rate, of randomly drawn scenes,
# lambdas and noise. Three things make it cautious. In training the rate is cheaper than it will be;
# the price rises from nearly nothing, so that the class is learnt to be kept first; and where a
# prediction loses the class on fresh noise, it is made denser until it does not.
#
# For each coefficient the network sees its size beside the noise's, and the slope of the distortion
# at three uniform masks, which costs as much as six steps of the solver; for each place the image;
# and everywhere lambda, the class's probability and the distortions. It is a small U-Net whose
# levels are the wavelet's. The sample's was made by `rcx train-start --held-out 0`.

# %% mystnb={"figure": {"caption": "The network that predicts the start.", "caption_before": true, "name": "tab-network"}}
network = rcx.CartoonX("sample/cnn", distortion="probability", start="predicted").start
pd.Series({
    "weights": sum(parameter.numel() for parameter in network.parameters()),
    "scenes": network.history["images"],
    "steps": network.history["steps"],
    "lambdas": "{} to {}".format(*network.settings.lambda_k),
    "price of the rate, of lambda": network.history["training"]["caution"],
}, name="sample/cnn").to_frame()

# %% [markdown]
# From a predicted mask the careful part of the default schedule is not needed, and the schedule
# `short` takes less than half of the steps. On the same scenes, none of which the network has learnt
# from, compared with the default schedule from `ones`:

# %% mystnb={"figure": {"caption": "The predicted start under the short schedule.", "caption_before": true, "name": "tab-short"}}
short = evaluate.help_table(long, "short", ["ones", "predicted"], reference=("default", "ones"))
shown(short)

# %% [markdown]
# With no step at all, the prediction is an explanation in itself, `solver=SolverSettings(steps=0)`.
# Its rate and distortion beside the solver's, medians over the scenes (where no denser mask keeps the
# class either, the prediction is the whole image, which would dominate a mean):

# %% mystnb={"figure": {"caption": "The predicted start on this chapter's scenes.", "caption_before": true, "name": "tab-unseen"}}
pairs = {"no step": ("none", "predicted"), "short": ("short", "predicted"), "default": ("default", "ones")}
measures = ["loss", "distortion", "nonsparsity", "label_kept", "steps", "seconds"]
ends = {name: long.runs.query("schedule == @pair[0] and start == @pair[1]")[measures].astype(float).median() for name, pair in pairs.items()}
pd.DataFrame(ends).T.round(4)

# %% [markdown]
# There is no such network for MobileNetV3-Small here. It would have to learn from photographs, and
# the only ones at hand are the study's hundred, which are what every number of this report is
# measured on: a network that has seen them would be tested on what it was taught. Scenes are no
# substitute, as the classifier does not know their classes. Whoever has photographs trains one with
# `rcx train-start --model torchvision/mobilenet_v3_small --images FOLDER`, which keeps some of them
# back and reports on those.

# %% [markdown]
# ## Where the time goes
#
# Seconds per explanation on the machine that built this book; those of the published settings
# follow from a few of their steps. `rcx bench` prints the same table for any classifier.

# %% mystnb={"figure": {"caption": "Seconds of an explanation, on this machine.", "caption_before": true, "name": "tab-times"}}
times = evaluate.solver_timings(data.classifier, data.images[:1], published_steps=2, seed=seed)
times[["steps", "seconds", "ratio", "loss"]].round(3)

# %% [markdown]
# Beside what the study reports for its own machine, an NVIDIA Titan RTX, and in all:

# %% mystnb={"figure": {"caption": "What the study costs: as published, and here.", "caption_before": true, "name": "tab-compute"}}
here = times["seconds"].xs("CartoonX")
hours = long.runs.groupby("schedule")["seconds"].sum() / 3600
pd.DataFrame({
    "seconds, one CartoonX": [reference.GPU_SECONDS, here["published"], here["default"]],
    "hours, all runs": [reference.GPU_HOURS, hours["published"], hours["default"]],
}, index=["the study's GPU", "published schedule, here", "default schedule, here"]).round(2)

# %% [markdown]
# The hours of the study are for all of its experiments, those of the other rows for the kept runs
# above, which had fewer samples a step, and a machine that had other work too.

# %% [markdown]
# The inverse wavelet transform is one matrix product per level and direction:

# %% mystnb={"figure": {"caption": "The inverse wavelet transform, on this machine.", "caption_before": true, "name": "tab-transform"}}
evaluate.transform_timings(data.images.shape[-1], seed=seed).round(4)

# %% [markdown]
# Besides the schedule, a step is cheaper: batch norms are folded into their convolutions,
# parameters need no gradient, noise is used in pairs of opposite sign (one transform serves two
# samples), the mask is the only thing that is differentiated, and on a CPU two images, or two passes of
# one image, go side by side. [Another page](solver.md) lists the solver's settings, and what was tried.

# %% [markdown]
# ## What was found

# %%
from rcx.solver import CONVERGED

Markdown(f"""
- One CartoonX explanation took {here["default"]:.1f} s with the default settings,
  {here["published"] / here["default"]:.0f} times less than with the published ones. It ended at a loss of
  {default.loss[0]:.4f}, the published schedule with {published_samples} of its 64 samples at {slow.loss[0]:.4f}.
- The published schedule ended with a residual of {slow.residual[0]:.2f}, the default one with
  {default.residual[0]:.2f}; below {CONVERGED} a run counts as converged.
""")

# %%
Markdown("\n".join(
    f"- That simple starts help is *{row.helps}* for `{start}` under the {name} schedule, on {images}: its "
    f"loss ends {row['loss, difference']:+.4f} from that of `ones`, and "
    f"{row.reached:.0%} of the runs get there."
    for images, tables in {"scenes": helped, "photographs": helped_photos}.items()
    for name, table in tables.items() for start, row in table.iterrows()
))

# %%
best, none, full = short.loc["predicted"], ends["no step"], ends["default"]
summary = evaluate.starts_table(long)
Markdown(f"""
- From the predicted start, {summary.loc[("short", "predicted"), "steps"]:.0f} steps end at a loss
  {best["loss, difference"]:+.4f} from the default's after {summary.loc[("default", "ones"), "steps"]:.0f};
  from `ones`, as many steps end {short.loc["ones", "loss, difference"]:+.4f} from it.
- Without a step, the prediction keeps the class of {1 - summary.loc[("none", "predicted"), "ruined"]:.0%} of
  the scenes, at a median loss of {none["loss"]:.3f} against {full["loss"]:.3f}.
""")

# %% [markdown]
# The finding on runtime, for [](07_verdict): whether a start helps, by the kept runs under the default
# schedule.

# %%
from rcx.report import Result

said = {**helped["default"]["helps"], "predicted": best.helps}
said |= {f"{start} on photographs": helps for start, helps in helped_photos["default"]["helps"].items()}
Result(
    "runtime",
    f"That a start helps is {'; '.join(f'{verdict} for {start}' for start, verdict in said.items())}. The schedule of the steps helps without one: {here['default']:.1f} s for an explanation instead of {here['published']:.0f} s.",
    next(iter(said.values())) if len(set(said.values())) == 1 else "mixed",
    claimed="A better initial mask makes the optimisation shorter (the extension of the report).",
    reported="Not supported: simple heuristic starts do not reduce the runtime.",
)
