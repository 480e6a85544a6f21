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
# # What the report did not say
#
# **What this chapter shows**
#
# - six choices of the published study that its text does not state or does not discuss, found in its
#   code and its pictures;
# - for each of them a number that says whether it matters.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 2  # how many images are explained
n_unsure: int = 2  # how many more, those that the classifier is least sure about
n_drawn: int = 100  # how many images are classified to find these
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# None of this says that the study {cite:p}`dubbeldam2023reproducibility` is wrong. Its code is public,
# which is why these things can be found at all. But they are what someone who repeats it from its
# text alone would do otherwise.
#
# Numbers marked as those of the study's photographs come with the package, in `rcx/reference`; the
# others are computed here, on the images of this book's profile.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import rcx
from rcx.classifiers import load_profile
from rcx.reference import published_facts
from rcx.report import MaskJudge, Result, normalisation_table, photo_explanation_table, photo_normalisation_table
from rcx.evaluate import doubtful_images, mean_interval

# %% [markdown]
# ## Images that were not normalised
#
# Networks for ImageNet are trained on normalised images: the mean colour is subtracted, and the rest is
# divided by the deviation. The published code gives both networks raw images in $[0, 1]$. They still
# answer, and most of the answers are the same; but they are less sure. First the study's photographs:

# %% mystnb={"figure": {"caption": "Classifiers on the study's photographs, raw and normalised.", "caption_before": true, "name": "tab-raw-photographs"}}
photo_normalisation_table()

# %% [markdown]
# And the images of this book:

# %% mystnb={"figure": {"caption": "Classifiers on the images of this chapter, raw and normalised.", "caption_before": true, "name": "tab-raw"}}
normalisation = normalisation_table(profile, n_images=n_drawn, seed=seed)
normalisation.style.format(precision=3)

# %%
by_input = normalisation.groupby("inputs")[["right", "probability"]].mean()
raw, normal = by_input.loc["raw, as published"], by_input.loc["normalised"]
Result(
    "unsaid-normalisation",
    f"Over the two classifiers, raw images are classified rightly in {raw.right:.0%} instead of {normal.right:.0%}, with a mean probability of {raw.probability:.3f} instead of {normal.probability:.3f}.",
    reported="Nothing; the published code does not normalise.",
)

# %% [markdown]
# ## Clamping that is not the same for all
#
# The obfuscated image may leave $[0, 1]$. CartoonX clamps it back, Pixel RDE and the random orders do
# not, in the optimisation as in the published curves. A network is then asked about images that no
# camera makes, and its answers may move more or less than those of its competitor, whatever was
# kept. Here the same share of every pixel is kept, with and without the clamp; the distortion is the
# published one, the $\ell_2$ norm of the change of all probabilities.

# %% mystnb={"figure": {"caption": "Distortion with and without clamping.", "caption_before": true, "name": "tab-clamping"}}
drawn = load_profile(profile, n_images=max(n_drawn, n_images + n_unsure), seed=seed)
pixel_bench = MaskJudge(rcx.PixelRDE(drawn.classifier, distortion="probability", seed=seed), drawn.images[:8], seed)
clamping = pixel_bench.clamping([0.0, 0.25, 0.5, 0.75])
clamping.style.format(precision=3)

# %%
apart = (clamping["not clamped"] - clamping["clamped"]).abs()
Result(
    "unsaid-clamping",
    f"On the same pixel masks, leaving out the clamp moves the mean distortion by up to {apart.max():.3f}, where {apart.idxmax()} of each pixel is kept.",
    reported="Nothing; the published code clamps for CartoonX alone.",
)

# %% [markdown]
# ## One draw of the noise
#
# The published curves draw the noise once for each image. How much of a point's height is then that
# draw? Here are the first images, explained, and after them those that the classifier is least sure
# about. The same masks are judged by single draws.

# %%
with torch.no_grad():
    answers = torch.cat([drawn.classifier.probabilities(some) for some in drawn.images.split(8)])
chosen = doubtful_images(answers, first=n_images, doubtful=n_unsure).tolist()
images, names = drawn.images[chosen], [drawn.names[row] for row in chosen]
explainer = rcx.CartoonX(drawn.classifier, lambda_k=lambda_k, distortion="probability", seed=seed)
explanations = explainer.explain(images)
bench = MaskJudge(explainer, images, seed)
single = bench.single_draws(explanations.mask)

