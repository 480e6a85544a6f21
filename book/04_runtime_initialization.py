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
# - how the loss falls, step by step, from different initial masks;
# - how many steps and seconds each start takes to the same loss;
# - whether all of them end in explanations of the same quality.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 4  # how many images are explained
seed: int = 0  # seed of scenes, noise and random starts

# %% [markdown]
# From $s = 1$ most of the way is spent on taking nearly every entry down from one to zero. The
# gradient of the rate is the same everywhere, $\lambda / K$, so that this takes a number of steps that
# depends on the step size alone. A start nearer to the solution should take fewer. The starts:
#
# `ones`
# : everything is kept, as published.
#
# `random`
# : each entry drawn uniformly from $[0, 1]$.
#
# `uniform`
# : the same value everywhere, chosen beforehand by minimising the loss over this one number.

# %%
{"profile": profile, "lambda_k": lambda_k, "n_images": n_images, "seed": seed}

# %% [markdown]
# ## What was found
