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
# - how an image is written as wavelet coefficients, and why an explanation is easier to read there;
# - what *rate* and *distortion* are, and how one number, $\lambda$, weighs them;
# - how the mask is found, step by step;
# - that Pixel RDE is the same method in another representation.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
pixel_lambda_k: float = 4.0  # the same for Pixel RDE
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# ## The question
#
# A classifier $\Phi$ turns an image $x \in [0, 1]^{3 \times H \times W}$ into one probability per
# class. Let $y$ be the class that we ask about, usually the most probable one. What in $x$ made
# the classifier answer $y$?
#
# Rate-distortion explanation {cite:p}`macdonald2019rate` makes this precise: *find the smallest
# part of the image that suffices for the answer.* Keep that part, replace the rest by noise, and
# the probability of $y$ must hardly change. How much is kept is called the **rate**; how far the
# probability moves, the **distortion**. Two choices are open: in which *parts* an image is cut,
# and what *noise* replaces the parts that are not kept.
#
# This chapter takes one image and follows it to the end.

# %%
import pandas as pd
import torch
from IPython.display import Markdown

import rcx
from rcx.solver import adaptive_gaussian, obfuscate
from rcx.classifiers import load_profile
from rcx.explain import explanation_figure, history_figure
from rcx.images import picture_grid
from rcx.report import MaskFrames, frame_slider, pyramid_figure

# %% tags=["show-input"] mystnb={"figure": {"caption": "The image, and what the classifier says of it.", "name": "fig-image"}}
drawn = load_profile(profile, n_images=1, seed=seed)
model, image = drawn.classifier, drawn.images
with torch.no_grad():
    probability, y = model.probabilities(image)[0].max(0)
picture_grid([[image[0]]], captions=[[f"predicted: {model.label(int(y))}, {probability:.3f}"]])

# %% [markdown]
# ## An image as wavelet coefficients
#
# The simplest parts are pixels. But a pixel means little by itself, and an explanation made of
# single pixels is a cloud of dots. CartoonX {cite:p}`kolek2022cartoon` cuts the image into
# *wavelets* instead {cite:p}`mallat2009wavelet`: small waves, each at one place, of one scale and one
# orientation. A smooth region needs few of them, an edge needs those along the edge, and so a
# sparse choice of wavelets looks like a cartoon: smooth regions with their outlines.
#
# One level of the discrete wavelet transform halves the image: low-pass filtering
# along rows and columns leaves a coarse copy, the *approximation*, and the three other combinations of
# low-pass and high-pass filters leave the horizontal, vertical and diagonal *details*. The
# approximation is transformed again, level by level. Writing $\mathcal{W}$ for the transform,
#
# $$
# h = \mathcal{W}(x) \in \mathbb{R}^{3 \times K}, \qquad x = \mathcal{W}^{-1}(h) .
# $$
#
# The inverse is exact, so that nothing is lost by working with $h$. Each of the $K$ positions on
# the coefficient axis belongs to one *band*: the approximation, or one orientation at one level.
# Filters are those of PyWavelets {cite:p}`lee2019pywavelets`; the book uses the wavelet `db3`
# with zero padding and five levels, as the published study did with the transform of
# {cite:t}`cotter2019uses`. A wavelet that sticks out over the image's edge counts too, so that $K$ is
# a little larger than $HW$.

# %% tags=["show-input"]
explainer = rcx.CartoonX(model, lambda_k=lambda_k, distortion="probability", seed=seed)
wavelets = explainer.representation(image.shape[-2:])
coefficients = wavelets.analyse(image)
error = (wavelets.synthesise(coefficients) - image).abs().max()
Markdown(f"""
K = {wavelets.length:,} for an image of {image.shape[-2]} × {image.shape[-1]} pixels. Analysis followed by
synthesis is off by {error:.1e} at most, which is rounding.
""")

# %% [markdown]
# Here are the coefficients of the grey image, a tile for each band. The coarse bands are in the
# upper left, and each orientation sees the edges that cross it.

# %% mystnb={"figure": {"caption": "Wavelet coefficients of the grey image, a tile for each band.", "name": "fig-coefficients"}}
grey = wavelets.analyse(image.mean(1))[0]
pyramid_figure(wavelets, {"size of the coefficients, by band": grey})

# %% [markdown]
# Sparse, and still the image? The same number of largest coefficients is kept once of the pixels and
# once of the wavelets, and all others are set to zero.

