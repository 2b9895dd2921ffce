# %% [markdown]
# # 5. QIIME 2, there and back
#
# AAM reads the artifacts of QIIME 2 as they are, and writes what QIIME 2 takes. [From QIIME 2 artifacts to a figure](mouse-age.md) goes
# through a study on the command line; this page is about what passes between the two programs. Takes about 15 seconds of computing on two
# cores.
#
# You need three things, which a pipeline with DADA2 or Deblur leaves behind:
#
# | AAM takes | QIIME 2 calls it | For |
# |---|---|---|
# | `--table table.qza` | `FeatureTable[Frequency]` | counts: not rarefied, not relative, not collapsed to genera |
# | `--sequences rep-seqs.qza` | `FeatureData[Sequence]` | the DNA behind the hashed ids |
# | `--metadata metadata.tsv` | metadata | what to predict |
# | `--tree rooted-tree.qza`, optional | `Phylogeny[Rooted]` | two more learners |
# | `--taxonomy taxonomy.qza`, optional | `FeatureData[Taxonomy]` | names in explanations |
#
# ## In

# %% language="bash"
# aam info mouse/table.qza
# aam info mouse/rep-seqs.qza

# %% [markdown]
# QIIME 2 itself is not needed for this. What an artifact holds is recognised by its type, and the metadata sheet may have the line `#q2:types`.
#
# Is anything wrong? `aam check` lists all problems at once, and ends with the command to type next:

# %% language="bash"
# aam check --table mouse/table.qza --sequences mouse/rep-seqs.qza --metadata mouse/metadata.tsv \
#   --metadata-column age --group-column host_subject_id --no-estimate-time

# %% [markdown]
# Train, and predict mice that the model has not met. (`--learners` chooses two quick members of the blend, to be short here; leave it out.)

# %% language="bash"
# aam train --table mouse/table.qza --sequences mouse/rep-seqs.qza --metadata mouse/metadata.tsv --metadata-column age \
#   --group-column host_subject_id --learners clades-radial,unifrac-dna --no-forest-baseline --output-dir runs/age --overwrite
# aam predict --model runs/age --table mouse/new-mice.qza --sequences mouse/rep-seqs.qza --metadata mouse/metadata.tsv \
#   --output runs/new-mice.tsv --overwrite

# %% [markdown]
# ## Back
#
# Every table of samples that AAM writes is QIIME 2 metadata: first column `sample-id`, then columns of numbers and categories.

# %%
print(*open("runs/new-mice.tsv").readlines()[:3], sep="")

# %% [markdown]
# So, within QIIME 2, as a second metadata file beside your own:
#
# ```bash
# qiime emperor plot --i-pcoa pcoa.qza --m-metadata-file metadata.tsv runs/new-mice.tsv --o-visualization predicted.qzv
# ```
#
# | AAM writes | Import it as |
# |---|---|
# | `predictions.tsv`, `out_of_fold_predictions.tsv` | nothing: it is metadata |
# | `aam unifrac --output d.tsv` | `DistanceMatrix` |
# | `ordination_*.ordination` of `aam embed` | `PCoAResults` |
# | `effects.tsv` and others of `aam explain` | feature metadata, for Empress and Qurro |
#
# ## Within QIIME 2: the plugin
#
# [q2-aam](../../plugins/q2-aam/README.md) has the same as actions, with provenance:
#
# ```bash
# qiime aam fit-regressor --i-table table.qza --i-sequences rep-seqs.qza \
#     --m-metadata-file metadata.tsv --p-column age --p-group-column host_subject_id \
#     --o-model age-model.qza --o-predictions age-held-out.qza
# qiime aam report --i-model age-model.qza --o-visualization age-report.qzv
# qiime aam predict --i-table new-table.qza --i-sequences new-rep-seqs.qza --i-model age-model.qza --o-predictions age.qza
# qiime tools view age-report.qzv
# ```
#
# `age-report.qzv` is the report, for <https://view.qiime2.org>. This block needs a QIIME 2 distribution, so it is not run here.
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | `... ASV ids are not DNA` | give `--sequences`: QIIME 2 names ASVs by hashes |
# | counts are fractional | the table is `FeatureTable[RelativeFrequency]`, or was normalised: take the one before |
# | new samples have few familiar reads, or are refused | denoise them with the same primers and cut to the same length |
# | a sheet that QIIME 2 refuses | Keemei or `qiime tools inspect-metadata` finds the cell; AAM says the line as well |
#
# ## Next
#
# [6. From phyloseq and mothur](6-phyloseq-mothur.md). All formats: [File formats](../formats.md).
