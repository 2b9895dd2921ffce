# %% [markdown]
# # 7. From AnnData, and back
#
# In AnnData (`.h5ad`) samples, counts and metadata are one file, so one file is all that AAM needs. Takes about 10 seconds of computing on two cores.
#
# `mouse.h5ad` has [all 16 mice](mouse/README.md) of the other tutorials, and was written by anndata. Samples are `obs`, ASVs `var` with their DNA in the column `sequence`.

# %% language="bash"
# aam info mouse/mouse.h5ad

# %% [markdown]
# ## Train on a part of it
#
# `obs` has a column `part` that keeps four mice as new ones. `where` chooses samples by any condition on `obs`:

# %%
import h5py
import matplotlib.pyplot as plt

import aam

# %matplotlib inline

result = aam.train(
    table="mouse/mouse.h5ad",
    where="part == 'training'",
    metadata_column="age",
    group_column="host_subject_id",
    learners="clades-radial,jaccard",  # two quick ones, to be short here; leave the line out
    forest_baseline=False,
    report=False,
    output_dir="runs/anndata",
    overwrite=True,
)
print(f"off by {result.metrics['age']['mae']:.2f} weeks")

# %% [markdown]
# No `metadata` and no `sequences` were given: both came from the file. If `X` holds logarithms or shares, `table_layer="counts"` names the
# layer with whole numbers.
#
# ## Predictions, as AnnData

# %%
predictions = aam.predict(
    model="runs/anndata",
    table="mouse/mouse.h5ad",
    where="part == 'new'",
    output="runs/predicted.h5ad",
    overwrite=True,
)
with h5py.File("runs/predicted.h5ad") as file:
    print("obs:", *file["obs"])
    print("predicted:", file["obs/predicted"][:5].round(1))

# %% [markdown]
# Counts and metadata are there as before, and the predictions are columns of `obs`. Here h5py reads them, which AAM brings along; you would write
# `anndata.read_h5ad("runs/predicted.h5ad").obs`.
#
# ## Vectors, for scanpy
#
# Samples as the model sees them, for neighbours, clusters and UMAP:

# %%
embedding = aam.embed(
    model="runs/anndata",
    table="mouse/mouse.h5ad",
    format=["h5ad"],
    permutations=99,
    output_dir="runs/vectors",
    overwrite=True,
)
with h5py.File("runs/vectors/study.h5ad") as file:
    print("obsm:", *file["obsm"])
    points, age = file["obsm/X_pcoa_learned"][:], file["obs/age"][:]

# %% figure="Samples as the model sees them, by age"
figure, axes = plt.subplots(figsize=(5, 4))
drawn = axes.scatter(points[:, 0], points[:, 1], c=age, s=14)
figure.colorbar(drawn, label="age (weeks)")
axes.set(xlabel="axis 1", ylabel="axis 2")
plt.show()

# %% [markdown]
# Each point is a sample; those that lie close together are alike *for this model*, which has learned age. With scanpy:
#
# ```python
# study = anndata.read_h5ad("runs/vectors/study.h5ad")
# scanpy.pp.neighbors(study, use_rep="X_aam")
# scanpy.tl.umap(study)
# scanpy.pl.umap(study, color="age")
# ```
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | `X does not hold reads` | `table_layer` names the layer that does, or `raw` |
# | `... ASV ids are not DNA` | put the DNA into `var["sequence"]`, or give `sequences` |
# | several files | merge their `obs` into one sheet, and give it as `metadata` |
# | single-cell data | AAM is for 16S amplicons; genes are no ASVs |
#
# ## Next
#
# [8. On a cluster](8-cluster.md). All that is read and written: [AnnData](anndata.md).
