"""Samples as a network reads them here: shares of ASVs whose vectors are known, and what is changed of them in a step.

References
----------
Zhang, Cisse, Dauphin, Lopez-Paz (2018), mixup: beyond empirical risk minimization, ICLR. Gordon-Rodriguez, Quinn,
Cunningham (2022), Data augmentation for compositional data: advancing predictive models of the microbiome, NeurIPS 35
(compositional CutMix, there within a class; here targets are mixed as well). Jiang, Liao, Zhu, Lu (2025), PhyloMix:
enhancing microbiome-trait association prediction through phylogeny-mixing augmentation, Bioinformatics, btaf014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from aam.data.batches.batch import Batch, Sample, make_batch
from aam.learners.clades import Clades
from benchmarks.network.clades import CladeComponents
from benchmarks.network.recipes import Recipe

NUM_CUTS = (16, 32, 64, 128)
"""Clades that the DNA tree is cut into, for mixing."""
WHOLE = 1_000_000
MIXTURE = 2.0
"""Of the beta distribution of shares in a mixture, as in PhyloMix."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Samples to learn from or to predict.

    Attributes
    ----------
    counts
        Reads, ``N x A``.
    truth
        Standardised numbers (float32) or codes of classes (int64), ``N x 1``.
    vectors
        Vectors of the ASVs, ``A x D``.
    cuts
        For some cuts of the tree the clade of each ASV.
    also
        Other numbers to learn, ``N x Q``, NaN where unknown.
    depth
        Reads of a rarefied draw.
    components
        What makes components of clades, where the network reads them.
    """

    counts: csr_array
    truth: np.ndarray
    vectors: Tensor
    cuts: tuple[np.ndarray, ...] = ()
    also: np.ndarray | None = None
    depth: int = 1_000
    components: CladeComponents | None = None

    def __len__(self) -> int:
        return int(self.counts.shape[0])

    def row(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """ASVs and reads of a sample."""
        start, end = self.counts.indptr[number], self.counts.indptr[number + 1]
        return self.counts.indices[start:end], self.counts.data[start:end]

    def drawn(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A rarefied draw of a sample; all of it where it has fewer reads."""
        asvs, reads = self.row(number)
        whole = reads.astype(np.int64)
        if whole.sum() <= self.depth:
            return asvs, reads
        found = rng.multivariate_hypergeometric(whole, self.depth, method="marginals")
        return asvs[found > 0], found[found > 0]


Row = tuple[np.ndarray, np.ndarray]


def batch_of(examples: Examples, rows: list[Row], truth: np.ndarray) -> Batch:
    """ASVs and shares of samples as the product's models read them."""
    number = examples.vectors.shape[0]
    samples = []
    for place, (asvs, reads) in enumerate(rows):
        shares = (reads / reads.sum()).astype(np.float32)
        samples.append(Sample(place, asvs, shares, asvs, shares))
    batch = make_batch(samples, np.zeros((number, 1), dtype=np.uint8), np.ones(number, dtype=np.int64))
    batch.target_BT = torch.from_numpy(truth)
    if examples.components is not None:
        batch.profile_BK = torch.from_numpy(examples.components.of(_as_reads(rows, number)))
    return batch


def _as_reads(rows: list[Row], number: int) -> csr_array:
    """Samples as whole numbers of reads, a million each."""
    reads = np.concatenate([np.rint(values / values.sum() * WHOLE) for _, values in rows]).astype(np.int64)
    ends = np.cumsum([0, *(len(asvs) for asvs, _ in rows)])
    return csr_array((reads, np.concatenate([asvs for asvs, _ in rows]), ends), (len(rows), number))


@dataclass(frozen=True)
class Changed:
    """A batch to learn from, and the second truths and the share of the first where samples were mixed."""

    batch: Batch
    second: Tensor | None
    share: Tensor | None


def changed(examples: Examples, chosen: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> Changed:
    """Samples of a step with what a recipe changes of them."""
    numbers = np.repeat(chosen, max(1, recipe.draws))
    rows = [examples.drawn(one, rng) if recipe.draws else examples.row(one) for one in numbers]
    truth = examples.truth[numbers]
    second = share = None
    if recipe.mixing is not None:
        partner = rng.permutation(len(rows))
        kept = np.where(rng.random(len(rows)) < recipe.mixed, rng.beta(MIXTURE, MIXTURE, len(rows)), 1.0)
        rows = [
            mixed(examples, rows[one], rows[other], part, recipe.mixing, rng) if part < 1 else rows[one]
            for one, (other, part) in enumerate(zip(partner, kept, strict=True))
        ]
        second, share = torch.from_numpy(truth[partner]), torch.from_numpy(kept.astype(np.float32))
    if recipe.dropped:
        rows = [without_some(row, recipe.dropped, rng) for row in rows]
    return Changed(batch_of(examples, rows, truth), second, share)


def mixed(examples: Examples, first: Row, second: Row, share: float, how: str, rng: np.random.Generator) -> Row:
    """A sample of two: so much of the first's composition, or so many of its clades or ASVs."""
    asvs = np.union1d(first[0], second[0])
    one, other = np.zeros(len(asvs)), np.zeros(len(asvs))
    one[np.searchsorted(asvs, first[0])] = first[1] / first[1].sum()
    other[np.searchsorted(asvs, second[0])] = second[1] / second[1].sum()
    if how == "mixup":
        found = share * one + (1 - share) * other
    else:
        if how == "clades":
            cut = examples.cuts[rng.integers(len(examples.cuts))]
            from_first = (rng.random(cut.max() + 1) < share)[cut[asvs]]
        else:
            from_first = rng.random(len(asvs)) < share
        found = np.where(from_first, one, other)
    there = found > 0
    return (asvs[there], found[there]) if there.any() else first


def without_some(row: Row, most: float, rng: np.random.Generator) -> Row:
    """A sample without a random share of its ASVs."""
    kept = rng.random(len(row[0])) >= rng.uniform(0, most)
    return (row[0][kept], row[1][kept]) if kept.any() else row


def cuts_of(clades: Clades) -> tuple[np.ndarray, ...]:
    """The tree cut at its last merges into 16 to 128 clades: the clade of each ASV, for each cut."""
    found = []
    for number in NUM_CUTS:
        below = max(1, len(clades.parent) - number + 1)
        top = np.arange(len(clades.parent))
        for node in range(below - 1, -1, -1):
            if clades.parent[node] >= 0 and clades.parent[node] < below:
                top[node] = top[clades.parent[node]]
        found.append(np.unique(top[clades.node_of_asv], return_inverse=True)[1])
    return tuple(found)