# %% mystnb={"figure": {"caption": "As many of the largest pixels (above) as of the largest wavelet coefficients (below).", "name": "fig-few"}}
counts = [int(share * wavelets.length) for share in (0.01, 0.05, 0.2)]
shades = image.mean(1).flatten()
kept_pixels = [(shades * (shades >= shades.topk(n).values[-1])).view(image.shape[-2:]) for n in counts]
kept_wavelets = [wavelets.synthesise(grey * (grey.abs() >= grey.abs().topk(n).values[-1])) for n in counts]
picture_grid([kept_pixels, kept_wavelets], captions=[[f"{n} {what}" for n in counts] for what in ("pixels", "wavelets")])

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
# magnitude. The noise is therefore *adaptive*: for each band $b$, with mean $\mu_b$ and standard
# deviation $\sigma_b$ of the image's own coefficients in it,
#
# $$
# v_i \sim \mathcal{N}(\mu_b, \sigma_b^2) \qquad \text{for every position } i \text{ in } b .
# $$
#
# Clamping brings the obfuscated image back among the images that the classifier takes.

# %% mystnb={"figure": {"caption": "The bands of the wavelet transform, and the noise that takes the place of each.", "caption_before": true, "name": "tab-bands"}}
noise = adaptive_gaussian(coefficients, wavelets.bands)
pd.DataFrame(
    {
        "coefficients": [band.stop - band.start for band in wavelets.bands],
        "mean": [float(noise.mean[0, 0, band.start]) for band in wavelets.bands],
        "deviation": [float(noise.deviation[0, 0, band.start]) for band in wavelets.bands],
    },
    index=[band.name for band in wavelets.bands],
).style.format(precision=4)

# %% [markdown]
# With the same mask value everywhere, and one draw of the noise: all of the image, half of each
# coefficient, nothing of it. The classifier's probability of its first answer stands below.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Obfuscations: what is not kept is noise.", "name": "fig-obfuscations"}}
fields = torch.randn(64, 3, wavelets.length, generator=torch.Generator().manual_seed(seed))
levels = [1.0, 0.5, 0.0]
even = [torch.full((1, wavelets.length), level) for level in levels]
noisy = [obfuscate(wavelets, coefficients, mask, noise, fields[:1])[0] for mask in even]
with torch.no_grad():
    after = [float(model.probabilities(one)[0, y]) for one in noisy]
captions = [f"mask {level:g}: probability {p:.3f}" for level, p in zip(levels, after, strict=True)]
picture_grid([[one[0] for one in noisy]], captions=[captions])

# %% [markdown]
# ## Distortion, rate and loss
#
# With $\Phi_y$ for the probability of class $y$, the distortion is the expected squared change of
# that probability, estimated from $L$ draws of the noise:
#
# $$
# D(s) = \mathbb{E}_v\!\left[\bigl(\Phi_y(\tilde{x}(s, v)) - \Phi_y(x)\bigr)^2\right]
#      \approx \frac{1}{L} \sum_{l=1}^{L} \bigl(\Phi_y(\tilde{x}(s, v_l)) - \Phi_y(x)\bigr)^2 .
# $$
#
# The rate should count the coefficients that are kept. Counting is not differentiable, so the mean
# of the mask stands in for it, its $\ell_1$ norm divided by $K$. That norm favours masks with many
# zeros, and dividing by $K$ makes one $\lambda$ serve for images of any size:
#
# $$
# \mathcal{L}(s) = D(s) + \lambda \, \frac{1}{K} \sum_{i=1}^{K} s_i
# \qquad \text{subject to } s \in [0, 1]^K .
# $$
#
# A larger $\lambda$ buys a sparser mask with more distortion. It has to be positive: at $\lambda = 0$ the
# rate costs nothing, and keeping everything is a best answer. In the code $\lambda$ is called
# `lambda_k`.

# %% [markdown]
# ## Finding the mask
#
# The loss is differentiable in $s$: the inverse transform is linear and the classifier is a
# network. So the mask is found by gradient descent:
#
# 1. Start with $s = 1$, where the distortion is zero and everything is kept.
# 2. Draw fresh noise and compute the loss and its gradient.
# 3. Move every entry along Adam's direction $d$ {cite:p}`kingma2015adam`.
# 4. Project: clamp every $s_i$ to $[0, 1]$. An entry that wants to be negative is exactly zero.
# 5. Repeat from 2 until the mask no longer moves to a better one, or the steps are spent.
#
# Adam suits because it scales each entry's step by the size of its own gradients, and these differ
# between bands as much as the coefficients do.
#
# As published, every entry takes steps of one length. Most entries have to go all the way from one
# to zero, and a step short enough to settle the last of them finely is too short for that. The
# package's default takes steps in proportion to the entry,
#
# $$
# s_i \leftarrow \operatorname{clamp}_{[0, 1]}\bigl(s_i - \eta_t \max(s_i, r) \, d_i\bigr)
# $$
#
# with a small *reach* $r$, so that entries which do not matter shrink by a constant factor a step. The
# step size $\eta_t$ has three phases. It is small at first: while the whole mask falls together, a
# hasty step deletes what matters too. Then it is larger, and over the last part of the steps it
# decays to a tenth. In these later phases $\max(s_i, r)$ is at most $1 - s_i + \bar{s} + 4 r$, where $\bar{s}$
# is the rate, so that entries near one, whose noise costs most, settle as others go.
#
# While most of the image is kept, the noise hardly shows, and a coefficient that does not matter is
# told apart more easily than later. So that it goes then, $\lambda$ is several times larger during
# the careful phase. This *overshoot* falls to one before the last steps, which are those of the loss
# as it is defined, so that what was taken too much returns. What an explanation loses at most is the
# distortion of the empty mask, or $\lambda$, the price of keeping everything: the overshoot shrinks as
# the distortion grows, and is gone at half of the smaller one. So does the larger step size of the later
# phases: where as much is lost as the empty mask loses, steps are as small as at first.
#
# With $r = 1$, a constant $\eta$ and no overshoot this is the published optimisation, which is there
# as `SolverSettings.preset("published")`.

