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
# # Rate and distortion in numbers
#
# **What this chapter shows**
#
# - rate-distortion curves of CartoonX and Pixel RDE;
# - how sparse the masks are and how well the class's probability is kept;
# - whether the difference between the two is more than chance.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion, for CartoonX
lambda_k_pixel: float = 4.0  # the same for Pixel RDE
n_images: int = 8  # how many images are explained
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# The order of a mask's entries ranks coefficients by relevance. A good order brings the probability
# back early: put the coefficients back from the most relevant to the least, leave noise in
# place of the others, and plot the distortion against the fraction that is kept. The lower the curve, the
# better the explanation found what matters.

# %%
{"lambda_k": lambda_k, "lambda_k_pixel": lambda_k_pixel, "n_images": n_images, "seed": seed}

# %% [markdown]
# ## What was found
