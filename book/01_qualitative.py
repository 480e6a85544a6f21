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
# - better and worse cartoons beside those of Pixel RDE, chosen by a rule and not by eye;
# - what a wrong answer of the classifier rests on;
# - how the cartoon changes with $\lambda$, and with the share of wavelets that is kept;
# - whether the cartoon shows the object, where the object's true outline is known.

# %% tags=["parameters"]
profile: str = "photos"  # which images and classifier: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion, for CartoonX
pixel_lambda_k: float = 4.0  # the same for Pixel RDE
n_images: int = 4  # how many images are explained, whatever the classifier says of them
n_mistakes: int = 2  # how many images are explained that the classifier is wrong or unsure about
n_drawn: int = 7  # how many images are classified to find these
n_scenes: int = 6  # how many drawn scenes are explained, whose object is known
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# ## The claim
#
# CartoonX is meant to be read by people. Its first claim {cite:p}`kolek2022cartoon` is that the
# cartoon shows the piecewise smooth part of an image that the classifier's answer rests on, and
# that it is easier to read than the scattered pixels of Pixel RDE. The report
# {cite:p}`dubbeldam2023reproducibility` found this on pictures that its authors chose. Its Figure 1
# has better and worse explanations, and its Figure 2 misclassified images.
#
# Here rules choose. The first `n_images` images by number are explained, right or wrong. After
# them come `n_mistakes` others of the first `n_drawn`: those that the classifier is wrong about, or
# least sure of.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import rcx
from rcx.classifiers import VISION_TRANSFORMERS, load_profile
from rcx.evaluate import attribution, comparisons, doubtful_images, localisation_table, share_inside
from rcx.explain import explanation_figure
from rcx.images import picture_grid
from rcx.reference import claims
from rcx.report import MaskFrames, claim_result, explanation_frames, frame_slider, method_frames, shown
from rcx.study import stored_explanation, stored_path

# %%
drawn = load_profile(profile, n_images=max(n_drawn, n_images + n_mistakes), seed=seed)
classifier = drawn.classifier
with torch.no_grad():
    probabilities = classifier.probabilities(drawn.images)
chosen = doubtful_images(probabilities, drawn.labels, first=n_images, doubtful=n_mistakes)
images, names = drawn.images[chosen], [drawn.names[number] for number in chosen]
first, last = slice(n_images), slice(n_images, None)

# %% tags=["show-input"]
cartoonx = rcx.CartoonX(classifier, lambda_k=lambda_k, seed=seed)
pixel_rde = rcx.PixelRDE(classifier, lambda_k=pixel_lambda_k, seed=seed)
cartoons = stored_explanation(cartoonx, images)
pixels = stored_explanation(pixel_rde, images[first])

# %% [markdown]
# ## Better and worse explanations
#
# The layout is that of the report's Figure 1. The images are in the order of the cartoon's
# distortion: the upper ones lose least of the answer, the lower ones most.

# %% mystnb={"figure": {"caption": "As in Figure 1 of the report: the image, its CartoonX and its Pixel RDE, from the lowest distortion to the highest.", "name": "fig-better-worse"}}
order = cartoons[first].distortion.argsort().tolist()
explanation_figure([cartoons[order], pixels[order]])

# %% [markdown]
# How to read them: a cartoon is the grey image made of the kept wavelets alone, and what is black
# was not needed. A blurred patch means that coarse wavelets were enough there, a sharp edge that
# the fine ones mattered. Pixel RDE's picture is its mask: a white dot is a pixel that was kept.
# Under each picture stand the probability of the explained class before and after all the rest was
# replaced by noise, and the two things that were traded. A caption in red says that the label was
# lost: under noise, another class is more probable.
#
# The numbers of all runs. The last images are those of the next section. *Kept* asks whether the
# explained class is still the most probable one.

# %% mystnb={"figure": {"caption": "All explanations by numbers.", "caption_before": true, "name": "tab-runs"}}
columns = {"probability": "before", "probability_after": "after", "distortion": "distortion"}
columns |= {"nonsparsity": "non-sparsity", "label_kept": "kept"}
numbers = pd.concat({
    name: pd.DataFrame({title: getattr(runs, column) for column, title in columns.items()}, index=names[:len(runs)])
    for name, runs in {"CartoonX": cartoons, "Pixel RDE": pixels}.items()
})
numbers.style.format(precision=3)

# %% [markdown]
# ## Where the classifier is wrong
#
# An explanation is about the classifier, not about the image. It should show what the answer rests
# on also where the answer is wrong. The layout is that of the report's Figure 2. (Of the packaged
# photographs, two show things for which ImageNet has no class.)

# %% mystnb={"figure": {"caption": "As in Figure 2 of the report: images that the classifier is wrong or unsure about.", "name": "fig-doubtful"}}
explanation_figure(cartoons[last])

# %% [markdown]
# ## How much of a cartoon is needed?
#
# A mask puts the wavelets in an order, from the one that it kept most of to those that it deleted.
# Move the slider to keep only the first few percent of them, and noise in place of all others.
# *What to look for*: the class comes back long before the object can be made out, and past that
# point more wavelets add sharpness but hardly any probability.

# %%
percents = [0.1, 0.3, 1, 2, 3, 5, 10, 20, 50, 100]
kept = {
    names[row]: (images[row], MaskFrames(cartoonx, images[row]).of_shares(cartoons.mask[row], percents))
    for row in range(min(n_images, 4))
}
caption = "The cartoon of the most relevant wavelets alone. Red: the label is lost."
frame_slider(kept, "kept", start=4, caption=caption)

