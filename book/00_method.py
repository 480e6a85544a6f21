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
# # The method
#
# **What this chapter shows**
#
# - how an image becomes wavelet coefficients, and why an explanation is easier to read there;
# - what *rate* and *distortion* are, and how one number, $\lambda$, weighs them;
# - how the mask is found, step by step;
# - that Pixel RDE is the same method in another representation.

# %% tags=["parameters"]
profile: str = "photos"  # which images and classifier: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
pixel_lambda_k: float = 4.0  # the same for Pixel RDE
frames: int = 20  # pictures in the film of the solver
seed: int = 0  # seed of the noise

# %% [markdown]
# ## The question
#
# A classifier $\Phi$ turns an image $x \in [0, 1]^{3 \times H \times W}$ into one probability per
# class. Let $y$ be the class that we ask about, usually the most probable one. What in $x$ made
# the classifier answer $y$?
#
# Rate-distortion explanation {cite:p}`macdonald2019rate` makes this precise: *find the smallest
# part of the image that suffices for the answer.* Keep that part, replace the rest by noise, and
# the probability of $y$ must hardly change. How much is kept is called the **rate**. How far the
# probability moves is the **distortion**. Two choices are open: in which *parts* an image is cut,
# and what *noise* replaces the parts that are not kept.
#
# This chapter takes one photograph and follows it to the end.

# %%
import torch
from IPython.display import Markdown

import rcx
from rcx.classifiers import load_profile
from rcx.explain import explanation_figure, history_figure
from rcx.images import picture_grid
from rcx.report import MaskFrames, frame_slider, pyramid_figure
from rcx.solver import band_noise, obfuscate
from rcx.study import stored_explanation

# %% tags=["show-input"] mystnb={"figure": {"caption": "The photograph, and what the classifier says of it.", "name": "fig-image"}}
drawn = load_profile(profile, n_images=1, seed=seed)
classifier, image = drawn.classifier, drawn.images
with torch.no_grad():
    probability, y = classifier.probabilities(image)[0].max(0)
picture_grid([[image[0]]], captions=[[f"{classifier.label(int(y))}, {probability:.3f}"]])

# %% [markdown]
# ## An image as wavelet coefficients
#
# The simplest parts are pixels. But a pixel means little by itself, and an explanation made of
# single pixels is a cloud of dots. CartoonX {cite:p}`kolek2022cartoon` cuts the image into
# *wavelets* {cite:p}`mallat2009wavelet`: small waves, each at one place, of one scale and one
# orientation. A smooth region needs few of them, and an edge needs those along the edge. So a
# sparse choice of wavelets looks like a cartoon: smooth regions with their outlines.
#
# One level of the transform halves the image. Low-pass filtering along rows and columns leaves a
# coarse copy, the *approximation*. The other combinations of low-pass and high-pass filters leave
# horizontal, vertical and diagonal *details*. The approximation is transformed again, level by
# level. Writing $\mathcal{W}$ for the transform,
#
# $$
# h = \mathcal{W}(x) \in \mathbb{R}^{3 \times K}, \qquad x = \mathcal{W}^{-1}(h) .
# $$
#
# The inverse is exact. Each of the $K$ positions belongs to one *band*: the approximation, or one
# orientation at one level. The wavelet is `db3` with zero padding and five levels, as in the
# published study, which used the transform of {cite:t}`cotter2019uses`. A wavelet that sticks out
# over the image's edge counts too, so that $K$ is a little larger than $HW$.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Wavelet coefficients of the grey image, a tile for each band: coarse bands in the upper left.", "name": "fig-coefficients"}}
explainer = rcx.CartoonX(classifier, lambda_k=lambda_k, seed=seed)
wavelets = explainer.representation(image.shape[-2:])
coefficients = wavelets.analyse(image)
grey = wavelets.analyse(image.mean(1))[0]
pyramid_figure(wavelets, {"size of the coefficients, by band": grey})

# %% [markdown]
# Sparse, and still the image? Here the same number of largest coefficients is kept of the pixels
# and of the wavelets. All others are set to zero.

