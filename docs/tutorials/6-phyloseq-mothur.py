# %% [markdown]
# # 6. From phyloseq and mothur
#
# What R and mothur write is read as it is. This page takes the mice of the other
# tutorials, lays them out as the two programs would, and goes from there to a model. Takes about 10 seconds of computing on two cores.
#
# You have files of your own? Then leave out the two cells that make them. What to type in R is said in
# [From phyloseq](phyloseq.md) and [From DADA2](dada2.md), what to keep of a mothur run in [From mothur](mothur.md).

# %%
from pathlib import Path

import pandas as pd

import aam

study = aam.load_study(table="mouse/table.qza", sequences="mouse/rep-seqs.qza", metadata="mouse/metadata.tsv")
counts = pd.DataFrame(study.table.counts.toarray(), index=study.table.sample_ids, columns=study.table.asv_ids)
fasta = "".join(f">{asv}\n{dna}\n" for asv, dna in zip(study.table.asv_ids, study.table.sequences, strict=True))

# %% [markdown]
# ## phyloseq
#
# In R, `write.table(as(otu_table(ps), "matrix"), ...)` makes a table with a row for each ASV, `writeXStringSet(refseq(ps), ...)` the
# sequences. The same from here:

# %%
r = Path("runs/phyloseq")
r.mkdir(parents=True, exist_ok=True)
counts.T.to_csv(r / "table.tsv", sep="\t")
(r / "rep-seqs.fasta").write_text(fasta)
print(counts.T.iloc[:2, :3])

# %% [markdown]
# Look before you train. `aam info` says what a file is taken for, above all which way round it lies:

# %% language="bash"
# aam info runs/phyloseq/table.tsv

# %% [markdown]
# 485 ASVs in 139 samples: right. If the numbers are swapped, the table is transposed; write `t(...)`.

# %%
question = {
    "metadata": "mouse/metadata.tsv",
    "metadata_column": "age",
    "group_column": "host_subject_id",
    "learners": "clades-radial,jaccard",  # two quick ones, to be short here; leave the line out
    "forest_baseline": False,
    "report": False,
    "overwrite": True,
}
from_r = aam.train(**question, table=r / "table.tsv", sequences=r / "rep-seqs.fasta", output_dir="runs/phyloseq-model")
print(f"off by {from_r.metrics['age']['mae']:.3f} weeks")

# %% [markdown]
# Three things to have right in R: **counts**, not shares (before `transform_sample_counts`, not rarefied); **ASVs**, not genera
# (before `tax_glom`); and **ids** as they were (`check.names = FALSE`).
#
# ## mothur
#
# A `.shared` file has a row for each sample and a column for each OTU or ASV, and a FASTA names their sequences. mothur does not allow `-` in names, and
# numbers its OTUs:

# %%
m = Path("runs/mothur")
m.mkdir(parents=True, exist_ok=True)
otus = [f"ASV{number:04d}" for number in range(1, counts.shape[1] + 1)]
shared = counts.set_axis(otus, axis=1)
shared.insert(0, "numOtus", len(otus))
shared.insert(0, "Group", counts.index)
shared.insert(0, "label", "ASV")
shared.to_csv(m / "final.asv.shared", sep="\t", index=False)
(m / "final.asv.fasta").write_text(
    "".join(f">{otu}\n{dna}\n" for otu, dna in zip(otus, study.table.sequences, strict=True))
)
print(shared.iloc[:2, :5].to_string(index=False))

# %% language="bash"
# aam check --table runs/mothur/final.asv.shared --sequences runs/mothur/final.asv.fasta --metadata mouse/metadata.tsv \
#   --metadata-column age --group-column host_subject_id --no-estimate-time

# %%
from_mothur = aam.train(
    **question, table=m / "final.asv.shared", sequences=m / "final.asv.fasta", output_dir="runs/mothur-model"
)
print(f"off by {from_mothur.metrics['age']['mae']:.3f} weeks")

# %% [markdown]
# The same reads, the same result: the way in does not matter. A `.count_table` with its FASTA is read as well, and so are sequence tables
# of DADA2 (`write.csv(seqtab)`).
#
# ## Back to R
#
# Predictions are a table with a header, tabs and no quotes:
#
# ```r
# p <- read.delim("runs/phyloseq-model/out_of_fold_predictions.tsv", check.names = FALSE)
# plot(p$observed, p$predicted); abline(0, 1)
# ```
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | `... counts are fractional` | the table holds shares: take the one before |
# | `... ASV ids are not DNA` | give `sequences`; without any, `learners="no-dna"` |
# | no sample of the table is in the metadata | `match_ids="loose"` matches `1.A`, `1-A` and `X1.A`; `aam check` shows both |
# | results worse than hoped, with OTUs of 97 % | models read DNA: ASVs say more |
#
# ## Next
#
# [7. From AnnData](7-anndata.md).
