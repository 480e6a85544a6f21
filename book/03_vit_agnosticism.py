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
# - CartoonX for a convolutional network (CNN) and for a vision transformer (ViT), on the same images;
# - beside them attention rollout, which only a transformer has;
# - rate-distortion curves of both networks on the study's photographs, next to the published ones;
# - verdicts: does CartoonX explain the transformer, and does it explain it as well as the CNN;
# - how hard it is to choose $\lambda$ for the transformer.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
cnn: str = ""  # any classifier in the place of the CNN; empty: the profile's own
vit: str = ""  # any vision transformer of timm in the place of the ViT; empty: the profile's own
lambda_k: float = 20.0  # weight of the rate against the distortion
n_images: int = 4  # how many images are explained
draws: int = 2  # noise draws for each point of a curve that is measured here
seed: int = 0  # seed of scenes and noise

# %% [markdown]
# ## The claim
#
# CartoonX asks a classifier for probabilities and their gradient. It needs nothing of what is
# inside. The authors therefore call it *model-agnostic* {cite:p}`kolek2022cartoon`. The report
# {cite:p}`dubbeldam2023reproducibility` tests this with a vision transformer, DeiT-Tiny
# {cite:p}`touvron2021training`, beside a convolutional network, MobileNetV3-Small
# {cite:p}`howard2019searching`. It finds explanations of the ViT that are almost as good as those
# of the CNN.
#
# The method runs on both without a change. What has to be tested is whether the result is as good.
#
# The pictures of this chapter are of drawn scenes. For these the package brings two small networks,
# a CNN and a ViT, so that no download is needed. The curves and the verdicts are of the study's
# photographs. They were measured once and came with the package.

# %%
import pandas as pd
from IPython.display import Markdown

import rcx
from rcx.classifiers import VISION_TRANSFORMERS, load_profile
from rcx.evaluate import COARSE, Ranking, degenerate_table, gap_table, rollout
from rcx.explain import explanation_figure
from rcx.images import picture_grid
from rcx.reference import CONDITIONS, INPUTS, claims, photo_networks, photo_rows, published_points
from rcx.report import claim_result, condition_table, curve_figure, curve_tests, shown
from rcx.representations import Pixels
from rcx.study import stored_curves, stored_explanation, stored_path

# %%
drawn = load_profile(profile, n_images=n_images, seed=seed, classifier=vit or VISION_TRANSFORMERS[profile])
first = load_profile(profile, n_images=1, seed=seed, classifier=cnn or None).classifier
models, images = {"CNN": first, "ViT": drawn.classifier}, drawn.images
explainers = {name: rcx.CartoonX(model, lambda_k=lambda_k, seed=seed) for name, model in models.items()}
explained = {name: stored_explanation(explainer, images) for name, explainer in explainers.items()}
relevance = rollout(models["ViT"], images)

# %% [markdown]
# ## The pictures
#
# All settings are the same for both networks: $\lambda$, the wavelet, the solver, the seed of the
# noise. The first images by number are shown. No eye has chosen among them.

# %% mystnb={"figure": {"caption": "As in Figure 4 of the report: the image, its CartoonX for both networks, and attention rollout.", "name": "fig-networks"}}
titles = [f"CartoonX, {name}" for name in models]
explanation_figure(list(explained.values()), titles=titles, maps={"rollout, ViT": relevance})

# %% [markdown]
# *What to look for*: whether the two cartoons keep the same things, and whether rollout points at
# them too. What is black in a cartoon was not needed for the answer. What is black in the rollout
# gave little to it. The image's own caption is what the CNN says. A caption in red says that the label
# was lost.
#
# *Attention rollout* {cite:p}`abnar2020quantifying` is the transformer's own account. A transformer
# cuts the image into patches and makes a *token* of each. One more, the class token, belongs to no
# patch, and the answer is read from it. In each layer every token takes something of all others.
# Row $i$ of the attention $A$ says how much token $i$ takes from each, and sums to one. A residual
# connection runs beside it, by which a token keeps itself. Rollout follows both through all $n$
# layers:
#
# $$
# R = \hat{A}_n \hat{A}_{n-1} \cdots \hat{A}_1 , \qquad \hat{A}_l = \tfrac{1}{2} (A_l + I) .
# $$
#
# The row of the class token in $R$ says from which patches the answer was made. As in the published
# study, the lowest nine tenths of each layer's attention are discarded first. Rollout knows nothing
# of the class that is asked about. [The appendix](appendix_methods) compares it with the cartoons
# patch by patch.

