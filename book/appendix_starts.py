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
# # Starts and schedules in detail
#
# **What this appendix shows**
#
# - the numbers behind [](04_runtime_initialization): the settings, and the runs from every start;
# - what the report said of each start, tested;
# - the predicted start, with few steps and with none;
# - the study's own code beside this package, and its schedule exactly as published;
# - the time of the wavelet transform.

# %% tags=["parameters"]
size: int = 256  # height and width of the images that are transformed, in pixels
seed: int = 0  # seed of the bootstrap and of what is transformed

# %%
import pandas as pd
from IPython.display import Markdown

import rcx
from rcx import evaluate
from rcx.reference import INPUTS, photo_rows, published_code, start_trials
from rcx.report import shown

# %% [markdown]
# ## The schedules
#
# [The solver's page](solver.md) explains each setting. The figure of the chapter has the schedule
# `published` with two samples a step and not all of them, because it takes hours otherwise.

# %% mystnb={"figure": {"caption": "Settings of the schedules, by name.", "caption_before": true, "name": "tab-schedules"}}
presets = {name: rcx.SolverSettings.preset(name) for name in ("published", "fast", "short")}
pd.DataFrame({settings.name: settings.model_dump() for settings in presets.values()})

# %% [markdown]
# ## The runs from every start
#
# Losses are means over the photographs with 95 % intervals. `difference` is from where the default
# schedule ends from ones, and that end is the `goal`. Its steps and seconds are medians: `inf` where
# fewer than half of the runs come within five percent of it. A run is *ruined* if the label is lost.

# %% mystnb={"figure": {"caption": "Starts on photographs, by numbers.", "caption_before": true, "name": "tab-photo-starts"}}
photos = start_trials("imagenet")
shown(evaluate.starts_table(photos.trials, seed=seed))

# %%
Markdown(photos.summary)

# %% [markdown]
# In two details the foreground starts differ from the published code. It gives GrabCut a rectangle
# whose sides are in the wrong order. On photographs that are not square, this takes a part of the
# image for certain background, or leaves none. Here the background is certain in a frame of one
# pixel. And the code shrinks the foreground to the size of each band, which is out of place in the
# coarse ones, where a coefficient reaches far. Here a coefficient belongs to the foreground if a
# tenth of its energy falls there.
#
# ## What the report saw
#
# In its loss curves the report saw the pre-optimised start faster at first and then together with
# the published one, the foreground start end higher, and a random start fail at times. Here each of
# these is a paired comparison with `ones` under the same schedule. A curve is lower at first if its
# mean over the first quarter of the steps is. An outcome is open if the interval contains zero, or
# the signed-rank test does not agree.

# %% mystnb={"figure": {"caption": "What the report saw, tested under both schedules.", "caption_before": true, "name": "tab-report-saw"}}
seen = {name: evaluate.picture_table(photos.trials, name, seed=seed) for name in ("published", "default")}
shown(pd.concat(seen, names=["schedule", "prediction"]))

# %% [markdown]
# The chapter tests whether a start helps under the default schedule. Here is the same under the
# published one. `reached` is the share of the runs that get to where `ones` ends.

# %% mystnb={"figure": {"caption": "Whether a start helps under the published schedule.", "caption_before": true, "name": "tab-help-published"}}
tried = photos.trials.runs.query("schedule == 'published' and start != 'ones'")["start"].unique()
shown(evaluate.help_table(photos.trials, "published", list(tried), seed=seed))

# %% [markdown]
# ## The predicted start
#
# `rcx train-start` trains a network that predicts masks for a classifier. It is a small U-Net whose
# levels are those of the wavelet. For each coefficient it sees its size beside the noise's, and the
# slope of the distortion at three uniform masks. For each place it sees the image, and everywhere
# $\lambda$, the probability of the class and the distortions at these masks.
#
# The network for drawn scenes learnt without a single explanation: a predicted mask is judged by the
# loss of random scenes, lambdas and noise. In training the rate is cheaper than it will be, and its
# price rises from nearly nothing, so that the class is learnt to be kept first. The network for
# photographs learnt from explanations, of photographs that are not the study's.

