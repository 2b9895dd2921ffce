# %% [markdown]
# # 2. Explaining a model
#
# Which microbes does the model of [tutorial 1](1-first-model.md) use, in which direction, and does it need them? Takes about 12 seconds of
# computing on two cores.
#
# We train it again, so that this page stands alone; of the blend we take three quick members, to be short here. (Leave `learners` out for your own study.)

# %%
import aam

# %matplotlib inline

sequences, metadata = "mouse/rep-seqs.qza", "mouse/metadata.tsv"
result = aam.train(
    table="mouse/table.qza",
    sequences=sequences,
    metadata=metadata,
    metadata_column="age",
    group_column="host_subject_id",
    learners="clades-radial,clr-radial,unifrac-dna",
    forest_baseline=False,
    report=False,
    output_dir="runs/explained",
    overwrite=True,
)

# %% [markdown]
# ## Ask it
#
# An explanation changes samples and looks at what the model then says. We take the four mice that it has not seen: of samples that it was trained
# on, it would tell what it has memorised as well.

# %%
explanation = aam.explain(
    model="runs/explained", table="mouse/new-mice.qza", sequences=sequences, metadata=metadata, levels=["clade"]
)
for sentence in explanation.summary:
    print("-", sentence)

# %% [markdown]
# A *clade* is a group of ASVs whose DNA is alike, found from the sequences. Read clades before single ASVs: related ASVs can stand in
# for each other, so that no single one seems to matter.
#
# Two questions are asked of each clade:
#
# - **removal**: take its reads out of a sample. How much does the predicted age change? This has a direction.
# - **permutation**: give the sample the reads of this clade in another sample. How much larger does the error get? This tells whether the model
#   *needs* the clade to be right.

# %%
effects = explanation.effects_table().to_frame()
removal = effects[(effects["method"] == "removal") & (effects["needed"] == "yes")].sort_values("rank").head(5)
print(removal[["label", "effect", "low", "high", "prevalence"]].round(2).to_string(index=False))

# %% [markdown]
# These are the strongest of those that the model needs. `effect` is in weeks: with a positive sign the clade makes mice look older. `low` and `high` are its 95 % interval over mice, and `prevalence` the
# share of samples that have it.

# %% figure="Effects of the clades on the predicted age"
explanation.figures["effects-clade"]

# %% [markdown]
# ## One sample
#
# The same for each sample, which says why *this* mouse was taken for old or young:

# %% figure="What the clades do in each sample"
explanation.figures["heat-map"]

# %% [markdown]
# A column is a sample, a row a clade. On the left, how much of the clade is there; on the right, what it does: orange raises the predicted
# age, blue lowers it.

# %% [markdown]
# ## What it means
#
# You know what the model *uses*. You do not know what ages a mouse. A clade may be used because it causes something, because something
# changes it, because it travels with another one, or because it goes along with the date. A list of important microbes is a list of
# candidates for an experiment.
#
# ## What can go wrong
#
# - **Almost everything is "clearly not 0".** A model uses a little of everything. Trust clades that removal, permutation *and* the plain
#   correlation (`truth_correlation`) agree on.
# - **A bad model explains nothing.** If it is no better than the guess, stop.
# - **Names are lacking.** `taxonomy="taxonomy.qza"` names clades and ASVs.
#
# ## Next
#
# [3. Several studies](3-several-studies.md). How far explanations can be trusted, measured: [Explanations](../explanations.md). To see
# effects on a tree, `aam explain` also writes files for iTOL, and a page.
