"""Vectors of clades by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.learners.clades import Clades
from aam.workflows.embedding.clades import NamedTree, clade_vectors
from tests.data.study_files import make_study
from tests.learners.blend_studies import related_sequences

# ((0, 1) 5, (2, 3) 6) 8, 4 -> root 9; node 7 is the only child above node 6
PARENT = np.array([5, 5, 6, 6, 9, 8, 7, 8, 9, -1])
COUNTS = np.array([[8, 2, 0, 0, 5], [4, 0, 1, 1, 5], [0, 0, 3, 1, 5]])
VECTORS = np.array([[1.0, 0], [3, 0], [0, 2], [0, 4], [9, 9]])


def tree(is_on: list[bool]) -> NamedTree:
    return NamedTree("toy", "a toy", Clades(PARENT, np.arange(5)), np.array(is_on))


def test_a_clade_is_the_mean_of_its_reads():
    study = make_study(COUNTS, sequences=related_sequences(5))
    found = clade_vectors(study, VECTORS, tree([True] * 5))
    assert found.vectors.ids.tolist() == ["toy_node_5", "toy_node_6", "toy_node_8", "toy_node_9"]
    reads = COUNTS.sum(axis=0)
    for row, asvs in enumerate(([0, 1], [2, 3], [0, 1, 2, 3], [0, 1, 2, 3, 4])):
        expected = np.average(VECTORS[asvs], axis=0, weights=reads[asvs])
        np.testing.assert_allclose(found.vectors.values[row], expected, rtol=1e-6)
    assert found.clades["within"].tolist() == ["toy_node_8", "toy_node_8", "toy_node_9", ""]
    assert found.clades["asvs"].tolist() == [2, 2, 4, 5]
    np.testing.assert_allclose(found.clades["share_of_reads"], [14 / 35, 6 / 35, 20 / 35, 1])
    ids = study.table.asv_ids
    assert found.clades["most_frequent_asv"].tolist() == [ids[0], ids[2], ids[0], ids[4]]
    assert found.members["clade"].tolist() == ["toy_node_5", "toy_node_5", "toy_node_6", "toy_node_6", "toy_node_9"]


def test_asvs_that_are_not_on_the_tree_are_in_no_clade():
    study = make_study(COUNTS, sequences=related_sequences(5))
    found = clade_vectors(study, VECTORS, tree([True, True, True, True, False]))
    assert "toy_node_9" not in found.vectors.ids
    assert found.members["clade"].tolist()[-1] == ""
    assert found.clades["share_of_reads"].tolist() == pytest.approx([14 / 35, 6 / 35, 20 / 35])


def test_rare_clades_are_left_out():
    counts = np.zeros((100, 5), dtype=int)
    counts[:, 4] = 5
    counts[0, :2] = 1
    counts[:50, 2:4] = 3
    study = make_study(counts, sequences=related_sequences(5))
    found = clade_vectors(study, VECTORS, tree([True] * 5))
    assert "toy_node_5" not in found.vectors.ids
    assert "toy_node_6" in found.vectors.ids
    assert isinstance(study.table.counts, csr_array)
