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
from rcx.report import point_table, points_side_by_side, read_runs, shown, statement_page

points = point_table(seed=seed)

# %% [markdown]
# ## What the report states
#
# The sentences are those of the report's abstract {cite:p}`dubbeldam2023reproducibility`, of its
# figures, and of the settings of its public code, in our words. A number counts as reproduced if
# the published one lies in our 95 % interval, widened by the error of reading it off a figure.

# %%
statement_page(read_runs(), seed=seed)

# %% [markdown]
# *Why do numbers differ?* The study took the CNN's weights from torchvision, and ours are those that
# timm converts from TensorFlow: another training, with other answers to noise. The transformer's
# weights are the same, and so are more of its numbers. Photographs are the same; the published
# curves leave two of them out. One draw of noise moves a point by as much as
# [the chapter on what was not said](06_unsaid) measures.
#
# ## Number by number
#
# Ours are of raw images with one draw of noise, as published. Columns are percent of the
# components, and lambda in the right part of Figure 3.

# %% mystnb={"figure": {"caption": "Figure 3, left: distortion with the relevant kept.", "caption_before": true, "name": "tab-points-kept"}}
shown(points_side_by_side(points, "fig3-left"), digits=2)

# %% mystnb={"figure": {"caption": "Figure 3, middle: distortion with the relevant randomised.", "caption_before": true, "name": "tab-points-randomised"}}
shown(points_side_by_side(points, "fig3-middle"), digits=2)

# %% mystnb={"figure": {"caption": "Figure 3, right: distortion and non-sparsity over lambda.", "caption_before": true, "name": "tab-points-lambda"}}
shown(points_side_by_side(points, "fig3-right"), digits=3)

# %% mystnb={"figure": {"caption": "Figure 5, left: percent of full randomisation, the relevant kept.", "caption_before": true, "name": "tab-points-networks-kept"}}
shown(points_side_by_side(points, "fig5-left"), digits=0)

# %% mystnb={"figure": {"caption": "Figure 5, right: percent of full randomisation, the relevant randomised.", "caption_before": true, "name": "tab-points-networks-randomised"}}
shown(points_side_by_side(points, "fig5-right"), digits=0)