# %% [markdown]
# ## What $\lambda$ does
#
# $\lambda$ is the price of a kept coefficient. How sparse should an explanation be? The method does
# not say, so it is worth looking at a range. `explain_path` solves for the middle $\lambda$ first
# and goes on from each solution to its neighbours, which takes a fraction of the steps. *What to
# look for*: details go first and what they belong to stays. In the end the label is lost, at a
# $\lambda$ that is each image's own.

# %%
lambdas = [lambda_k * factor for factor in (0.25, 0.5, 1, 2, 4)]
labels = [f"lambda {value:g}" for value in lambdas]
steps = stored_path(cartoonx, images[:1], lambdas)
priced = {names[0]: (images[0], explanation_frames(cartoonx, steps, labels))}
caption = "The cartoon for rising lambda. Red: the label is lost."
frame_slider(priced, "price", start=2, caption=caption)

# %% mystnb={"figure": {"caption": "The first image over lambda.", "name": "fig-path"}}
captions = [f"non-sparsity {float(step.nonsparsity):.4f}" for step in steps]
picture_grid([[images[0], *(step.picture[0] for step in steps)]], ["image", *labels], [[names[0], *captions]])

# %% [markdown]
# ## Beside another method
#
# Here are three accounts of the same answer. GradCAM {cite:p}`selvaraju2017gradcam` weighs the last
# feature map of the network by its gradients. *What to look for*: the cartoon shows shapes, Pixel
# RDE dots, and GradCAM regions. GradCAM has no rate of its own. Its numbers are those of keeping as
# many pixels as Pixel RDE does, the ones that GradCAM holds most relevant.

# %%
maps = attribution("GradCAM", classifier, images[first], cartoons[first].target, seed=seed)
by_method = {
    names[row]: (images[row], method_frames(
        [cartoonx, pixel_rde], [cartoons[row], pixels[row]], images[row], {"GradCAM": maps[row]}
    ))
    for row in range(n_images)
}
frame_slider(by_method, "method", caption="Three accounts of an answer. Red: the label is lost.")

# %% [markdown]
# ## Does the cartoon show the object?
#
# What is easy to read is for the reader to say. Whether a cartoon shows what is *relevant* can be
# measured where that is known: in drawn scenes, whose classes differ in one object. Two small
# classifiers come with the package, a convolutional network and a vision transformer. Three
# measures compare a map with the object's outline: the share of its brightness that lies on the
# object (*energy inside*), whether its brightest pixel does (*pointing game*), and the overlap of
# its brightest pixels with the object.

# %%
scenes = load_profile("sample", n_images=n_scenes, seed=seed)
networks = {"CNN": scenes.classifier, "ViT": rcx.load_classifier(VISION_TRANSFORMERS["sample"])}
of_scenes = {
    name: stored_explanation(rcx.CartoonX(network, lambda_k=lambda_k, seed=seed), scenes.images)
    for name, network in networks.items()
}
by_pixel = stored_explanation(rcx.PixelRDE(networks["CNN"], lambda_k=pixel_lambda_k, seed=seed), scenes.images)

# %% mystnb={"figure": {"caption": "Scenes and their CartoonX, for both networks.", "name": "fig-scenes"}}
explanation_figure([explanation[:3] for explanation in of_scenes.values()], titles=["CartoonX, CNN", "CartoonX, ViT"])

# %% mystnb={"figure": {"caption": "How much of each map lies on the object: means over the scenes with 95 % intervals.", "caption_before": true, "name": "tab-localisation"}}
pictures = {f"CartoonX, {name}": explanation.picture for name, explanation in of_scenes.items()}
pictures |= {"Pixel RDE, CNN": by_pixel.picture, "grey image": scenes.images.mean(1)}
pictures["every pixel alike"] = torch.ones_like(scenes.images[:, 0])
shown(localisation_table(pictures, scenes.object_masks, seed=seed))

# %% [markdown]
# A cartoon is a part of the image, so that it is bright where the image is. Its row is to be read
# against that of the grey image. A low share is not a reason to prefer the mask of Pixel RDE: a
# mask of few pixels can lie on the object alone, while a wavelet of the coarsest level reaches over
# a large part of the image. What the classifier needs of the surroundings, if only that they are
# smooth and dark, is part of the cartoon too.
#
# ## What was found
#
# The first claim is supported if more of the cartoon than of the grey image lies on the object, for
# both networks.

# %%
claim, grey = claims()["relevant"], share_inside(scenes.images.mean(1), scenes.object_masks)
shares = {name: share_inside(run.picture, scenes.object_masks).nan_to_num(0) for name, run in of_scenes.items()}
(measure,) = claim.expectations
tests = {
    f"scenes, {name}": comparisons({measure: share}, {measure: grey}, claim.expectations, seed=seed)
    for name, share in shares.items()
}
claim_result(claim, tests, f"{n_scenes} scenes")

# %%
means = numbers.groupby(level=0).mean()
Markdown("\n".join(
    f"- {name} keeps the label in {row['kept']:.0%} of the images above, at a mean non-sparsity of "
    f"{row['non-sparsity']:.4f} and a mean distortion of {row['distortion']:.3f}."
    for name, row in means.iterrows()
))

# %% [markdown]
# A few images show what the method's pictures are like; they measure little. Whether CartoonX needs
# less of an image than Pixel RDE for the same distortion is the question of [](02_quantitative).
