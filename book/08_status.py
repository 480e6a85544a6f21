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
# # How this book was made
#
# **What this chapter shows**
#
# - when each chapter was run, for how long, and with which parameters;
# - machine, versions, and hashes of weights and images;
# - the answers to the machine learning reproducibility checklist.

# %% tags=["parameters"]
profile: str = "sample"  # which images and classifiers: photos, sample or imagenet
n_images: int = 100  # how many images are hashed
seed: int = 0  # seed of the scenes

# %% [markdown]
# ## Chapters
#
# A chapter is run when its text, its parameters, the package, a library or the assets have changed,
# and taken from the store otherwise: its time is that of the run that is shown. Seeds are among the
# parameters; every random draw comes from them.

# %% mystnb={"figure": {"caption": "The chapters of this book.", "caption_before": true, "name": "tab-chapters"}}
from IPython.display import Markdown

from rcx.report import chapter_table, hash_table, machine_table, read_runs

runs = read_runs()
chapters = chapter_table(runs)
chapters.style.format(precision=1)

# %% [markdown]
# ## Machine and versions

# %% mystnb={"figure": {"caption": "Machine and versions.", "caption_before": true, "name": "tab-machine"}}
machine_table(runs)

# %% [markdown]
# ## Weights and images
#
# The same hash means the same bits. Images are hashed as the classifier gets them.

# %% mystnb={"figure": {"caption": "Weights and images.", "caption_before": true, "name": "tab-hashes"}}
hashes = hash_table(profile, n_images=n_images, seed=seed)
hashes

# %% [markdown]
# ## The reproducibility checklist
#
# The questions of the machine learning reproducibility checklist {cite:p}`pineau2021improving`.
#
# | Question | Answer |
# | --- | --- |
# | Is the method described, with its assumptions? | Yes: [](00_method). |
# | Is its cost analysed? | Measured, in passes and seconds: [](04_runtime_initialization). |
# | Are there theoretical claims? | No. |
# | Are data sets, their size and splits described? | Yes: scenes are drawn by the package from a seed, with seeds apart from those of training; the photographs are the study's 100 images of ImageNet. [](05_gallery) shows them. |
# | Were data left out? | No: [](06_unsaid). |
# | Is the code public, with its dependencies? | Yes: the package and its `pyproject.toml`, which says of each dependency why it is needed. |
# | Is there training code, and are there weights? | Yes: `python -m rcx.classifiers.sample.train`; the weights of the sample's classifiers come with the package, those of the study's are public. Hashes are above. |
# | Is there evaluation code, and a command for each result? | Yes: every number is computed by a chapter, and `make book` runs them all. |
# | Which hyperparameters were tried, and how was chosen? | [](solver.md) lists the schedules that were tried; all others are the study's. |
# | How many runs, and with which seeds? | One for each image, with the seeds above; images are the sample of every interval. |
# | Are measures defined, and variation reported? | Yes: [](02_quantitative). Intervals are bootstrap intervals over images, at 95 %. |
# | What is the running time, and on which machine? | Above. |

# %% [markdown]
# ## What was found

# %%
failed = [name for name, run in runs.items() if run.failed]
Markdown(f"""
- {len(runs)} chapters took {sum(run.seconds for run in runs.values()) / 60:.1f} minutes; the longest was *{chapters.seconds.idxmax() if len(chapters) else "none"}*.
- {"Failed: " + ", ".join(failed) + "." if failed else "No chapter failed."}
""")
