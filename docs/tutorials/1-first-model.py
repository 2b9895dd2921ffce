# %% [markdown]
# # 1. Your first model
#
# How old is a mouse, from its stool? You give AAM a table of counts and a sheet of metadata, and it learns to predict one column of the
# sheet. You need no experience with machine learning. Takes about 12 seconds of computing on two cores.
#
# **Before you begin**, in the folder of this repository:
#
# ```bash
# make venv                     # once: some minutes, 2 GB
# source .venv/bin/activate
# cd docs/tutorials
# python
# ```
#
# and paste the grey blocks one after the other, each with Enter at its end; what should appear stands below each. In Jupyter
# (`pip install jupyterlab`), open `1-first-model.py` as a notebook instead: it is this page. If you have installed `aam` in another way, add pandas
# (`pip install pandas`), and take the folder `docs/tutorials` of the repository.
#
# ## The data
#
# 16 mice on a high-fat diet, sampled twice a week ([where they are from](mouse/README.md)). Twelve of them are in `table.qza`; four are
# kept apart as the "new" mice of the end. A row of the sheet is a sample:

# %%
import matplotlib.pyplot as plt
import pandas as pd

import aam

sheet = pd.read_csv("mouse/metadata.tsv", sep="\t")
print(sheet.head(3).to_string(index=False))

# %% [markdown]
# `age` (weeks) is what we want to predict. `host_subject_id` says which mouse a sample is from. First read everything, and look at what
# is left:

# %%
files = {"table": "mouse/table.qza", "sequences": "mouse/rep-seqs.qza", "metadata": "mouse/metadata.tsv"}
study = aam.load_study(**files, metadata_column="age")
print(len(study), "samples,", study.table.counts.shape[1], "ASVs")
for step in study.flow:
    print(step.step, "- kept", step.kept, "- dropped", step.dropped, step.reason)

# %% [markdown]
# 139 samples; none is lost. If many were dropped here, ids of table and sheet would not agree: `aam check` says which.
#
# ## Train

# %%
result = aam.train(
    **files, metadata_column="age", group_column="host_subject_id", output_dir="runs/first", overwrite=True
)

# %% [markdown]
# That is all. The model is a *blend*: several quite different methods learn the same task, and those that predict well get more
# weight.
#
# **Why `group_column`?** Each mouse was sampled 10 to 13 times, and samples of one mouse are alike. A model that has seen Mouse 17 on
# Monday finds it easy on Thursday; that says nothing about a new mouse. With the column named, each mouse is judged by models that never saw any
# of its samples. Forgetting this is the commonest error in the field, and it makes every result look better than it is.
#
# ## How good is it?

# %%
for name, metrics in result.judgements["age"].results.items():
    error = metrics["mae"]
    print(f"{name:7} off by {error.value:.2f} weeks on average (95 % interval {error.low:.2f} to {error.high:.2f})")

# %% [markdown]
# Three predictors of the same held-out mice. `guess` always answers the mean age and is off by 1.48 weeks: a model that is no better
# has learned nothing. `forest` is a random forest, the usual choice. The model is off by 0.72 weeks, five days. The interval says how much
# that figure would change with other mice.

# %% figure="Predicted and observed age of mice that the model had not seen"
held_out = pd.read_csv("runs/first/out_of_fold_predictions.tsv", sep="\t")
figure, axes = plt.subplots(figsize=(4.5, 4.5))
axes.scatter(held_out["observed"], held_out["predicted"], s=14, alpha=0.6)
axes.axline((13, 13), slope=1, color="grey", linestyle="--")
axes.set(xlabel="observed age (weeks)", ylabel="predicted age (weeks)")
figure.savefig("runs/first-figure.png")
plt.show()

# %% [markdown]
# Each point is a sample. (On a machine without a screen no window opens: look at `runs/first-figure.png`.) On the dashed line the prediction is right. Very young and old mice are drawn to the middle: a careful
# model does that when it is unsure. More figures are in `runs/first/report.html`; open it in a browser.
#
# ## Predict new mice

# %%
predictions = aam.predict(
    model="runs/first",
    table="mouse/new-mice.qza",
    sequences="mouse/rep-seqs.qza",
    metadata="mouse/metadata.tsv",
    output="runs/new-mice.tsv",
    overwrite=True,
)
new = pd.read_csv("runs/new-mice.tsv", sep="\t")
columns = ["sample-id", "predicted", "predicted_low", "predicted_high", "observed"]
print(new[columns].head(3).round(1).to_string(index=False))

error = (new["predicted"] - new["observed"]).abs().mean()
inside = new["observed"].between(new["predicted_low"], new["predicted_high"]).sum()
print(f"{len(new)} samples, off by {error:.2f} weeks; {inside} true ages are inside their intervals")

# %% [markdown]
# The model never met these four mice, and is off by 0.58 weeks. The intervals (`predicted_low` to `predicted_high`) are made to hold 90 % of
# the true ages; here they hold all 45. `observed` is there because the sheet knows the ages; without them, leave out `metadata`.
#
# ## What it means, and what it does not
#
# Stool tells the age of these mice to within a week. It does **not** follow that ageing changes the microbiome: all mice were sampled on
# the same days, so that age, time on the diet and date are one and the same here. A model finds whatever goes along with the column.
#
# ## What can go wrong
#
# | You see | It means |
# |---|---|
# | the model is no better than `guess` | the column is not in the microbiome, or there are too few samples |
# | far better than anybody expects | samples of one subject, cage or batch on both sides: name `group_column` |
# | `... ASV ids are not DNA` | the ids are hashes: give `sequences` |
# | new samples are refused | another primer region, length or strand than in training: train on both, cut alike |
#
# ## Next
#
# [2. Explaining it](2-explaining.md): which microbes say the age? That page and those after it are at their best in Jupyter. Outside of it, leave
# out lines that begin with `%`, type commands that begin with `aam` in a terminal, and save a figure with `.savefig("name.png")`. The same on the command line, with figures for a paper:
# [From QIIME 2 artifacts to a figure](mouse-age.md).
