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
# # Statement by statement
#
# **What this appendix shows**
#
# - what the report states, sentence by sentence, and what came out here;
# - its published numbers, one by one, beside ours.
#
# It is meant for reviewers. Nothing is explained here: the numbers are those of the study's
# photographs, which come with the package, and the verdicts are those of the chapters.

# %% tags=["parameters"]
seed: int = 0  # seed of the bootstrap

# %%
from rcx.report import point_table, read_runs, shown, statement_table

# %% [markdown]
# ## What the report states
#
# The sentences are those of the report's abstract {cite:p}`dubbeldam2023reproducibility`, of its
# figures, and of the settings of its public code, in our words. A number counts as reproduced if
# the published one lies in our 95 % interval, widened by the error of reading it off a figure.

# %% mystnb={"figure": {"caption": "The report's statements, and what was measured here.", "caption_before": true, "name": "tab-statements"}}
statements = statement_table(read_runs(), seed=seed)
statements["chapter"] = [f'<a href="{name}.html">{name}</a>' for name in statements["chapter"]]
statements.style.hide(axis="index")

# %% [markdown]
# *Why do numbers differ?* The study took the CNN's weights from torchvision, and ours are those that
# timm converts from TensorFlow: another training, with other answers to noise. The transformer's
# weights are the same, and so are more of its numbers. Photographs are the same; the published
# curves leave two of them out. One draw of noise moves a point by as much as
# [the chapter on what was not said](06_unsaid) measures.
#
# ## Number by number
#
# Ours are of raw images with one draw of noise, as published. Percent are those of the coefficients;
# in the right part of Figure 3, $x$ is lambda.

# %% mystnb={"figure": {"caption": "Figure 3 of the report: published numbers and ours.", "caption_before": true, "name": "tab-points"}}
points = point_table(seed=seed)
points["reproduced"] = points["reproduced"].map({True: "yes", False: "no"})
first = points[points["figure"].str.startswith("fig3")].set_index(["figure", "series", "x"])
shown(first)

# %% mystnb={"figure": {"caption": "Figure 5 of the report, in percent of full randomisation.", "caption_before": true, "name": "tab-normalised-points"}}
shown(points[points["figure"].str.startswith("fig5")].set_index(["figure", "series", "x"]), digits=1)
