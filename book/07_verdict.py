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
# - each claim, what the report found about it, what was measured here, and whether that supports it;
# - the same for what the report did not say.

# %% tags=["parameters"]
profile: str = "sample"  # whose results are read: sample or imagenet

# %% [markdown]
# ## The claims
#
# Nothing is computed here. The other chapters record what they found, and this page reads it. What
# *supported* means is fixed before anything is measured, by the tests of `rcx.evaluate.outcome`: all
# predictions of a claim have to come out as predicted, at 5 %. *Mixed*: some did. *Not supported*: none
# did, be it that the numbers speak against the claim or that they are too few to tell. *Open*: it
# cannot be measured on these images.

# %%
from IPython.display import Markdown
from myst_nb import glue

from rcx.report import chapters_without_result, other_results, read_runs, verdict_cards, verdict_table, with_profile

runs = with_profile(read_runs(), profile)
verdict_cards(runs)

# %% tags=["remove-cell"]
glue("verdicts", verdict_table(runs), display=False)

# %% [markdown]
# On drawn scenes and two small classifiers a claim is tried, not settled: `PROFILE=imagenet make book`
# fills this page for the photographs and networks of the study.
#
# ## Beside the claims
#
# What [](06_unsaid) measured:

# %%
other_results(runs)

# %% [markdown]
# ## What was found

# %%
absent = chapters_without_result(runs)
outcomes = {name: result.outcome for run in runs.values() for name, result in run.results.items() if result.outcome}
counted = [f"{list(outcomes.values()).count(one)} {one}" for one in dict.fromkeys(outcomes.values())]
Markdown(f"""
- With the profile `{profile}`, {len(outcomes)} verdicts are known: {", ".join(counted) or "none"}.
- {"Not run, or without a result: " + ", ".join(absent) + "." if absent else "No chapter is missing."}
""")
