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
# # Curves in detail
#
# **What this appendix shows**
#
# - the photographs' curves under all four conditions, and the areas under them;
# - how much of that is the luck of a seed, or of few draws of noise;
# - the sweep over $\lambda$ by numbers;
# - where the numbers of the photographs come from.
#
# Nothing is explained here. All tables are of the measurements that come with the package; the
# complete ones are `curves.parquet` and `explanations.parquet` in `rcx/reference/measured`.

# %% tags=["parameters"]
seed: int = 0  # seed of the bootstrap

# %%
import pandas as pd

from rcx.evaluate import area_table, sweep_table
from rcx.reference import CONDITIONS, INPUTS, claims, photo_curves, photo_provenance, photo_rows
from rcx.report import condition_table, curve_figure, curve_tests, shown

# %% [markdown]
# ## Four conditions
#
# *As published*: one draw of noise, and clamping for CartoonX only. *Fair*: several draws, and all
# images clamped. *Raw*: images in $[0, 1]$, as the published code feeds them. *Normalised*: as the
# network was trained.

# %%
network, methods = "timm/tf_mobilenetv3_small_100", ("CartoonX", "Pixel RDE")
series = [*methods, "random wavelets", "random pixels"]
photos = {name: photo_curves(network, 256, **condition, series=series) for name, condition in CONDITIONS.items()}

# %% mystnb={"figure": {"caption": "Fair curves of raw photographs; shaded: 95 % intervals.", "name": "fig-raw-fair"}}
curve_figure(*photos["raw, fair"])

# %% mystnb={"figure": {"caption": "Fair curves of normalised photographs; shaded: 95 % intervals.", "name": "fig-normalised-fair"}}
curve_figure(*photos["normalised, fair"])

# %% mystnb={"figure": {"caption": "Mean areas under the curves, with 95 % intervals.", "caption_before": true, "name": "tab-areas"}}
groups = {
    f"{name}, {direction}": group
    for name, both in photos.items() for direction, group in zip(("kept", "randomised"), both, strict=True)
}
shown(area_table(groups, seed=seed).T)

# %% [markdown]
# ## Other seeds, more draws
#
# For some of the photographs, raw and fair, all was repeated with other seeds, of the solver, the
# noise and the random orders, and the curves with four times as many draws. Each number is
# CartoonX minus Pixel RDE.

# %% mystnb={"figure": {"caption": "The second claim with other seeds and with more draws; the same photographs.", "caption_before": true, "name": "tab-seeds"}}
repeated = photo_rows("curves", classifier=network, size=256, normalize=False, seed=1)["image"].unique()
repeats = {"seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}, "seed 0, 16 draws": {"draws": 16}}
again = {
    name: photo_curves(network, 256, normalize=False, protocol="fair", series=series, images=repeated, **other)
    for name, other in repeats.items()
}
claim = claims()["rate-distortion"]
shown(condition_table(claim, curve_tests(claim, again, *methods, seed=seed))).T

# %% [markdown]
# ## The sweep over lambda
#
# The report's sweep measures, for each mask, the distance $d$ by a single draw of noise. That is
# not the squared change of one probability that the mask was optimised for. Here is the same by one
# draw and by many.

# %% mystnb={"figure": {"caption": "The sweep over lambda: means with their intervals.", "caption_before": true, "name": "tab-sweep"}}
sweeps = {}
for how, normalize in INPUTS.items():
    rows = photo_rows("explanations", classifier=network, size=256, normalize=normalize, seed=0, on_path=True)
    sweeps[f"{how}, {rows['image'].nunique()} photographs"] = sweep_table(rows.assign(series=rows["method"]), seed=seed)
shown(pd.concat(sweeps))

# %% [markdown]
# ## Where the numbers come from

# %% mystnb={"figure": {"caption": "The studies of the photographs: machine, versions and hours of computing.", "caption_before": true, "name": "tab-provenance"}}
pd.DataFrame([
    {"machine": account["machine"], **account["versions"], "hours": round(account["seconds_of_results"] / 3600, 1)}
    for account in photo_provenance()
]).T
