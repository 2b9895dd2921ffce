from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skbio.diversity import beta_diversity
from skbio.stats.composition import clr

from aam.learners.clades import clade_counts
from aam.learners.reference import Reference
from aam.learners.similarity import (
    MIN_ASV_PREVALENCE,
    SIMILARITIES,
    ClrSimilarity,
    FeatureSimilarity,
    JaccardSimilarity,
    UnifracSimilarity,
    distinct_clades,
    log_clades,
    prevalent_clades,
)
from aam.learners.stored import Stored
from tests.learners.blend_studies import NEW, TRAIN, tiny_study, vectors_of
from tests.learners.test_reference import put
from tests.learners.trees.trees_of_asvs import members


def compared(similarity: Any, study: Any, rows: np.ndarray) -> np.ndarray:
    """Similarities of some samples to the training samples."""
    reads = similarity.reference.reads_of(study, rows)
    return similarity.between(similarity.embed(reads), similarity.embedded)


def test_jaccard_is_scikit_bios_for_known_and_new_samples() -> None:
    """The new samples have ASVs that no training sample has: they count as not shared."""
    study, _ = tiny_study()
    similarity = JaccardSimilarity.fit("jaccard", Reference.fit(study, TRAIN))
    expected = -(beta_diversity("jaccard", study.table.counts.toarray() > 0).data ** 2) / 2
    for rows in (TRAIN, NEW):
        assert compared(similarity, study, rows) == pytest.approx(expected[rows][:, TRAIN], abs=1e-12)


def test_unifrac_is_scikit_bios_on_the_phylogeny(tmp_path: Path) -> None:
    """A new ASV counts as the known one that it resembles most."""
    study, tree = tiny_study(tmp_path)
    reference = Reference.fit(study, TRAIN)
    similarity = UnifracSimilarity.fit("unifrac-phylogeny", reference)
    names = np.array([str(sequence) for sequence in study.table.sequences])
    known = names[study.table.counts.toarray()[TRAIN].any(axis=0)]
    as_known = known[reference.placement(study).nearest]
    counts = study.table.counts.toarray()
    as_placed = np.column_stack([counts[:, as_known == name].sum(axis=1) for name in names])
    distances = beta_diversity("unweighted_unifrac", as_placed, taxa=list(names), tree=tree, validate=False).data
    for rows in (TRAIN, NEW):
        expected = -(distances[rows][:, TRAIN] ** 2) / 2
        assert compared(similarity, study, rows) == pytest.approx(expected, abs=1e-6)


def test_unifrac_on_the_dna_tree_is_a_sum_over_branches() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    similarity = UnifracSimilarity.fit("unifrac-dna", reference)
    clades = reference.trees["dna"]
    above = clade_counts(reference.counts, clades).toarray() > 0
    lengths = clades.length
    assert lengths is not None
    for one, other in ((0, 1), (5, 30), (7, 7)):
        either = lengths[above[one] | above[other]].sum()
        both = lengths[above[one] & above[other]].sum()
        expected = -((1 - both / either) ** 2) / 2
        assert compared(similarity, study, TRAIN[[one]])[0, other] == pytest.approx(expected, abs=1e-6)


def test_log_ratios_are_scikit_bios() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    similarity = ClrSimilarity.fit("clr-linear", reference)
    known = study.table.counts.toarray()[:, study.table.counts.toarray()[TRAIN].any(axis=0)]
    assert len(similarity.columns) == known.shape[1]
    logs = np.asarray(clr(known + 0.5))
    assert similarity.embedded == pytest.approx(logs[TRAIN], abs=1e-5)
    assert compared(similarity, study, NEW) == pytest.approx(logs[NEW] @ logs[TRAIN].T, rel=1e-5)


def test_rare_asvs_are_no_log_ratios() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    many = Reference(reference.tokens, reference.prevalence, 1500, reference.counts, reference.trees)
    columns = ClrSimilarity.choose("clr-linear", many)
    assert 0 < len(columns) < len(reference.tokens)
    assert reference.prevalence[columns].min() >= 1500 * MIN_ASV_PREVALENCE
    assert len(columns) == (reference.prevalence >= 15).sum()


