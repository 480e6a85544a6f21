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
# - cartoons beside those of Pixel RDE, for images that no eye has chosen;
# - what a transformer's own account, attention rollout, shows of the same images;
# - what a wrong answer of the classifier rests on;
# - how the cartoon changes with $\lambda$, and how an image can have a $\lambda$ of its own;
# - whether the cartoon shows the object, where the object's true outline is known.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion, for CartoonX
pixel_lambda_k: float = 4.0  # the same for Pixel RDE
target_distortion: float = 0.05  # where every image gets a lambda of its own
n_images: int = 4  # how many images are explained, whatever the classifier says of them
n_mistakes: int = 2  # how many images are explained that the classifier is wrong or unsure about
n_drawn: int = 100  # how many images are classified to find these
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# ## The claim, and the images that it is tried on
#
# CartoonX is meant to be read by people. Its first claim {cite:p}`kolek2022cartoon` is that the
# cartoon shows the piecewise smooth part of an image that the classifier's answer rests on, and that
# it is easier to read than the scattered pixels of Pixel RDE. The study
# {cite:p}`dubbeldam2023reproducibility` found this on pictures that its authors chose, some of them
# misclassified.
#
# Here two rules choose. The first `n_images` images by number are explained, right or wrong. After
# them come `n_mistakes` others of the first `n_drawn`: those to whose true class the classifier
# gives the least probability. Misclassified images come first by this rule; where there are too few
# of them, those follow that the classifier is least sure about.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import rcx
from rcx.evaluate import doubtful_images, rollout, share_inside
from rcx.classifiers import VISION_TRANSFORMERS, load_profile
from rcx.explain import explanation_figure
from rcx.images import picture_grid
from rcx.report import MaskFrames, explanation_frames, frame_slider, method_frames

# %%
drawn = load_profile(profile, n_images=max(n_drawn, n_images + n_mistakes), seed=seed)
model = drawn.classifier
with torch.no_grad():
    probabilities = model.probabilities(drawn.images)
predicted = probabilities.argmax(1)
of_truth = probabilities.gather(1, drawn.labels[:, None]).squeeze(1)
chosen = doubtful_images(probabilities, drawn.labels, first=n_images, doubtful=n_mistakes)
images, labels = drawn.images[chosen], drawn.labels[chosen]
names = [drawn.names[number] for number in chosen]

# %% mystnb={"figure": {"caption": "What the classifier says of the images.", "caption_before": true, "name": "tab-answers"}}
columns = {
    "true class": map(model.label, labels.tolist()),
    "predicted": map(model.label, predicted[chosen].tolist()),
    "probability of it": probabilities.amax(1)[chosen],
    "of the true class": of_truth[chosen],
}
pd.DataFrame(columns, index=names).style.format(precision=3)

# %% [markdown]
# ## Cartoons and pixels
#
# One call per method explains all images; the explained class is the predicted one, right or
# wrong. Both methods run with the same solver, each with its default $\lambda$, as the two measure
# their rates in different units: shares of wavelet coefficients, and shares of pixels.

# %% tags=["show-input"] mystnb={"figure": {"caption": "The first images, their CartoonX and their Pixel RDE.", "name": "fig-first-images"}}
explainer = rcx.CartoonX(model, lambda_k=lambda_k, distortion="probability", seed=seed)
cartoons = explainer.explain(images)
pixels = rcx.PixelRDE(model, lambda_k=pixel_lambda_k, distortion="probability", seed=seed).explain(images)
first = slice(n_images)
explanation_figure([cartoons[first], pixels[first]])

