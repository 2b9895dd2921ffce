# %% [markdown]
# # 3. Several studies, and a new one
#
# A model that works in your study may not work in the next. This page shows it with two real studies of the same question, and how to
# know it beforehand. Takes about 20 seconds of computing on two cores.
#
# Both studies kept mice in air or in intermittent hypoxia (`IHH`): [the first](mouse/README.md) is that of the other tutorials, [the
# second](mouse-clock/README.md) has eight mice that were sampled around the clock.

# %%
import pandas as pd

import aam

first = pd.read_csv("mouse/metadata.tsv", sep="\t")
second = pd.read_csv("mouse-clock/metadata.tsv", sep="\t")
for sheet in (first, second):
    print(sheet.groupby("exposure")["host_subject_id"].agg(samples="size", mice="nunique"), "\n")

# %% [markdown]
# ## One study alone
#
# Its reads are 100 bases long, those of the second study 90. `trim_length=90` cuts all to what both have.

# %%
question = {"metadata_column": "exposure", "classifier": True, "group_column": "host_subject_id", "trim_length": 90}
result = aam.train(
    **question,
    table="mouse/table.qza",
    sequences="mouse/rep-seqs.qza",
    metadata="mouse/metadata.tsv",
    output_dir="runs/one-study",
    report=False,
    overwrite=True,
)
print(f"mice of the same study: {result.metrics['exposure']['balanced_accuracy']:.0%} right")

# %% [markdown]
# 95 %, on mice that were held out whole. Guessing is 50 %. So hypoxia can be read from stool?
#
# ## A new study

# %%
found = aam.evaluate(model="runs/one-study", table="mouse-clock/table.biom", metadata="mouse-clock/metadata.tsv")
for sentence in found.summary:
    print("-", sentence)

answers = found.predictions["exposure"]
print(pd.crosstab(answers.observed, answers.predicted, rownames=["observed"], colnames=["predicted"]))

# %% [markdown]
# Hardly: 61 %, which is no better than guessing, since the model calls most of these mice `IHH`. AAM also says why not to believe it here:
# **all 46 samples are unlike those of training**. `aam predict` gives that warning (`familiar_reads`, `novelty`, `warning`) without knowing any truth, so
# look at it before you look at predictions.
#
# Why does it fail? A look at the cages of the first study tells what it may have learned:

# %%
print(pd.crosstab(first["cage"], first["exposure"]))

# %% [markdown]
# Each cage had one exposure. Mice of a cage share their microbes (they eat each other's faeces), so a model that finds the cage finds the
# exposure. Holding out whole *mice* did not help: their cage mates taught the model. `group_column="cage"` would have shown it, had there been
# more than two cages of each kind.
#
# ## Know it beforehand
#
# Given both studies, AAM leaves out one after the other. The sheets have to be one file:

# %%
pd.concat([first, second]).to_csv("runs/both.tsv", sep="\t", index=False)
folds = aam.cross_validate(
    **question,
    table=["mouse/table.qza", "mouse-clock/table.biom"],
    sequences=["mouse/rep-seqs.qza"],
    metadata="runs/both.tsv",
    cv="study",
    output_dir="runs/left-out",
    report=False,
    overwrite=True,
)
by_study = pd.read_csv("runs/left-out/cv_studies.tsv", sep="\t")
shown = by_study[(by_study["metric"] == "balanced_accuracy") & by_study["predictor"].isin(["model", "majority"])]
print(shown[["study", "samples", "predictor", "value", "low", "high"]].round(2).to_string(index=False))

# %% [markdown]
# Neither study tells the other's exposure: 50 and 61 %, and the intervals hold 50 %. **This is the honest figure for a new study**, and the 95 % of
# before is not. With two studies no more can be learned than that; with six or more, AAM gives intervals for a further study.
#
# ## What can be done
#
# - **More studies**, or at least more cages and sites, with the exposure mixed within them. No method replaces them.
# - `study_effect="centre"` (or `covariate`, `adversary`) takes differences between studies away, if they are technical. Try it, and keep it
#   only if the study that is left out is predicted better.
# - The same strand, region and length for all: the log of the run says how many reads each pair of tables shares.
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | tables share hardly any ASVs | another region, length or strand: `aam check` names the remedy, such as `trim_length` |
# | two studies have a subject of the same name | rename it: subjects 1, 2, 3 of two studies are not the same |
# | samples are dropped | the sheets were not joined, or call the column differently |
# | the study alone predicts the target | all cases are of one study: no method can tell them apart |
#
# ## Next
#
# [4. Pre-training your own encoder](4-pretraining.md). All that is checked, and the remedies: [Several studies](../studies.md).
