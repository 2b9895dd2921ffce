# %% [markdown]
# # 4. Pre-training your own encoder
#
# Metadata are rare, sequences are not. *Pre-training* teaches a neural network (an *encoder*) what samples look like from tables without any
# labels; afterwards it needs fewer labelled samples. Takes about 20 seconds of computing on two cores, because the network here is far smaller, and
# trained far shorter, than you would do it.
#
# **Is it worth it?** With fewer than some thousand samples mostly not: try the blend of [tutorial 1](1-first-model.md) first. It may pay if
# you have many unlabelled samples of the same kind and primer region.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import aam

# %matplotlib inline

small = {"embedding_dim": 32, "attention_heads": 2, "attention_layers": 1, "token_limit": 128, "rarefy_depth": 1000}

# %% [markdown]
# ## Pre-train
#
# All samples at hand, labelled or not: both tables of the first study. (With other studies, `table` is a list of more files;
# `trim_length` cuts all to one length.)

# %%
tables = {"table": ["mouse/table.qza", "mouse/new-mice.qza"], "sequences": ["mouse/rep-seqs.qza"]}
encoder = aam.pretrain(
    **tables, **small, encoder_type="bray_curtis", epochs=8, output_dir="runs/encoder", report=False, overwrite=True
)
print(f"best epoch: {encoder.best_epoch + 1} of 8, loss on samples that were kept apart: {encoder.best_value:.2f}")

# %% [markdown]
# The network plays three games at once. It guesses nucleotides that were hidden, abundances that were hidden, and how different two
# samples are (here by Bray-Curtis; with `tree` and `encoder_type="unifrac"` by UniFrac). The loss says how badly it plays:

# %% figure="Loss of the encoder by epoch"
curve = pd.read_csv("runs/encoder/metrics.csv")
figure, axes = plt.subplots(figsize=(5, 3))
axes.plot(curve["epoch"], curve["train_loss"], label="training samples")
axes.plot(curve["epoch"], curve["val_loss"], label="validation samples")
axes.set(xlabel="epoch", ylabel="loss")
axes.legend()
plt.show()

# %% [markdown]
# *Training* samples are those it learns from, *validation* samples were kept apart; an epoch is one pass over all. Both losses should fall, and the
# second must not rise again. Here both still fall at the end: a real run would go on.
#
# ## What has it learned?
#
# Each sample is now a vector of 32 numbers. Samples that lie close together are alike to the encoder:

# %% figure="Samples as the encoder sees them, beside Bray-Curtis"
vectors = aam.embed(model="runs/encoder", **tables, metadata="mouse/metadata.tsv", colour=["age"])
for sentence in vectors.summary:
    print("-", sentence)
vectors.figures["ordination-age"]

# %% [markdown]
# ## Use it
#
# A network that starts from the encoder, and one of the same size that starts from nothing. `freeze_base` keeps the encoder as it is and learns the last
# layers alone, which is right for few samples.

# %%
question = {
    "table": "mouse/table.qza",
    "sequences": "mouse/rep-seqs.qza",
    "metadata": "mouse/metadata.tsv",
    "metadata_column": "age",
    "group_column": "host_subject_id",
    "learners": "network",
    "epochs": 8,
    "report": False,
    "overwrite": True,
}
scratch = aam.train(**question, **small, output_dir="runs/scratch")
tuned = aam.train(
    **question, rarefy_depth=1000, pretrained_encoder="runs/encoder", freeze_base=True, output_dir="runs/pre-trained"
)
for name, run in {"from nothing": scratch, "pre-trained": tuned}.items():
    print(f"{name:13} off by {run.metrics['age']['mae']:.2f} weeks")

# %% [markdown]
# No difference to speak of, and the blend is better (0.72 weeks): **that is what to expect of a study of this size.** The figures are of validation
# mice that also chose the best epoch, so they are a little too good.
#
# `fine_tune=True` in place of `learners="network"` makes the network one member of the blend; its weight then says whether it adds anything.
#
# ## For real
#
# ```bash
# aam pretrain --table all.biom --tree tree.nwk --output-dir runs/encoder
# ```
#
# with the defaults (no `embedding_dim`, no `epochs`), thousands of samples and a GPU. [configs/pretrain-cluster.yaml](../../configs/pretrain-cluster.yaml)
# is a file to start from.
#
# ## What can go wrong
#
# | You see | Do |
# |---|---|
# | the validation loss rises while that of training falls | more samples, or a smaller network |
# | out of memory | leave out `batch_size`, which fits itself; smaller `token_limit` |
# | the new study is refused | pre-train with the same region and `trim_length` |
# | better than the blend by a hair | compare on the same held-out samples: `aam.compare` |
#
# ## Next
#
# [5. From QIIME 2](5-qiime2.md), or from wherever your data are; [8. On a cluster](8-cluster.md), where networks are trained. All about the network: [User guide](../guide.md#6-the-network-optional).