# %% [markdown]
# How to read them: a cartoon is the grey image made of the kept wavelets alone, and what is black
# was not needed. A blurred patch means that coarse wavelets were enough there, a sharp edge that
# the fine ones mattered. Pixel RDE's picture is its mask: a white dot is a pixel that was kept. Under
# each picture stand the probability of the explained class before and after all the rest was
# replaced by noise, and the two things that were traded, non-sparsity and distortion. A caption in
# red says that the label was lost.
#
# How much of a cartoon is needed? A mask puts the wavelets in an order, from the one that it kept most
# of to those that it deleted. Move the slider to keep only the first few percent of them, and noise in
# place of all others. *What to look for*: the class comes back long before the object can be made out,
# and past that point more wavelets add sharpness but hardly any probability.

# %%
percents = [0, 0.1, 0.2, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100]
kept = {
    names[row]: (images[row], MaskFrames(explainer, images[row]).of_shares(cartoons.mask[row], percents))
    for row in range(min(n_images, 4))
}
frame_slider(kept, "kept", start=7, caption="The cartoon of the most relevant wavelets alone. Red: the label is lost.")

# %% [markdown]
# The numbers of all runs of {numref}`fig-first-images`, the probability before and after among them; the last images are those of
# the next section. *Kept* asks whether the explained class is still the most probable one when all
# that the mask leaves out is noise. *Converged* says whether the solver
# stopped because the mask no longer moved to a better one, rather than because its steps were
# spent.

# %% mystnb={"figure": {"caption": "All explanations by numbers.", "caption_before": true, "name": "tab-runs"}}
shown = ["probability", "probability_after", "distortion", "nonsparsity", "label_kept", "converged", "steps"]
numbers = pd.concat(
    {
        name: pd.DataFrame({c: getattr(explanation, c) for c in shown}, index=names)
        for name, explanation in {"CartoonX": cartoons, "Pixel RDE": pixels}.items()
    }
)
headings = {"probability": "before", "probability_after": "after", "nonsparsity": "non-sparsity", "label_kept": "kept"}
numbers.rename(columns=headings).style.format(precision=4)

# %% [markdown]
# ## A third account
#
# A vision transformer {cite:p}`touvron2021training` has an account of its own: *attention rollout*
# {cite:p}`abnar2020quantifying` follows its attention back to the patches of the image
# ([](03_vit_agnosticism) says how). Here are three accounts of the transformer's answer for the same
# images. *What to look for*: the cartoon shows shapes, Pixel RDE dots, and rollout regions. Rollout
# does not know which class is asked about, so it has no rate or distortion of its own. Its numbers
# are those of keeping as many pixels as Pixel RDE does, the ones that rollout holds most relevant.

# %%
asked = load_profile(profile, n_images=n_images, seed=seed, classifier=VISION_TRANSFORMERS[profile])
options = {"distortion": "probability", "seed": seed}
methods = [
    rcx.CartoonX(asked.classifier, lambda_k=lambda_k, **options),
    rcx.PixelRDE(asked.classifier, lambda_k=pixel_lambda_k, **options),
]

# %%
few = asked.images[: min(n_images, 2)]
accounts = [method.explain(few) for method in methods]
attention = rollout(asked.classifier, few)
by_method = {
    asked.names[row]: (few[row], method_frames(methods, [one[row] for one in accounts], few[row], attention[row]))
    for row in range(len(few))
}
frame_slider(by_method, "method", caption="Three accounts of a transformer's answer. Red: the label is lost.")

# %% [markdown]
# ## Where the classifier is wrong
#
# An explanation is about the classifier, not about the image: it should show what the answer rests
# on also where the answer is wrong. The same image can be asked two questions, what speaks for the
# class that was predicted, and what for the true one. (Where the classifier was right but unsure
# these are the same question.) A small probability of the true class leaves little to lose, so that a
# sparse mask comes cheap there: read the second cartoon together with its probability.

# %% mystnb={"figure": {"caption": "The doubtful images: what speaks for the predicted class, and what for the true one.", "name": "fig-doubtful"}}
last = slice(n_images, None)
for_truth = rcx.CartoonX(model, lambda_k=lambda_k, distortion="probability", seed=seed).explain(images[last], labels[last])
explanation_figure(
    [cartoons[last], for_truth],
    titles=["CartoonX, predicted class", "CartoonX, true class"],
)

