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
# # The verdict
#
# **What this chapter shows**
#
# - every claim at a glance;
# - what was claimed, what the report found, what was measured here, and what would change our mind;
# - the same for what the report did not say.

# %% tags=["parameters"]
profile: str = ""  # only results of chapters with this profile: photos, sample or imagenet; empty: all

# %%
from IPython.display import Markdown
from myst_nb import glue

from rcx.report import chapters_without_result, other_results, read_runs, with_profile
from rcx.report import verdict_cards, verdict_figure, verdict_picture, verdict_table

runs = with_profile(read_runs(), profile) if profile else read_runs()

# %% [markdown]
# ## At a glance
#
# Each row is a claim under one condition, with the number of images. The point is the mean
# difference that the claim's first test found, in percent of what is compared with; to the right of
# zero, it favours the claim. The line is its 95 % interval, and the colour the verdict of all tests.

# %% mystnb={"figure": {"caption": "The claims, condition by condition.", "name": "fig-verdicts"}}
verdict_figure(runs)

# %% [markdown]
# ## Claim by claim
#
# Nothing is computed here. The other chapters record what they found, and this page reads it. The
# tests stand in `rcx/reference/claims.toml`, which was written before the measurement: all tests of
# a claim have to come out as predicted, at 5 %, for it to be *supported*. *Mixed*: some did. *Not
# supported*: none did, be it that the numbers speak against the claim or that they are too few to
# tell. *Open*: it cannot be measured on these images.

# %%
verdict_cards(runs)

# %% tags=["remove-cell"]
glue("verdict-figure", verdict_picture(runs), display=False)
glue("verdicts", verdict_table(runs), display=False)

# %% [markdown]
# ## Beside the claims
#
# What [](06_unsaid) measured:

# %%
other_results(runs)

# %% [markdown]
# ## What was found

# %%
absent = chapters_without_result(runs)
outcomes = [result.outcome for run in runs.values() for result in run.results.values() if result.outcome]
counted = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes))
Markdown(f"""
- {len(outcomes)} verdicts are known: {counted or "none"}.
- {"Not run, or without a result: " + ", ".join(absent) + "." if absent else "No chapter is missing."}
""")
