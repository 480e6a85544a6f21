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
# # Other methods, and rollout in detail
#
# **What this appendix shows**
#
# - two faults of the published rollout, and whether they matter;
# - whether cartoon and rollout agree, patch by patch;
# - five other methods, their maps and their curves, beside CartoonX.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion, for CartoonX
pixel_lambda_k: float = 4.0  # the same for Pixel RDE
n_images: int = 3  # how many images are explained
draws: int = 2  # noise draws for each point of a curve
seed: int = 0  # seed of scenes and noise

# %%
import pandas as pd
from IPython.display import Markdown
from torch.nn.functional import adaptive_avg_pool2d as pooled

# %%
import rcx
from rcx.classifiers import VISION_TRANSFORMERS, load_profile
from rcx.evaluate import COARSE, Ranking, agreement, area_table, patch_rollout, rollout_matrix
from rcx.explain import explanation_figure
from rcx.images import picture_grid
from rcx.reference import INPUTS, photo_curves
from rcx.report import lowest_areas, shown
from rcx.representations import Pixels
from rcx.study import stored_attributions, stored_curves, stored_explanation

# %%
drawn = load_profile(profile, n_images=n_images, seed=seed, classifier=VISION_TRANSFORMERS[profile])
images, names, vit = drawn.images, drawn.names, drawn.classifier
cnn = load_profile(profile, n_images=1, seed=seed).classifier
cartoonx = rcx.CartoonX(cnn, lambda_k=lambda_k, seed=seed)
cartoons = {
    "CNN": stored_explanation(cartoonx, images),
    "ViT": stored_explanation(rcx.CartoonX(vit, lambda_k=lambda_k, seed=seed), images),
}

# %% [markdown]
# ## The published rollout
#
# [](03_vit_agnosticism) explains attention rollout {cite:p}`abnar2020quantifying`. The tool that the
# report {cite:p}`dubbeldam2023reproducibility` used departs from it in two places:
#
# - After small attention is discarded, rows no longer sum to one, and each row $i$ has to be divided
#   by its sum. The tool divides *column* $j$ by the sum of *row* $j$. A patch then counts for more
#   if it attended to little itself.
# - Attention to the class token is meant to be kept from being discarded. The tool keeps one entry
#   of it, the class token's attention to itself.
#
# `as_published=True` computes what the tool computes. The original method discards nothing.

# %% mystnb={"figure": {"caption": "Three ways to compute rollout.", "name": "fig-rollouts"}}
correct = patch_rollout(vit, images)
published = patch_rollout(vit, images, as_published=True)
everything = patch_rollout(vit, images, discard_ratio=0)
picture_grid(
    list(zip(images, correct, published, everything, strict=True)),
    ["image", "correct", "as published", "nothing discarded"],
)

# %% mystnb={"figure": {"caption": "The published rollout beside the correct one: sums of rows, and rank correlations of the patches.", "caption_before": true, "name": "tab-rollouts"}}
sums = rollout_matrix(vit, images, as_published=True).sum(-1)
variants = pd.DataFrame({
    "smallest row sum, as published": sums.amin(1),
    "largest row sum, as published": sums.amax(1),
    "as published with correct": agreement(published, correct),
    "nothing discarded with correct": agreement(everything, correct),
}, index=names)
variants.style.format(precision=3)

# %% [markdown]
# ## Do cartoon and rollout agree?
#
# Both claim to show what mattered. If they do, the patches that are bright in one should be bright
# in the other. The cartoons are averaged over the patches, and Spearman's rank correlation compares
# the orders: 1 if they are the same, 0 if they have nothing in common.
#
# Two columns are yardsticks. The cartoon of the CNN cannot have been shaped by attention that this
# network does not have. And a cartoon is bright where the image is bright, so that what the grey
# image has in common with rollout is no merit of the cartoon.

# %% mystnb={"figure": {"caption": "Rank correlations, patch by patch.", "caption_before": true, "name": "tab-agreement"}}
of_cnn = pooled(cartoons["CNN"].picture, correct.shape[1:])[:, 0]
agreements = pd.DataFrame({
    "CartoonX ViT, rollout": agreement(cartoons["ViT"].picture, correct),
    "CartoonX CNN, rollout": agreement(cartoons["CNN"].picture, correct),
    "grey image, rollout": agreement(images.mean(1), correct),
    "CartoonX ViT, CartoonX CNN": agreement(cartoons["ViT"].picture, of_cnn),
}, index=names)
agreements.style.format(precision=2)

# %% [markdown]
# ## Five other methods
#
# They are computed by the library captum {cite:p}`kokhlikyan2020captum`:
#
# *Integrated gradients* {cite:p}`sundararajan2017axiomatic`
# : gradients added up on the way from the image's mean colour to the image;
#
# *SmoothGrad* {cite:p}`smilkov2017smoothgrad`
# : the gradient, averaged over noisy copies of the image;
#
# *GradCAM* {cite:p}`selvaraju2017gradcam`
# : the last feature map, its channels weighted by their gradients;
#
# *Guided backprop* {cite:p}`springenberg2015striving`
# : the gradient, of which every ReLU lets only the positive part back;
#
# *KernelSHAP* {cite:p}`lundberg2017unified`
# : the fair share of each of about fifty patches, from how the answer changes as subsets of them are
#   replaced by the mean colour.
#
# Each gives a value per pixel. GradCAM needs a feature map, and guided backprop a ReLU: neither
# applies to the transformer. *What to look for*: gradients give scattered points, GradCAM and
# KernelSHAP regions, the cartoon shapes.