# %% mystnb={"figure": {"caption": "The size of a step, and by how much lambda is too large.", "caption_before": true, "name": "tab-step-sizes"}}
settings, published = rcx.SolverSettings(), rcx.SolverSettings.preset("published")
shares = [0.0, 0.25, 0.35, 0.5, 0.75, 0.995]
sizes = {
    name: [preset.step_sizes(int(share * preset.steps), torch.ones(())).item() for share in shares]
    for name, preset in {"fast": settings, "published": published}.items()
}
sizes["fast, lambda times at most"] = [1 + settings.surcharge(int(share * settings.steps)) for share in shares]
done = pd.Index([f"{share:.1%}" for share in shares], name="steps done")
pd.DataFrame(sizes, index=done).rename_axis(columns="step size of").T.style.format(precision=4)

# %% mystnb={"figure": {"caption": "The default solver and the published one.", "caption_before": true, "name": "tab-presets"}}
pd.DataFrame({preset.name: preset.model_dump() for preset in (settings, published)}).astype(str)

# %% [markdown]
# ### When to stop
#
# The loss is a poor sign: it is noisy, and it flattens long before the mask is settled. At a minimum
# over the box $[0, 1]^K$, the derivative is zero in every entry between the bounds. So the solver asks how
# much derivative is left. Let $g_i = \frac{K}{\lambda} \frac{\partial \mathcal{L}}{\partial s_i}$ be
# the derivative in units of the price, from this step's noise, and $\bar{g}_i$ its running mean over
# earlier steps. The *residual* is
#
# $$
# \rho = \frac{\sum_{i \in F} s_i \, \operatorname{sign}(\bar{g}_i) \, \operatorname{clamp}_{[-1, 1]}(g_i)}{\sum_i s_i} ,
# $$
#
# where $F$ are the entries that are free to move: all but those at one whose $\bar{g}_i$ is negative. It is 1 where all of
# the kept rate could be given up for nothing, as at the start, and 0 where distortion and rate
# balance. Sign and size come from different noise, so that noise alone averages to zero, which the
# plain length of the gradient never would. The residual is averaged over about the last twenty
# steps, and after the overshoot it begins anew. Where it ends below the tolerance, the image has
# *converged*. If the settings name a tolerance, the image also stops there.

# %% tags=["show-input"] mystnb={"figure": {"caption": "Distortion, non-sparsity, loss and residual, step by step.", "name": "fig-history"}}
explanation = explainer.explain(image)
history_figure(explanation)

# %% [markdown]
# Each curve is one step per point, with that step's noise. The rate falls first, from one and by orders of
# magnitude; the distortion stays low until entries go that matter, and then the two are weighed. The
# dotted line is the tolerance.
#
# The same steps as in {numref}`fig-history`, as pictures. Press the button, or move the slider by hand or with the arrow keys. *What
# to look for*: at first the whole image only grows darker, as every wavelet pays the same price; then
# most of it goes, and what the answer rests on stays and comes back.

# %%
film = MaskFrames(explainer, image[0]).of_steps(30)
frame_slider({"the image": (image[0], film)}, "solver", milliseconds=250, caption="The cartoon while it is being found. Red: at this step, the label is lost.")

# %% [markdown]
# Where memory and speed allow, as on a GPU, many images are optimised together, each with its own
# mask, its own stop and no influence on the others. On a CPU that saves no time, and images are taken
# one by one: the result for an image then does not depend, in any bit, on what else is explained in
# the same call.
#
# ### Noise in pairs
#
# A Gaussian and its negative are equally likely. Each draw therefore serves twice, as $v = \mu +
# \sigma z$ and as $\mu - \sigma z$, which is called *antithetic*. The inverse transform is linear, so
# that a pair costs one transform and not two. And where the distortions of the two are negatively
# correlated, with $c$ for the correlation, their mean has a smaller variance than the mean of two
# independent draws, by the factor $1 + c$.