# %%
network = rcx.CartoonX("sample/cnn", start="predicted").start
history, lambdas = network.history, network.settings.lambda_k
weights = sum(parameter.numel() for parameter in network.parameters())
Markdown(
    f"The network for drawn scenes has {weights:,} weights. It took {history['steps']:,} steps on "
    f"{history['images']:,} scenes, with lambdas from {lambdas[0]:g} to {lambdas[1]:g}, at "
    f"{history['training']['caution']:.0%} of the rate's price."
)

# %% [markdown]
# None of the following scenes was among those. Under the schedule `none`, the prediction is the
# explanation.

# %% mystnb={"figure": {"caption": "The predicted start on drawn scenes.", "caption_before": true, "name": "tab-predicted"}}
scenes = evaluate.starts_table(start_trials("sample").trials, seed=seed)
rows = [("default", "ones"), ("short", "ones"), ("short", "predicted"), ("none", "predicted")]
columns = ["loss", "difference", "steps to goal", "steps", "seconds", "converged", "ruined"]
shown(scenes.loc[rows, columns])

# %% [markdown]
# Where no denser mask keeps the class either, the prediction is the whole image, which weighs in the
# mean loss without steps. [The solver's page](solver.md) has the network for photographs.
#
# ## The study's own code
#
# Is this the published method? The study's own code was run as it is, for five steps of 64 samples
# on photographs and the same noise, by `rcx bench --profile imagenet --published-code FOLDER`. The
# last two columns say how far its losses, relative, and its pictures are from this package's.
# `ratio` is how many default explanations fit into the 2,000 steps of its code. Seconds are of two
# cores. In the rows with memory `kept` the process keeps the memory that it frees, for which the
# study's code waits otherwise.

# %% mystnb={"figure": {"caption": "The study's own code and this package's, on the same noise.", "caption_before": true, "name": "tab-published-code"}}
beside = published_code()
apart = [column for column in beside if column.endswith("apart")]
beside.style.format(precision=2).format("{:.0e}", subset=apart).format("{:.0f}", subset=["ratio"])

# %% [markdown]
# ## The schedule exactly as published
#
# With all 64 samples a step, the published schedule takes most of an hour of a core for an image.
# It was run once, on the first photographs of the study, by
# `rcx study --settings rcx/reference/measured/schedules.toml`. All losses are by 256 fresh samples.

# %% mystnb={"figure": {"caption": "Final losses by the schedule exactly as published and by the default one.", "caption_before": true, "name": "tab-exact-losses"}}
runs = photo_rows("explanations", study="schedules")
runs["input"] = runs["normalize"].map({value: name for name, value in INPUTS.items()})
losses = runs.pivot(index="image", columns=["input", "series"], values="loss").sort_index(axis=1).astype(float)
losses.style.format(precision=3)

# %% mystnb={"figure": {"caption": "The default schedule against the one exactly as published: differences of the final loss.", "caption_before": true, "name": "tab-exact-compared"}}
pairs = {how: (losses[how]["default"], losses[how]["published"]) for how in INPUTS}
compared = {how: (evaluate.compare(*pair, seed=seed), "lower") for how, pair in pairs.items()}
ratios = [default.mean() / published.mean() for default, published in pairs.values()]
shown(evaluate.comparison_table(compared).assign(**{"ratio of means": ratios}))

# %%
shares = runs.groupby("series")[["label_kept", "converged"]].mean()
Markdown("\n".join(
    f"- The {name} schedule keeps the label in {row['label_kept']:.0%} of these runs, and "
    f"{row['converged']:.0%} converge."
    for name, row in shares.iterrows()
))

# %% [markdown]
# ## The wavelet transform
#
# A step is cheaper too. The inverse transform is one matrix product per level and direction. Noise
# is used in pairs of opposite sign, which share a transform. Batch norms are folded into their
# convolutions, and nothing is differentiated but the mask.

# %% mystnb={"figure": {"caption": "The inverse wavelet transform of 16 images, on this machine.", "caption_before": true, "name": "tab-transform"}}
evaluate.transform_timings(size, seed=seed).style.format(precision=3)
