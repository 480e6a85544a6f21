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
# # Relatives
#
# **What this appendix shows**
#
# - the methods that came after CartoonX, by the same solver;
# - every method under the field's own metrics, on photographs and on scenes;
# - where these metrics contradict each other;
# - what became of two claims of the later papers.

# %% tags=["parameters"]
profile: str = "photos"  # which image is shown: photos, sample or imagenet
n_images: int = 1  # how many images are shown
size: int = 96  # their height and width
n_scenes: int = 4  # how many scenes are measured
scene_size: int = 64  # their height and width
seed: int = 0  # seed of scenes and noise

# %%
from itertools import combinations

from IPython.display import Markdown
from torch.nn.functional import interpolate

# %%
import rcx
from rcx.classifiers import load_profile
from rcx.evaluate import METRICS, explanation_scores, localisation_table, map_scores
from rcx.explain import METHODS, explanation_figure
from rcx.images import draw_scenes
from rcx.reference import claims, photo_rows
from rcx.report import claim_result, condition_table, rank_agreement, shown
from rcx.report import score_rows, score_table, score_tests
from rcx.study import stored_attributions, stored_explanation

# %% [markdown]
# ## The family
#
# CartoonX and Pixel RDE keep the smallest part of an image that keeps the answer. The authors' next
# paper {cite:p}`kolek2023explaining` names a fault of theirs: a coefficient that is kept alone draws
# its whole wavelet, so that the cartoon may have edges that the image does not have. It adds the
# picture's mean brightness to the loss, a *spatial penalty*, and calls the result *WaveletX*.
# *ShearletX* does the same with shearlets {cite:p}`kutyniok2016shearlab`, which have an angle as
# well as a scale and a place, and so draw an edge with few coefficients.
#
# Both ask for a class probability of 1 instead of the image's own, and both replace what is not kept
# by uniform noise. All of this is a few attributes of an explainer; the solver is the same.
# *What to look for*: lines at the edges of the object, and darkness where nothing is needed.

# %%
drawn = load_profile(profile, n_images=n_images, seed=seed)
images = interpolate(drawn.images, (size, size), mode="area")
explainers = {name: method(drawn.classifier, seed=seed) for name, method in METHODS.items()}
explanations = {name: stored_explanation(one, images) for name, one in explainers.items()}

# %% mystnb={"figure": {"caption": "One image, explained by each method with its defaults.", "name": "fig-relatives"}}
explanation_figure(list(explanations.values()), titles=list(explanations))

# %% [markdown]
# ### A detail of the published code
#
# The code of ShearletX clamps to $[0, 1]$ the mixed *coefficients*, where the paper means the image.
# Coefficients of edges are as often negative as positive, so half of every edge is lost, whether it
# is kept or not. `as_published=True` does the same.

# %%
as_published = rcx.ShearletX(drawn.classifier, as_published=True, seed=seed)
clamped = stored_explanation(as_published, images)

# %% mystnb={"figure": {"caption": "ShearletX, with images clamped and with coefficients clamped.", "name": "fig-clamped"}}
explanation_figure([explanations["ShearletX"], clamped], titles=["ShearletX", "as published"])

# %% [markdown]
# ## The metrics
#
# *Insertion* and *deletion* {cite:p}`petsiuk2018rise`
# : the area under the class's probability while pixels come into a blurred image, or go to black,
#   from the most relevant to the least. Often only their difference is published. The *early*
#   insertion is that of the first tenth of the pixels.
#
# *ROAD* {cite:p}`rong2022consistent`
# : takes pixels out, too, but fills them in from their neighbours, so that black holes do not tell
#   where they were. The value is what is left without the irrelevant pixels, less what is left
#   without the relevant ones.
#
# *Fidelity* {cite:p}`bhatt2020evaluating`
# : correlates the relevance of random regions with what the class loses without them.
#
# *Conciseness and preciseness* (CP) {cite:p}`kolek2023explaining`
# : divides the share that is kept of the class's probability by the share that is kept of the
#   image's information. Three numerators are in use, and three denominators: nine metrics under
#   one name. The paper takes the class's probability (*class*), its code the largest probability of
#   any class (*largest*), and StartGrad {cite:p}`uendes2025start` the mean under noise (*noisy*).
#
# *Invented edges* {cite:p}`kolek2023explaining`
# : counts edges of the picture that are not edges of the image, as a share of the image's own.
#
# The first three need a map alone. The last two need a mask, so that gradients and regions have none.
#
# ## On the object
#
# Drawn scenes have an outline. *Energy inside* is the share of a map that lies on the object, see
# [](01_qualitative). *Wavelet gradients* are in the manner of WAM {cite:p}`kasmi2025one`: the
# magnitudes of the gradient by wavelet coefficients, added up over scales.