# %% [markdown]
# ## The curves
#
# Now the study's photographs. A mask puts the components of an image in an order, from the most
# relevant to the least. A curve shows the distortion when the first few percent are kept and the
# rest is noise, or the other way round. A good order falls early on the left and rises early on the
# right. Noise moves the answers of the two networks by different amounts. So each curve is in
# percent of the distortion of full randomisation.
#
# Here the inputs and the noise are as published: raw images, and one draw.

# %%
photo_models = {"CNN": "timm/tf_mobilenetv3_small_100", "ViT": VISION_TRANSFORMERS["imagenet"]}
series = ["CartoonX, CNN", "CartoonX, ViT", "rollout, ViT"]
measured = [*series, "random wavelets, ViT"]
photos = {name: photo_networks(photo_models, 224, **how, series=measured) for name, how in CONDITIONS.items()}
as_published = photos["raw, as published"]
panels = [{name: group[name].normalised() for name in series} for group in as_published]

# %% mystnb={"figure": {"caption": "As in Figure 5 of the report: normalised curves of both networks on the study's photographs.", "name": "fig-network-curves"}}
curve_figure(*panels, published=True, figure_number=5, compare="dashed")

# %% [markdown]
# How far are our means from the published curves? The published ones are of other weights of the
# CNN. The table has ours minus the published, in percentage points.

# %% mystnb={"figure": {"caption": "Our mean curves minus the published ones, in percentage points, by the percent of components.", "caption_before": true, "name": "tab-network-gaps"}}
figures = {"relevant kept": "fig5-left", "relevant randomised": "fig5-right"}
gaps = pd.concat({
    direction: gap_table(panel, published_points(figure, *series), seed=seed)
    for (direction, figure), panel in zip(figures.items(), panels, strict=True)
})
differences = gaps["difference"].unstack("percent")
shown(differences, digits=1)

# %%
sizes = differences.abs().stack()
lines = [f"- {(sizes < 5).sum()} of the {len(sizes)} differences are smaller than 5 points."]
for name in series:
    direction, _, percent = sizes.xs(name, level=1, drop_level=False).idxmax()
    gap = differences.loc[(direction, name), percent]
    lines += [f"- {name} is farthest from the published curve at {percent:g} % of components with the {direction}: "
              f"it is {abs(gap):.0f} points {'above' if gap > 0 else 'below'} it."]
Markdown("\n".join(lines))

# %% [markdown]
# ## Does it explain the transformer?
#
# The least that an explanation must do is to order the wavelets better than chance. So CartoonX is
# compared with random orders of the same wavelets, photograph by photograph. The *area* is that
# under the curve, and the *drop* is how far the curve falls at first. Four conditions are tested:
# raw and normalised images, each by curves as published and by fair ones (more draws, and all
# images clamped).

# %% mystnb={"figure": {"caption": "CartoonX minus random orders, for the transformer: mean differences with 95 % intervals.", "caption_before": true, "name": "tab-any-classifier"}}
any_classifier = claims()["any-classifier"]
against_chance = curve_tests(any_classifier, photos, "CartoonX, ViT", "random wavelets, ViT", seed=seed)
shown(condition_table(any_classifier, against_chance)).T

# %%
where = f"{len(as_published[0]['CartoonX, ViT'])} photographs, DeiT-Tiny"
explains = claim_result(any_classifier, against_chance, where)
explains

# %% [markdown]
# ## Does it explain it as well?
#
# This compares the two networks on the same photographs, by normalised curves. *As well* needs a
# margin: the ViT may be worse by less than ten percentage points, a tenth of the way from the image
# to noise, with its whole interval. The *rise* is that of the curve with the relevant randomised.

# %% mystnb={"figure": {"caption": "CartoonX for the ViT minus CartoonX for the CNN, in percentage points, with 95 % intervals.", "caption_before": true, "name": "tab-as-well"}}
as_well = claims()["as-well"]
against_cnn = curve_tests(as_well, photos, "CartoonX, ViT", "CartoonX, CNN", normalised=True, seed=seed)
shown(condition_table(as_well, against_cnn), digits=1).T