# %% [markdown]
# ## What $\lambda$ does
#
# $\lambda$ is the price of a kept coefficient. How sparse should an explanation be? The method does
# not say, so it is worth looking at a whole range. `explain_path` solves for the middle $\lambda$
# first and then goes on from each solution to its neighbours, which takes a fraction of the steps. Move
# the slider: here are the first image, and the last of the mistakes, for an eighth of this chapter's
# $\lambda$ up to sixteen times as much. *What to look for*: details go first and what they belong to
# stays; in the end the label is lost, at a $\lambda$ that is each image's own.

# %%
lambdas = [lambda_k * 2.0**power for power in range(-3, 5)]
labels_of = [f"lambda {value:g}" for value in lambdas]
ends = sorted({0, len(names) - 1})
path, *others = (explainer.explain_path(images[row : row + 1], lambdas) for row in ends)
paths = {
    names[row]: (images[row], explanation_frames(explainer, steps, labels_of))
    for row, steps in zip(ends, [path, *others], strict=True)
}
frame_slider(paths, "price", start=3, caption="The cartoon for rising lambda. Red: the label is lost.")

# %% [markdown]
# Every other step of the first image's path, side by side, and all of its numbers:

# %% mystnb={"figure": {"caption": "The first image along the path.", "name": "fig-path"}}
few = path[1::2]
picture_grid(
    [[images[0], *(step.picture[0] for step in few)]],
    ["image", *(f"lambda {float(step.lambda_k):g}" for step in few)],
    [[names[0], *(f"non-sparsity {float(step.nonsparsity):.4f}" for step in few)]],
)

# %% mystnb={"figure": {"caption": "The first image along the path over lambda, by numbers.", "caption_before": true, "name": "tab-path"}}
by_lambda = pd.DataFrame(
    [{name: getattr(step, name).item() for name in shown} for step in path],
    index=pd.Index([f"{value:g}" for value in lambdas], name="lambda"),
)
by_lambda.rename(columns=headings).style.format(precision=4)

# %% [markdown]
# ## A $\lambda$ for each image
#
# The same $\lambda$ buys different things in different images: where the answer hangs on little,
# much can go. Instead of a price one can name what may be lost. With `target_distortion`, each
# image's own $\lambda$ is sought at which its distortion is that large, so that explanations of
# different images become comparable: all of them move the probability equally far. It is done here
# for the first two images. (An image can lose no more than it has: of a class with a small
# probability $p$, the distortion seldom exceeds $p^2$, and a larger target leaves an empty mask.)

# %% mystnb={"figure": {"caption": "One lambda for both images, and one distortion.", "name": "fig-own-lambda"}}
settings = {"lambda_k": lambda_k, "target_distortion": target_distortion, "distortion": "probability", "seed": seed}
alike = rcx.CartoonX(model, **settings).explain(images[:2])
explanation_figure(
    [cartoons[:2], alike],
    titles=["the same lambda", "the same distortion"],
)

# %% mystnb={"figure": {"caption": "Each image with a lambda of its own.", "caption_before": true, "name": "tab-own-lambda"}}
found = {name: getattr(alike, name) for name in ["lambda_k", *shown]}
pd.DataFrame(found, index=names[:2]).rename(columns=headings).style.format(precision=4)

# %% [markdown]
# ## Does the cartoon show the object?
#
# The sample's scenes are drawn, so that the object's outline is known. The share of a map's total
# that lies inside it says how much of the map is about the object. Two columns are for
# comparison. A cartoon is made of the image and is bright where the image is bright, so that part of
# its share is the grey image's own; and a map without any information would score the share of the
# image that the object covers.