# %%
scenes = draw_scenes(n_scenes, seed=seed, size=scene_size)
cnn = rcx.load_classifier("sample/cnn")
family = {name: method(cnn, seed=seed) for name, method in METHODS.items()}
few = rcx.SolverSettings(steps=50)
shorter = rcx.CartoonX(cnn, start="gradient", solver=few, seed=seed)
family["CartoonX, gradient start, 50 steps"] = shorter
of_scenes = {name: stored_explanation(one, scenes.images) for name, one in family.items()}
maps = stored_attributions(cnn, scenes.images, seed=seed)

# %%
relevance = {
    name: one.relevance(one.representation((scene_size, scene_size)), scenes.images, of_scenes[name].mask)[:, 0]
    for name, one in family.items()
} | maps
located = localisation_table(relevance, scenes.object_masks, seed=seed)

# %% mystnb={"figure": {"caption": "How much of each map lies on the object: means over scenes with 95 % intervals.", "caption_before": true, "name": "tab-relatives-object"}}
shown(located, digits=2)

# %%
scores = {
    name: explanation_scores(one, scenes.images, of_scenes[name], seed=seed)
    for name, one in family.items()
}
scores |= {name: map_scores(cnn, scenes.images, one, seed=seed) for name, one in maps.items()}
on_scenes = score_rows(scores, [f"scene {number}" for number in range(n_scenes)])
simple = ["insertion", "early insertion", "deletion", "ROAD", "fidelity", "invented edges"]

# %% mystnb={"figure": {"caption": "The same methods on the same scenes by the field's metrics.", "caption_before": true, "name": "tab-relatives-scenes"}}
shown(score_table(on_scenes, list(scores), simple, seed=seed), digits=2)

# %% [markdown]
# ## On photographs
#
# Shearlets take minutes a photograph. So photographs are measured by `rcx study --profile imagenet`
# and `--profile photos`, and the numbers come with the package. The study's are normalised, and
# explained for its MobileNetV3-Small {cite:p}`howard2019searching`; CartoonX and Pixel RDE have the
# relative distortion.

# %%
network = {"classifier": "timm/tf_mobilenetv3_small_100", "size": 256, "normalize": True}
studied, packaged = photo_rows("scores", **network), photo_rows("scores", study="packaged")
plain = {"CartoonX, relative": "CartoonX", "Pixel RDE, relative": "Pixel RDE"}
every = {"photographs": studied, "packaged photographs": packaged, "scenes": on_scenes}
sets = {
    where: rows.assign(series=rows["series"].astype(str).replace(plain))
    for where, rows in every.items()
}
series = [*family, *maps, "guided backprop", "random pixels"]
Markdown("Measured so far: " + ", ".join(f"{rows['image'].nunique()} {where}" for where, rows in sets.items()) + ".")

# %% mystnb={"figure": {"caption": "All methods by all metrics of maps, and by their invented edges: means over the study's photographs with 95 % intervals.", "caption_before": true, "name": "tab-relatives-photographs"}}
shown(score_table(sets["photographs"], series, simple, seed=seed), digits=2)

# %% mystnb={"figure": {"caption": "The same on the packaged photographs.", "caption_before": true, "name": "tab-relatives-packaged"}}
shown(score_table(sets["packaged photographs"], series, simple, seed=seed), digits=2)

# %% mystnb={"figure": {"caption": "Conciseness and preciseness by all nine definitions, on the study's photographs.", "caption_before": true, "name": "tab-relatives-cp"}}
concise = [metric for metric in METRICS if metric.startswith("CP")]
shown(score_table(sets["photographs"], list(family), concise, seed=seed).T, digits=2)

