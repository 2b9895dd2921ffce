from __future__ import annotations

import dataclasses
import hashlib
from itertools import pairwise

import numpy as np
import pytest

from aam.data.readers.taxonomy import Taxonomy
from aam.explanation.groups import ALIKE, asv_groups, clade_groups, consensus, ranks_of, taxon_groups, taxon_name
from aam.learners.clades import Clades
from tests.data.study_files import make_study

LINE = ("d__Bacteria", "p__Firmicutes", "c__Clostridia", "o__Lachnospirales", "f__Lachnospiraceae", "g__Blautia")


def study_of(number=4):
    return make_study(np.ones((3, number), dtype=np.int64))


def taxonomy_of(study, *lineages):
    return Taxonomy("t.tsv", dict(zip(map(str, study.table.asv_ids), lineages, strict=False)))


def members(groups):
    return {
        name: np.flatnonzero(row).tolist() for name, row in zip(groups.names, groups.members.toarray(), strict=True)
    }


def test_an_asv_is_shown_by_its_taxon_and_the_sum_of_its_dna():
    study = study_of()
    found = asv_groups(study, taxonomy_of(study, LINE))
    first, second = (hashlib.md5(str(one).encode()).hexdigest()[:8] for one in study.table.sequences[:2])
    assert found.labels[:2] == (f"Blautia ({first})", f"ASV {second}")
    assert found.taxa[:2] == ("; ".join(LINE), "")
    assert found.names == tuple(map(str, study.table.asv_ids))


def test_ids_that_two_tables_share_name_nobody():
    study = study_of()
    table = dataclasses.replace(study.table, asv_ids=np.array(["a", "b", "a", "c"], dtype=object))
    found = asv_groups(dataclasses.replace(study, table=table))
    assert found.names == (str(study.table.sequences[0]), "b", str(study.table.sequences[2]), "c")
    assert found.labels[1] == "b"


@pytest.mark.parametrize(
    ("lineage", "name"),
    [
        (LINE, "Blautia"),
        ((*LINE, "s__obeum"), "Blautia obeum"),
        ((*LINE, "s__Blautia_obeum"), "Blautia_obeum"),
        (LINE[:5], "Lachnospiraceae"),
        (("d__Bacteria", "", ""), "Bacteria"),
        ((), ""),
    ],
)
def test_names_of_taxa(lineage, name):
    assert taxon_name(lineage) == name


def test_taxa_of_one_name_are_told_apart():
    study = study_of()
    found = taxon_groups(study, taxonomy_of(study, ("B", "X", "u"), ("B", "Y", "u"), ("B", "Y", "v")), "class")
    assert found.labels == ("B; X; u", "B; Y; u", "v")
    assert members(found) == {"B; X; u": [0], "B; Y; u": [1], "B; Y; v": [2]}
    assert ranks_of(taxonomy_of(study, ("B", "X"), ("B", "", "v")), study) == ("domain", "phylum", "class")


def test_nested_clades_that_are_nearly_the_same_count_once():
    # A ladder: each node adds one ASV to the one before.
    number = 40
    parent = np.array(
        [*(number + max(place - 1, 0) for place in range(number)), *range(number + 1, 2 * number - 1), -1]
    )
    study = study_of(2 * number)
    found = clade_groups(study, None, Clades(parent, np.concatenate([np.arange(number), np.full(number, -1)])))
    sizes = found.size_G.tolist()
    assert sizes[-1] == 40
    assert all(small <= ALIKE * large for small, large in pairwise(sizes))
    assert sizes[0] == 2
    # ASVs that are not in the tree are in no clade.
    assert found.members.toarray()[:, number:].sum() == 0


def test_a_clade_has_the_lineage_of_most_of_its_members():
    a, b = ("B", "F", "C"), ("B", "F", "D")
    assert consensus([a, a, a, a, b]) == a
    assert consensus([a, b, a, b]) == ("B", "F")
    assert consensus([a, (), ()]) == ()