# %% mystnb={"figure": {"caption": "Distortion of one mask by single draws of noise.", "caption_before": true, "name": "tab-draws"}}
deviation = single.std(1)
pd.DataFrame({"mean": single.mean(1), "deviation of a draw": deviation, "least": single.amin(1), "most": single.amax(1)}, index=names).style.format(precision=3)

# %%
Result(
    "unsaid-draws",
    f"The published distortion of one mask, by one draw, has a standard deviation of {mean_interval(deviation, seed=seed):.3f} around its mean of {single.mean():.3f}.",
    reported="Nothing; the published code draws once for each image.",
)

# %% [markdown]
# ## The empty mask
#
# Keeping nothing costs no rate. Its loss is the distortion alone, and that cannot be more than $p^2$
# where the class has the probability $p$. At $\lambda = 20$, the rate of an ordinary explanation costs
# about as much as a few tenths of distortion. So for an image that the classifier is unsure about, the
# best mask is the empty one, and the method has nothing to show: a black picture is then the right
# answer to the question that was asked. (The relative distortion asks another: it counts the change as a share of $p$.)

# %% mystnb={"figure": {"caption": "The loss of explanations, and that of a mask that keeps nothing.", "caption_before": true, "name": "tab-empty"}}
empty = bench.empty(explanations)
empty.index = names
empty.style.format(precision=4)

# %%
better = empty["the empty mask is better"]
Result(
    "unsaid-empty",
    f"At lambda {lambda_k:g}, an empty mask has a lower loss than the explanation in {int(better.sum())} of {len(better)} images; the least sure of them has a probability of {empty.probability.min():.3f}, so that no explanation with a loss over {empty.probability.min() ** 2:.3f} is worth its rate.",
    reported="Nothing; lambda was 20 for all images.",
)

# %% [markdown]
# ## Images that were left out
#
# The study chose 100 photographs, and its curves are means over fewer. Which are missing, and why, is
# not said. Here nothing is left out: what cannot be explained would be an error, and what loses its
# label is counted as lost.

# %%
facts = published_facts()
left_out = int(facts["images chosen"] - facts["images in the curves"])
Result(
    "unsaid-left-out",
    f"{left_out} of the {facts['images chosen']:.0f} chosen photographs are in none of the published curves; here {len(explanations)} of {len(images)} are explained.",
    reported="Nothing.",
)

# %% [markdown]
# ## What the sweep over $\lambda$ measured
#
# The right part of the published Figure 3 shows distortion against $\lambda$. Its distortion is not the
# one that $\lambda$ weighs, which is the mean squared change of one probability. It is the
# $\ell_2$ norm of the change of all probabilities, by a single draw of the noise. Both for the same
# masks:

# %% mystnb={"figure": {"caption": "Three distortions of the same explanations.", "caption_before": true, "name": "tab-unsaid-sweep"}}
path = explainer.explain_path(images[:1], [lambda_k / 8, lambda_k, lambda_k * 8])
sweep = MaskJudge(explainer, images[:1], seed).sweep(path)
sweep.style.format(precision=4)

# %%
ratio = sweep["l2 norm, one draw"] / sweep["squared change of the probability"]
Result(
    "unsaid-sweep",
    f"For the first image, the distortion of the published sweep is {ratio.min():.1f} to {ratio.max():.1f} times the one that lambda weighs.",
    reported="Nothing; the figure calls it distortion.",
)

# %% [markdown]
# ## On the photographs of the study
#
# The same three things, the empty mask, the draw and the measure of the sweep, as far as the package
# has numbers of the study's photographs. *Empty mask as good*: the share of images whose squared
# probability is below the loss of their explanation. How many images there are says how far these
# runs have gone.

# %% mystnb={"figure": {"caption": "The explanations of the study's photographs, summed up.", "caption_before": true, "name": "tab-photo-explanations"}}
photo_explanation_table()

# %% [markdown]
# ## What was found

# %%
Markdown(f"""
- Raw images: {raw.right:.0%} right instead of {normal.right:.0%}.
- Clamping: a distortion that is different by up to {apart.max():.3f} for the same mask.
- One draw: a standard deviation of {deviation.mean():.3f} for the distortion of one image.
- Empty masks: better than the explanation in {int(better.sum())} of {len(better)} images.
- Left out: {left_out} images.
- The sweep: {ratio.min():.1f} to {ratio.max():.1f} times the distortion that lambda weighs.
""")