# %%
pixel_rde = stored_explanation(rcx.PixelRDE(cnn, lambda_k=pixel_lambda_k, seed=seed), images)
others = stored_attributions(cnn, images, seed=seed)
regions = {name: one for name, one in others.items() if name in ("GradCAM", "KernelSHAP")}
gradients = {name: one for name, one in others.items() if name not in regions}

# %% mystnb={"figure": {"caption": "For the CNN: CartoonX, Pixel RDE, and two methods that show regions.", "name": "fig-regions"}}
explanation_figure([cartoons["CNN"], pixel_rde], maps=regions)

# %% mystnb={"figure": {"caption": "For the CNN: three methods of gradients. Each map is in shares of its largest value.", "name": "fig-gradients"}}
shares = [one / one.amax((1, 2), keepdim=True).clamp_min(1e-12) for one in gradients.values()]
picture_grid(list(zip(images, *shares, strict=True)), ["image", *gradients])

# %% [markdown]
# ## On the same axes
#
# A map orders the pixels, as a mask orders its components. So all methods have curves. Beside them
# are random orders. The table has the areas under the curves. Small is good where the relevant is
# kept, large where it is randomised.

# %%
pixels = Pixels(images.shape[-2:])
wavelets = Ranking.of(cartoonx, cartoons["CNN"])
rankings = {"CartoonX": wavelets, "Pixel RDE": Ranking(pixels, pixel_rde.picture[:, 0])}
rankings |= {name: Ranking(pixels, one) for name, one in others.items()}
rankings["random wavelets"] = Ranking.at_random(wavelets.representation, n_images, seed)
rankings["random pixels"] = Ranking.at_random(pixels, n_images, seed)
directions = {"kept": "keep", "randomised": "randomise"}
measured = {
    title: stored_curves(cnn, images, rankings, direction, percent=COARSE, draws=draws, seed=seed)
    for title, direction in directions.items()
}

# %% mystnb={"figure": {"caption": "Mean areas under the curves of all methods for the CNN, on the images of this chapter.", "caption_before": true, "name": "tab-method-areas"}}
shown(area_table(measured, seed=seed))

# %% [markdown]
# ## On the study's photographs
#
# A few images show how such a comparison is made. The same was measured once on the study's
# photographs, for both networks, with raw and with normalised images. The curves are fair: several
# draws of noise, and all images clamped. Each column is of the same photographs in all its rows.
# Rollout needs a transformer.

# %%
anywhere = ["integrated gradients", "SmoothGrad", "KernelSHAP", "random wavelets", "random pixels"]
listed = {
    "CNN": ("timm/tf_mobilenetv3_small_100", 256, ["CartoonX", "Pixel RDE", "GradCAM", "guided backprop", *anywhere]),
    "ViT": (VISION_TRANSFORMERS["imagenet"], 224, ["CartoonX", "rollout", *anywhere]),
}
photos = {
    f"{network}, {how}": photo_curves(name, size, normalize=normalize, protocol="fair", series=series)
    for network, (name, size, series) in listed.items()
    for how, normalize in INPUTS.items()
}
photos = {title: both for title, both in photos.items() if all(both)}

# %% mystnb={"figure": {"caption": "Mean areas under the curves of all methods, on the study's photographs.", "caption_before": true, "name": "tab-photo-areas"}}
counts = {title: len(keep["CartoonX"]) for title, (keep, _) in photos.items()}
areas = {
    title: area_table({column: both[side] for column, both in photos.items()}, seed=seed)
    for side, title in enumerate(directions)
}
shown(pd.concat({"photographs": pd.DataFrame(counts, index=[""]), **areas}), missing="not measured")

# %% [markdown]
# ## What was found

# %%
agreed, close = agreements.mean(), variants.min()
Markdown(f"""
- The rows of the published rollout sum to {float(sums.min()):.2f} to {float(sums.max()):.2f} instead of one. The order
  of its patches has a rank correlation of at least {close.iloc[2]:.3f} with the correct one. Where nothing is
  discarded, it is at least {close.iloc[3]:.3f}.
- The mean rank correlation with rollout is {agreed.iloc[0]:.2f} for the cartoons of the ViT, {agreed.iloc[1]:.2f} for
  those of the CNN and {agreed.iloc[2]:.2f} for the grey images.
- Relevant kept, images of this chapter, CNN: the lowest mean areas are {lowest_areas(measured['kept'])}.
""")

# %%
Markdown("\n".join(
    f"- Relevant kept, {counts[title]} photographs, {title}: the lowest mean areas are {lowest_areas(keep)}."
    for title, (keep, _) in photos.items()
))
