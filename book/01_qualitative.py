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
# # What the pictures show
#
# **What this chapter shows**
#
# - cartoons of images that the classifier gets right, beside those of Pixel RDE;
# - how the cartoon changes with $\lambda$;
# - whether the cartoon shows the object, where the object's true outline is known.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 4  # how many images are explained
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# CartoonX is meant to be read by people. Its first claim {cite:p}`kolek2022cartoon` is that the
# cartoon shows the piecewise smooth part of an image that the classifier's answer rests on, and that
# it is easier to read than the scattered pixels of Pixel RDE.

# %%
{"profile": profile, "lambda_k": lambda_k, "n_images": n_images, "seed": seed}

# %% [markdown]
# ## What was found
