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
# # Gallery
#
# **What this chapter shows**
#
# - explanations of all images, to be filtered by method, $\lambda$, label and prediction;
# - among the images, chosen by a rule, those that the classifier is wrong about.

# %% tags=["parameters"]
profile: str = "photos"  # which images and classifier: photos, sample or imagenet
methods: str = "CartoonX, Pixel RDE"  # names of the methods, with commas between
lambda_factors: list = [1.0]  # weights of the rate, as multiples of each method's own
n_images: int = 4  # how many images are shown, whatever the classifier says of them
n_mistakes: int = 2  # how many more, those that the classifier is wrong about first
n_drawn: int = 7  # how many images are classified to find these
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# ## The images
#
# Pictures in a paper are chosen, and so are the misclassified images in Figure 2 of the report
# {cite:p}`dubbeldam2023reproducibility`. Here a rule chooses, the one of [](01_qualitative): the
# first `n_images` images by number, and after them, of the first `n_drawn`, those `n_mistakes` that
# the classifier is wrong about or least sure of. With the profile `imagenet` and `n_images=100`,
# this page shows the whole study. It is built where the photographs are, and they stay there.
# `lambda_factors="[0.25, 1, 4]"` shows more prices of a coefficient, and
# `methods="CartoonX, WaveletX"` other methods, see [](appendix_relatives).

# %%
import torch
from IPython.display import Markdown

from rcx.classifiers import load_profile
from rcx.evaluate import doubtful_images
from rcx.explain import method_named
from rcx.report import Gallery, gallery_entries, numbers_of
from rcx.study import stored_explanation

# %%
drawn = load_profile(profile, n_images=max(n_drawn, n_images + n_mistakes), seed=seed)
classifier = drawn.classifier
with torch.no_grad():
    probabilities = classifier.probabilities(drawn.images)
chosen = doubtful_images(probabilities, drawn.labels, first=n_images, doubtful=n_mistakes)
images, labels = drawn.images[chosen], drawn.labels[chosen]
names = [drawn.names[number] for number in chosen]

# %% tags=["show-input"]
kinds = [method_named(name) for name in methods.split(",")]
explanations = [
    stored_explanation(kind(classifier, lambda_k=factor * kind.default_lambda_k, seed=seed), images)
    for kind in kinds
    for factor in numbers_of(lambda_factors)
]

# %% [markdown]
# ## The explanations
#
# Each row begins with the image. Under an explanation stand the probability of the explained class
# before and after all else was replaced by noise, non-sparsity and distortion. The number links to
# the panel, which is then shown large: its address can be sent to others.

# %%
entries = gallery_entries(classifier, images, labels, names, explanations)
Gallery(entries)

# %% [markdown]
# ## What was found

# %%
lost = [entry for entry in entries if not entry.label_kept]
losses = [f"{sum(entry.method == kind.method for entry in lost)} of {kind.method}" for kind in kinds]
wrong = {entry.name for entry in entries if not entry.right}
Markdown(f"""
- Of {len(names)} images, {len(wrong)} are misclassified{": " + ", ".join(sorted(wrong)) if wrong else ""}.
- Of {len(entries)} explanations, {len(lost)} lose the label: {", ".join(losses)}.
""")