# %%
equals = claim_result(as_well, against_cnn, f"{where} and MobileNetV3-Small")
equals

# %% [markdown]
# ## The same for the images above
#
# These curves are of this chapter's own images and networks. A few images show the shape and decide
# nothing. With `cnn` and `vit`, they are curves of your networks.

# %%
orders = {name: {f"CartoonX, {name}": Ranking.of(explainers[name], explained[name])} for name in models}
orders["ViT"]["rollout, ViT"] = Ranking(Pixels(images.shape[-2:]), relevance)
live = [
    {name: curve.normalised() for network, model in models.items() for name, curve in stored_curves(
        model, images, orders[network], direction, percent=COARSE, draws=draws, seed=seed
    ).items()}
    for direction in ("keep", "randomise")
]

# %% mystnb={"figure": {"caption": "Normalised curves of both networks on the images of this chapter.", "name": "fig-live-network-curves"}}
curve_figure(*live, figure_number=5)

# %% [markdown]
# ## The search for $\lambda$
#
# The report found $\lambda$ hard to choose for the transformer. If it is too small, the explanation
# keeps nearly everything. If it is too large, the explanation is black. Here is one image from a
# tenth of this chapter's $\lambda$ to ten times as much. *What to look for*: how little or how much
# the picture changes over these two decades. The captions have the probability of the class before
# and after.

# %% mystnb={"figure": {"caption": "As in Figure 7 of the report: the transformer's CartoonX of one image over lambda.", "name": "fig-lambda-search"}}
lambdas = [lambda_k * factor for factor in (0.1, 0.5, 1, 10)]
path = stored_path(explainers["ViT"], images[:1], lambdas)
captions = [f"non-sparsity {float(one.nonsparsity):.4f}\nafter {float(one.probability_after):.3f}" for one in path]
before = f"{drawn.names[0]}\nbefore {float(path[0].probability):.3f}"
names = ["image", *(f"lambda {value:g}" for value in lambdas)]
picture_grid([[images[0], *(one.picture[0] for one in path)]], names, [[before, *captions]])

# %% [markdown]
# On the photographs, such failures can be counted. An explanation is *all black* if no pixel of its
# picture reaches 15 % of white. It is *dense* if it keeps more than a tenth of the coefficients, as
# it then looks like the image. It is *useful* if it is neither and keeps the label.

# %% mystnb={"figure": {"caption": "The transformer's explanations over lambda: shares of the photographs with 95 % intervals.", "caption_before": true, "name": "tab-lambda-search"}}
rows = photo_rows("explanations", classifier=photo_models["ViT"], seed=0)
rows = rows[rows["on_path"] | (rows["series"] == "CartoonX, relative")]
inputs = {normalize: name for name, normalize in INPUTS.items()}
searched = {
    f"{inputs[normalize]}, lambda {value:g}{', relative' * series_name.endswith('relative')}": part
    for (normalize, series_name, value), part in rows.groupby(["normalize", "series", "lambda_k"], observed=True)
}
search = degenerate_table(searched)[["all black", "dense", "useful"]]
search.insert(0, "photographs", [len(part) for part in searched.values()])
shown(search, digits=2)

# %% [markdown]
# The search is a matter of the published distortion, which is absolute. The relative distortion,
# the default of this package and that of the pictures above, makes it unnecessary: it counts a
# change as a share of the class's probability, so that one $\lambda$ serves sure and unsure answers.

# %% [markdown]
# ## What was found

# %%
Markdown(
    f"- That CartoonX explains a transformer is **{explains.outcome}** on the photographs. "
    f"That it explains it as well as a CNN is **{equals.outcome}**."
)

# %%
lines = [
    f"- {name}, images of this chapter: the label is kept in {int(one.label_kept.sum())} of {len(one)}, at a mean "
    f"non-sparsity of {float(one.nonsparsity.mean()):.4f} and a mean distortion of {float(one.distortion.mean()):.3f}."
    for name, one in explained.items()
]
lines += [
    f"- Photographs, {how}: of the lambdas tried, {best.rpartition('lambda ')[2]} has the most useful "
    f"explanations of the ViT, {search.loc[best, 'useful'].mean:.0%} of {search.loc[best, 'photographs']}."
    for how in INPUTS
    for best in [max((name for name in searched if name.startswith(how)), key=lambda name: search.loc[name, "useful"])]
]
Markdown("\n".join(lines))
