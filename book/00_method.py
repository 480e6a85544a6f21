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
profile: str = "sample"  # which images and classifiers: sample or imagenet
lambda_k: float = 20.0  # weight of the rate against the distortion
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
# {cite:t}`cotter2019uses`.

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
# A larger $\lambda$ buys a sparser mask with more distortion. In the code $\lambda$ is called
# `lambda_k`.

# %% [markdown]
# ## Finding the mask
#
# The loss is differentiable in $s$: the inverse transform is linear and the classifier is a
# network. So the mask is found by gradient descent:
#
# 1. Start with $s = 1$, where the distortion is zero and everything is kept.
# 2. Draw fresh noise and compute the loss.
# 3. Take a step in the direction of Adam {cite:p}`kingma2015adam`.
# 4. Project: clamp every $s_i$ to $[0, 1]$. An entry that wants to be negative is exactly zero.
# 5. Repeat from 2 until the steps are spent, or the mask no longer moves.
#
# As published, every entry takes steps of one length $\eta$. Most entries have to go all the way from
# one to zero, and a step that settles the last of them finely is too short for that. The package's
# default takes steps in proportion to the entry, $\eta \max(s_i, r)$ with a small $r$, so that
# entries which do not matter shrink by a constant factor a step. With $r = 1$ it is the published
# optimisation: `SolverSettings.preset("published")`.
#
# Adam suits because it scales each entry's step by the size of its own gradients, and these differ
# between bands as much as the coefficients do. Every image of a batch has its own mask, and no
# image's loss depends on another's, so that $N$ images in one call give the same as $N$ calls.

# %% [markdown]
# ## The cartoon
#
# The explanation is drawn by keeping what the mask keeps of the grey image, without noise:
# $\mathcal{W}^{-1}(s \odot \mathcal{W}(x_\text{grey}))$. What is black was not needed.

# %% [markdown]
# ## Pixel RDE: another representation, the same method
#
# Nothing above used that $\mathcal{W}$ is a wavelet transform. With the identity in its place,
# $K = HW$, a coefficient is a pixel and there is one band: this is Pixel RDE
# {cite:p}`heiss2020indistribution,kolek2022rate`. A comparison of the two is thus a comparison of
# representations and of nothing else. The package has one solver, to which the representation is
# an argument.

# %%
{"profile": profile, "lambda_k": lambda_k, "seed": seed}

# %% [markdown]
# ## What was found
#
# An explanation is the solution of one optimisation problem: least rate and least distortion,
# weighed by $\lambda$. The representation decides what it looks like. [](01_qualitative) looks at
# the pictures.
