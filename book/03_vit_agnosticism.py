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
# # Vision transformers
#
# **What this chapter shows**
#
# - CartoonX for a vision transformer and for a convolutional network, on the same images;
# - whether the two differ in distortion and in sparsity;
# - the transformer's own account, attention rollout, beside the cartoon.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 4  # how many images are explained
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# CartoonX needs a classifier's probabilities and their gradient, and nothing of what is inside. A
# transformer {cite:p}`touvron2021training` has both. It also has attention, from which *rollout*
# {cite:p}`abnar2020quantifying` draws a map of its own: the attention matrices $A_1, \dots, A_n$ of the
# layers, each averaged with the identity for the residual connection, are multiplied,
#
# $$
# R = \prod_{i=n}^{1} \tfrac{1}{2} (A_i + I) ,
# $$
#
# and the row of the class token says from which patches its last state was made.

# %%
{"profile": profile, "lambda_k": lambda_k, "n_images": n_images, "seed": seed}

# %% [markdown]
# ## What was found