# %% mystnb={"figure": {"caption": "Share of each map that lies on the object.", "caption_before": true, "name": "tab-inside"}}
grey = images.mean(1)
maps = {"CartoonX": cartoons.picture, "Pixel RDE": pixels.picture, "grey image": grey, "area": torch.ones_like(grey)}
masks = drawn.object_masks  # photographs have none
shares = {name: share_inside(one, masks[chosen]) for name, one in maps.items() if masks is not None}
inside = pd.DataFrame(shares, index=names)
inside.style.format(precision=2)

# %% [markdown]
# A low share for CartoonX is not a reason to prefer the mask of Pixel RDE. A pixel is at one place,
# and a mask of few pixels can lie on the object alone. A wavelet of the coarsest level reaches over a
# large part of the image, and the approximation carries the background's brightness: what the
# classifier needs of the surroundings, if only that they are smooth and dark, is part of the
# cartoon too. To the eye, the object is where the cartoon is *sharp*, which this share does not
# measure.

# %% [markdown]
# ## What was found

# %%
mean = numbers.groupby(level=0).mean()
on_object = ", ".join(f"{name} {share:.2f}" for name, share in inside.mean().items())
least, most = path[0], path[-1]
Markdown(f"""
- Of {len(predicted)} images classified, {int((predicted != drawn.labels).sum())} are misclassified; of the {len(names)} explained, {int((predicted != drawn.labels)[chosen].sum())}.
- The label is kept in {mean.label_kept["CartoonX"]:.0%} of CartoonX's explanations and in {mean.label_kept["Pixel RDE"]:.0%} of Pixel RDE's, with a mean non-sparsity of {mean.nonsparsity["CartoonX"]:.4f} and {mean.nonsparsity["Pixel RDE"]:.4f} and a mean distortion of {mean.distortion["CartoonX"]:.4f} and {mean.distortion["Pixel RDE"]:.4f}. {mean.converged["CartoonX"]:.0%} and {mean.converged["Pixel RDE"]:.0%} of the runs converged, after {mean.steps["CartoonX"]:.0f} and {mean.steps["Pixel RDE"]:.0f} steps in the mean.
- From lambda {lambdas[0]:g} to {lambdas[-1]:g}, the first image's non-sparsity goes from {float(least.nonsparsity):.4f} to {float(most.nonsparsity):.4f}, its distortion from {float(least.distortion):.4f} to {float(most.distortion):.4f}.
- For a distortion of {target_distortion:g}, the first two images get lambda {alike.lambda_k[0]:.0f} and {alike.lambda_k[1]:.0f}, and come to a distortion of {alike.distortion[0]:.3f} and {alike.distortion[1]:.3f}.
- The mean share of a map on the object: {on_object or "not known for photographs"}.
""")

# %% [markdown]
# The first claim, put to what can be measured of it. That a cartoon is easy to read is for the reader
# to say. What it shows should suffice for the answer, and more of it should lie on the object than of
# the image that it is a part of: the second, where outlines are known, decides below.

# %%
from rcx.report import Result
from rcx.evaluate import compare, mean_interval, verdict

on_it = [inside[name] for name in ("CartoonX", "grey image")] if masks is not None else []
moved = f"The share on the object minus that of the grey image is {compare(*on_it, seed=seed).difference:.3f}." if on_it else "Outlines, which would decide, are not known for photographs."
Result(
    "claim-1",
    f"The label is kept in {mean_interval(cartoons.label_kept.double(), seed=seed):.2f} of {len(names)} cartoons. {moved}",
    verdict([(compare(*on_it, seed=seed), "higher")]) if on_it else "open",
    claimed="CartoonX shows the relevant, piecewise smooth part of an image, also where the answer is wrong.",
    reported="Supported, as judged by eye: the explanations are piecewise smooth, and most give valuable insights.",
)

# %% [markdown]
# A few images show what the method's pictures are like; they measure little. Whether CartoonX needs
# less of an image than Pixel RDE for the same distortion is the question of [](02_quantitative).