@pytest.mark.parametrize("name", ["clr-radial", "clades-radial"])
def test_a_radial_kernel_is_as_wide_as_the_median_distance(name: str) -> None:
    from scipy.spatial.distance import cdist, pdist

    study, _ = tiny_study()
    similarity = SIMILARITIES[name].fit(name, Reference.fit(study, TRAIN))
    assert isinstance(similarity, FeatureSimilarity)
    points = similarity.embedded.astype(float)
    assert similarity.width == pytest.approx(np.median(pdist(points)), rel=1e-4)
    new = similarity.embed(similarity.reference.reads_of(study, NEW)).astype(float)
    expected = np.exp(-cdist(new, points, "sqeuclidean") / (2 * similarity.width**2))
    assert compared(similarity, study, NEW) == pytest.approx(expected, abs=1e-5)


def test_clades_are_logs_of_shares() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    similarity = SIMILARITIES["clades-linear"].fit("clades-linear", reference)
    assert isinstance(similarity, FeatureSimilarity)
    counts = clade_counts(reference.counts, reference.trees["dna"]).toarray()
    shares = counts / reference.reads.total[:, None]
    expected = np.log(shares[:, similarity.columns] / 1e-4 + 1)
    assert similarity.embedded == pytest.approx(expected, abs=1e-5)
    assert set(similarity.columns) == set(np.flatnonzero(counts.any(axis=0)))


@pytest.mark.parametrize("name", SIMILARITIES)
def test_it_comes_back_from_its_arrays(name: str, tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path)
    reference = Reference.fit(study, TRAIN, encode=vectors_of)
    similarity = SIMILARITIES[name].fit(name, reference)
    again = SIMILARITIES[name].from_arrays(name, similarity.to_arrays(), Reference.from_arrays(reference.to_arrays()))
    assert (compared(again, study, NEW) == compared(similarity, study, NEW)).all()


@pytest.mark.parametrize(
    ("name", "array", "value", "problem"),
    [
        ("clr-linear", "columns", put(0, 10**6), "out of range"),
        ("clades-radial", "columns", put(0, -1), "out of range"),
        ("clr-linear", "width", put(0, 1.0), "another width"),
        ("clr-radial", "width", put(0, 0.0), "another width"),
        ("clr-radial", "width", put(0, 1e-200), "another width"),
        ("clades-radial", "width", put(0, 1e200), "another width"),
        ("clades-radial", "width", lambda found: found[:0], "cannot be"),
    ],
)
def test_what_is_no_kernel_is_refused(name: str, array: str, value: Any, problem: str) -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    stored = SIMILARITIES[name].fit(name, reference).to_arrays()
    arrays = {**stored.arrays, array: value(stored.arrays[array].copy())}
    with pytest.raises(ValueError, match=problem):
        SIMILARITIES[name].from_arrays(name, Stored(arrays, stored.facts), reference)


@pytest.mark.parametrize("name", ["unifrac-phylogeny", "encoder-linear", "encoder-radial"])
def test_a_kernel_of_a_tree_that_is_not_there_is_refused(name: str) -> None:
    study, _ = tiny_study()
    with_tree, without = (Reference.fit(study, TRAIN, encode=encode) for encode in (vectors_of, None))
    kind = SIMILARITIES[name]
    stored = kind.fit(name, with_tree).to_arrays() if name.startswith("encoder") else Stored({}, {})
    with pytest.raises(ValueError, match="a tree is lacking"):
        kind.from_arrays(name, stored, without)


def test_clades_of_an_encoder_are_wards_over_its_vectors() -> None:
    from scipy.cluster.hierarchy import linkage, to_tree

    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN, encode=vectors_of)
    found = {frozenset(np.flatnonzero(column).tolist()) for column in members(reference.trees["encoder"]).T}
    _, nodes = to_tree(linkage(vectors_of(reference.tokens).astype(float), "ward"), rd=True)
    assert found == {frozenset(node.pre_order()) for node in nodes}
    assert list(Reference.from_arrays(reference.to_arrays()).trees) == ["dna", "encoder"]


def test_distinct_clades_differ_from_the_larger_ones() -> None:
    """Each prevalent node correlates with the nearest chosen node above it: 0.9 and more is left out."""
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    prevalent, chosen = prevalent_clades(reference, "dna"), distinct_clades(reference, "dna").tolist()
    assert 0 < len(chosen) < len(prevalent)
    logs = log_clades(reference.reads, reference, "dna", np.arange(len(reference.trees["dna"].parent))).toarray()
    parent = reference.trees["dna"].parent
    for node in prevalent.tolist():
        above = int(parent[node])
        while above >= 0 and above not in chosen:
            above = int(parent[above])
        is_alike = above >= 0 and logs[:, above].std() > 0 and np.corrcoef(logs[:, [node, above]].T)[0, 1] >= 0.9
        assert (node in chosen) != is_alike