# %% [markdown]
# ## Where metrics contradict each other
#
# Each metric orders the methods. Kendall's rank correlation compares two orders, photograph by
# photograph: 1 if they are the same, -1 if one is the reverse of the other. Metrics that measure the
# same thing would have correlations near 1.

# %% mystnb={"figure": {"caption": "Rank correlations of the metrics of maps over all methods, on the study's photographs.", "caption_before": true, "name": "tab-relatives-agreement"}}
ordering = ["insertion", "early insertion", "deletion", "ROAD", "fidelity"]
agreement = rank_agreement(sets["photographs"], series, ordering, seed=seed)
shown(agreement, digits=2)

# %% mystnb={"figure": {"caption": "Rank correlations of metrics of masks over the methods that have one.", "caption_before": true, "name": "tab-relatives-mask-agreement"}}
of_masks = [f"CP, {numerator} / pixels" for numerator in ("class", "largest", "noisy")]
of_masks += ["CP, class / entropy", "invented edges"]
shown(rank_agreement(sets["photographs"], list(family), of_masks, seed=seed), digits=2)

# %% [markdown]
# ## Why scores fall while a mask gets better
#
# StartGrad {cite:p}`uendes2025start` starts from the ranks of the gradient by the coefficients. In
# its authors' own numbers, insertion minus deletion *falls* as such a mask is optimised. Here is the
# same with WaveletX. The loss is what the steps minimise.

# %%
steps = [f"WaveletX, gradient start, {count} steps" for count in (0, 30, 100, 300)]
steps += ["WaveletX, 30 steps", "WaveletX, 100 steps", "WaveletX"]
explained = photo_rows("explanations", **network).groupby("series", observed=True)
means = explained[["loss", "distortion", "nonsparsity"]].mean()
flips = ["insertion - deletion", "insertion", "early insertion", "deletion", "ROAD"]
along = score_table(studied, steps, flips, seed=seed)

# %% mystnb={"figure": {"caption": "Scores of WaveletX after some of its steps, from both starts, on the study's photographs.", "caption_before": true, "name": "tab-relatives-steps"}}
shown(along.join(means.loc[means.index.isin(along.index)]), digits=2)

# %% [markdown]
# The insertion counts every share of the pixels alike. A mask that is optimised keeps less and less,
# and what it has deleted is in no order any more. So its order gets better among the first pixels,
# as the early insertion says, and worse among the rest, which is most of the area. [](06_unsaid) finds
# the same of the report's own curves. Such areas compare masks fairly only if they are equally sparse.
#
# ## Two claims
#
# The tests were stated before they were measured, as for the report's claims. Each method is compared
# with CartoonX, image by image.

# %%
edges, cp = claims()["invented-edges"], claims()["conciseness"]
edge_tests = {
    f"{method}, {where}": score_tests(rows, method, "CartoonX", edges, seed=seed)
    for method in ("ShearletX", "WaveletX")
    for where, rows in sets.items()
}
cp_tests = {
    f"{method}, {name}": score_tests(sets["photographs"], method, "CartoonX", cp, name, seed=seed)
    for method in ("ShearletX", "WaveletX")
    for name in ("class", "largest", "noisy")
}

# %% mystnb={"figure": {"caption": "Invented edges beside those of CartoonX: mean differences with 95 % intervals.", "caption_before": true, "name": "tab-relatives-edges"}}
shown(condition_table(edges, edge_tests))

# %%
claim_result(edges, edge_tests)

# %% mystnb={"figure": {"caption": "Conciseness and preciseness beside CartoonX, by the three numerators.", "caption_before": true, "name": "tab-relatives-cp-tested"}}
shown(condition_table(cp, cp_tests), digits=2)

# %%
claim_result(cp, cp_tests)

# %% [markdown]
# ## What was found

# %%
inside = located["energy inside"].map(lambda interval: float(interval.mean))
pairs = {(a, b): float(agreement.loc[a, b].mean) for a, b in combinations(ordering, 2)}
least = min(pairs, key=pairs.get)
Markdown(
    f"- On scenes, {inside.idxmax()} has the most of its map on the object ({inside.max():.2f}), and "
    f"{inside.idxmin()} the least ({inside.min():.2f})."
    + f"\n- Of the metrics of maps, {' and '.join(least)} agree least. Their mean rank correlation is "
    f"{pairs[least]:.2f} over the photographs." * bool(len(studied))
)