# %% mystnb={"figure": {"caption": "How much the two halves of an antithetic pair have in common.", "caption_before": true, "name": "tab-pairs"}}
signs = torch.tensor([1.0, -1.0])
masks = {"half of everything": even[1], "the mask that was found": explanation.mask}
correlation = {}
for name, mask in masks.items():
    pairs = obfuscate(wavelets, coefficients, mask, noise, fields, signs)[0]
    with torch.no_grad():
        distortions = (model.probabilities(pairs)[:, y] - probability).square().view(-1, 2)
    correlation[name] = float(torch.corrcoef(distortions.T)[0, 1])
pd.Series(correlation, name="correlation within a pair").to_frame().style.format(precision=2)

# %% [markdown]
# ## The cartoon
#
# The explanation is drawn by keeping what the mask keeps of the grey image, without noise:
# $\mathcal{W}^{-1}(s \odot \mathcal{W}(x_\text{grey}))$. What is black was not needed. To see that it
# suffices, look at the image as the classifier was asked about it: what the mask keeps, and noise in
# place of the rest.

# %% tags=["show-input"] mystnb={"figure": {"caption": "The image, its cartoon, and two obfuscations that the mask leaves.", "name": "fig-cartoon"}}
asked = obfuscate(wavelets, coefficients, explanation.mask, noise, fields[:2])[0]
picture_grid(
    [[image[0], explanation.picture[0], *asked]],
    ["image", "cartoon", "one draw of noise", "another"],
)

# %% [markdown]
# And the mask itself, by band, in {numref}`fig-mask` beside the coefficients of {numref}`fig-coefficients`. A fine wavelet is kept where an edge matters, a coarse one where it is
# enough to know that something bright is there. The table says how much of each band is kept.

# %% mystnb={"figure": {"caption": "The coefficients, and how much of each the mask keeps.", "name": "fig-mask"}}
pyramid_figure(wavelets, {"coefficients": grey, "mask": explanation.mask[0]})

# %% mystnb={"figure": {"caption": "How much of each band the mask keeps.", "caption_before": true, "name": "tab-rates"}}
rates = {band.name: float(explanation.mask[0, band.positions].mean()) for band in wavelets.bands}
pd.Series(rates, name="mean of the mask").to_frame().T.style.format(precision=4)

# %% [markdown]
# ## Pixel RDE: another representation, the same method
#
# Nothing above used that $\mathcal{W}$ is a wavelet transform. With the identity in its place,
# $K = HW$, a coefficient is a pixel and there is one band: this is Pixel RDE
# {cite:p}`heiss2020indistribution,kolek2022rate`. A comparison of the two is thus a comparison of
# representations and of nothing else. The package has one solver, to which the representation is
# an argument, so that the call is the same. One thing differs, as published: the obfuscated image is
# not clamped.
#
# Its picture is the mask: white where a pixel was kept.

# %% tags=["show-input"] mystnb={"figure": {"caption": "CartoonX and Pixel RDE.", "name": "fig-both"}}
by_pixels = rcx.PixelRDE(model, lambda_k=pixel_lambda_k, distortion="probability", seed=seed).explain(image)
explanation_figure([explanation, by_pixels])

# %% [markdown]
# ## What was found

# %%
both = {"CartoonX": explanation, "Pixel RDE": by_pixels}
lines = [
    f"- {name} stopped after {int(one.steps)} of at most {settings.steps} steps, {'converged' if one.converged else 'not converged'}, "
    f"with a residual of {float(one.residual):.3f}. Its mask has a mean of {float(one.nonsparsity):.4f}, {float((one.mask == 0).float().mean()):.1%} of it exactly zero. "
    f"The probability goes from {float(one.probability):.3f} to {float(one.probability_after):.3f}, the distortion is {float(one.distortion):.4f} ± {float(one.distortion_error):.4f} "
    f"(over {one.settings['evaluation_samples']} fresh draws of noise), and the label is {'kept' if one.label_kept else 'lost'}."
    for name, one in both.items()
]
paired = ", ".join(f"{value:.2f} for {name}" for name, value in correlation.items())
Markdown("\n".join([f"- Synthesis after analysis is off by {error:.1e}.", *lines, f"- The correlation within antithetic pairs is {paired}."]))

# %% [markdown]
# An explanation is the solution of one optimisation problem: least rate and least distortion,
# weighed by $\lambda$. The representation decides what it looks like. [](01_qualitative) looks at
# the pictures.