# %% mystnb={"figure": {"caption": "As many of the largest pixels (above) as of the largest wavelet coefficients (below).", "name": "fig-few"}}
counts = [wavelets.length // parts for parts in (100, 20, 5)]
shades, shape = image.mean(1).flatten(), image.shape[-2:]
few_pixels = [(shades * (shades >= shades.topk(n).values[-1])).view(shape) for n in counts]
few_wavelets = [wavelets.synthesise(grey * (grey.abs() >= grey.abs().topk(n).values[-1])) for n in counts]
captions = [[f"{n} {kind}" for n in counts] for kind in ("pixels", "wavelets")]
picture_grid([few_pixels, few_wavelets], captions=captions)

# %% [markdown]
# ## The mask and what replaces the rest
#
# A mask $s \in [0, 1]^K$ says how much of each coefficient is kept. The three colours share it: a
# wavelet is kept or not, whatever its colour. What is not kept is replaced by noise $v$:
#
# $$
# \tilde{x}(s, v) = \operatorname{clamp}_{[0, 1]}\!\bigl(\mathcal{W}^{-1}(s \odot h + (1 - s) \odot v)\bigr) .
# $$
#
# The noise should look like coefficients of this image, or the classifier would be asked about
# pictures that it never sees. Coefficients of different bands differ in size by orders of
# magnitude. The noise is therefore *adaptive*: in each band $b$ it has the mean $\mu_b$ and the
# standard deviation $\sigma_b$ of the image's own coefficients,
#
# $$
# v_i \sim \mathcal{N}(\mu_b, \sigma_b^2) \qquad \text{for every position } i \text{ in } b .
# $$
#
# Here is one draw of it, with the same mask value everywhere: all of the image, half of each
# coefficient, nothing of it.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Obfuscations, and the probability of the class in them: what is not kept is noise.", "name": "fig-obfuscations"}}
noise = band_noise(coefficients, wavelets.bands)
generator = torch.Generator().manual_seed(seed)
fields = torch.randn(2, 3, wavelets.length, generator=generator)
levels = {"all": 1.0, "half": 0.5, "nothing": 0.0}
even = [torch.full((1, wavelets.length), level) for level in levels.values()]
noisy = [obfuscate(wavelets, coefficients, mask, noise, fields[:1])[0] for mask in even]
with torch.no_grad():
    after = [float(classifier.probabilities(obfuscation)[0, y]) for obfuscation in noisy]
captions = [f"{kept} kept: {p:.3f}" for kept, p in zip(levels, after, strict=True)]
picture_grid([[obfuscation[0] for obfuscation in noisy]], captions=[captions])

# %% [markdown]
# ## Distortion, rate and loss
#
# With $\Phi_y$ for the probability of class $y$, the published distortion is the expected squared
# change of that probability, estimated from $L$ draws of the noise:
#
# $$
# D(s) = \frac{1}{L} \sum_{l=1}^{L} \bigl(\Phi_y(\tilde{x}(s, v_l)) - \Phi_y(x)\bigr)^2 .
# $$
#
# It can never exceed $\Phi_y(x)^2$, so that for an unsure classifier it is cheapest to give up the
# class and to keep nothing. The default of this package counts the change as a share of
# $\Phi_y(x)$, the *relative* distortion $D(s) / \Phi_y(x)^2$. Then one $\lambda$ serves sure and
# unsure answers alike, and for a sure answer the two are the same. The chapters that compare with
# the report use the published one, `distortion="probability"`.
#
# The rate should count the coefficients that are kept. Counting is not differentiable, so the mean
# of the mask stands in for it. The loss is the sum of both,
#
# $$
# \mathcal{L}(s) = D(s) + \lambda \, \frac{1}{K} \sum_{i=1}^{K} s_i
# \qquad \text{subject to } s \in [0, 1]^K .
# $$
#
# A larger $\lambda$ buys a sparser mask with more distortion. In the code it is called `lambda_k`.
#
# ## Finding the mask
#
# The loss is differentiable in $s$: the inverse transform is linear and the classifier is a
# network. So the mask is found by gradient descent:
#
# 1. Start with $s = 1$, where the distortion is zero and everything is kept.
# 2. Draw fresh noise and compute the loss and its gradient.
# 3. Move every entry along Adam's direction {cite:p}`kingma2015adam`.
# 4. Project: clamp every $s_i$ to $[0, 1]$. An entry that wants to be negative is exactly zero.
# 5. Repeat from 2 until the steps are spent, or the mask no longer moves to a better one.
#
# As published, every entry takes steps of one length, and most have to go all the way from one to
# zero: that takes two thousand steps. The default of this package moves an entry in proportion to
# its size, so that what does not matter shrinks by a constant factor a step, and needs a tenth of
# the steps. [Another page](solver.md) explains the schedule and what was tried for it.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Distortion, non-sparsity, loss and residual, step by step.", "name": "fig-history"}}
explanation = stored_explanation(explainer, image)
history_figure(explanation)

# %% [markdown]
# Each point is one step with that step's noise. The rate falls first, from one and by orders of
# magnitude. The distortion rises once entries go that matter, and then the two are weighed. The
# *residual* measures convergence: it is one where all of the kept rate could be given up for
# nothing, as at the start, and zero where rate and distortion balance. Below the dotted line the
# run counts as converged.
#
# The same steps as pictures. Press the button, or move the slider by hand or with the arrow keys.
# *What to look for*: at first the whole image grows darker, as every wavelet pays the same price;
# then most of it goes, and what the answer rests on stays and comes back.

# %%
film = MaskFrames(explainer, image[0]).of_steps(frames)
caption = "The cartoon while it is being found. Red: at this step, the label is lost."
frame_slider({"the image": (image[0], film)}, "solver", milliseconds=250, caption=caption)

# %% [markdown]
# ## The cartoon
#
# The explanation is drawn by keeping what the mask keeps of the grey image, without noise:
# $\mathcal{W}^{-1}(s \odot \mathcal{W}(x_\text{grey}))$. What is black was not needed. A blurred
# patch means that coarse wavelets were enough there, and a sharp edge that the fine ones mattered.
# To see that it suffices, look at the image as the classifier was asked about it: what the mask
# keeps, and noise in place of the rest.

# %% tags=["show-input"] mystnb={"figure": {"caption": "The image, its cartoon, and two obfuscations that the mask leaves.", "name": "fig-cartoon"}}
asked = obfuscate(wavelets, coefficients, explanation.mask, noise, fields)[0]
titles = ["image", "cartoon", "one draw of noise", "another"]
picture_grid([[image[0], explanation.picture[0], *asked]], titles)

# %% [markdown]
# And the mask itself, by band, beside the coefficients. A fine wavelet is kept where an edge
# matters, a coarse one where it is enough to know that something bright is there.

# %% mystnb={"figure": {"caption": "The coefficients, and how much of each the mask keeps.", "name": "fig-mask"}}
pyramid_figure(wavelets, {"coefficients": grey, "mask": explanation.mask[0]})

# %% [markdown]
# ## Pixel RDE: another representation, the same method
#
# Nothing above used that $\mathcal{W}$ is a wavelet transform. With the identity in its place,
# $K = HW$, a coefficient is a pixel and there is one band: this is Pixel RDE
# {cite:p}`heiss2020indistribution,kolek2022rate`. A comparison of the two is thus a comparison of
# representations and of nothing else. The package has one solver, to which the representation is
# an argument. One thing differs, as published: the obfuscated image of Pixel RDE is not clamped.
#
# Its picture is the mask: white where a pixel was kept.

# %% tags=["show-input"] mystnb={"figure": {"caption": "CartoonX and Pixel RDE.", "name": "fig-both"}}
by_pixels = stored_explanation(rcx.PixelRDE(classifier, lambda_k=pixel_lambda_k, seed=seed), image)
explanation_figure([explanation, by_pixels])

# %% [markdown]
# ## What was found

# %%
lines = [
    f"- {one.settings['method']}: {float(one.nonsparsity):.1%} of the mask is kept, and "
    f"{float((one.mask == 0).float().mean()):.0%} of its entries are exactly zero. The probability goes from "
    f"{float(one.probability):.3f} to {float(one.probability_after):.3f} in the mean over fresh noise; "
    f"the label is {'kept' if one.label_kept else 'lost'}, and after {int(one.steps)} steps the run "
    f"{'has converged' if one.converged else f'has a residual of {float(one.residual):.2f}'}."
    for one in (explanation, by_pixels)
]
Markdown("\n".join(lines))

# %% [markdown]
# An explanation is the solution of one optimisation problem: least rate and least distortion,
# weighed by $\lambda$. The representation decides what it looks like. [](01_qualitative) looks at
# the pictures.
