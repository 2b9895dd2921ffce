from __future__ import annotations

import dataclasses
import hashlib
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.data.readers.taxonomy import Taxonomy
from aam.explain.groups import ALIKE, asv_groups, clade_groups, consensus, ranks_of, taxon_groups, taxon_name
from aam.explain.removal import Removal
from aam.explain.roll_up import roll_up
from aam.learners.clades import Clades
from tests.data.study_files import make_study
from tests.explain.linear import linear_subject

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


def test_effects_that_add_up_are_summed_over_groups():
    subject = linear_subject()
    (of_asvs,) = Removal().explain(subject)
    pair = dataclasses.replace(subject.groups[0], level="clade", names=("c",), labels=("c",), taxa=("",))
    pair = dataclasses.replace(pair, members=csr_array(np.array([[1, 0, 1, 0]])))
    found = roll_up(of_asvs, pair, subject.groups[0].names, subject.unit_N, seed=1)
    wanted = of_asvs.by_sample_NGO[:, 0, 0] + of_asvs.by_sample_NGO[:, 2, 0]
    assert found.by_sample_NGO[:, 0, 0] == pytest.approx(wanted)
    assert found.has_NG[:, 0].tolist() == [True, True, True, True]
    assert found.effect_GO[0, 0] == pytest.approx(wanted.mean())
    assert (found.level, found.names) == ("clade", ("c",))
    # Of the ASVs some may be left out, in another order.
    some = of_asvs.take(np.array([2, 0]))
    again = roll_up(some, pair, subject.groups[0].names, subject.unit_N, seed=1)
    assert again.effect_GO == pytest.approx(found.effect_GO)


def test_only_effects_in_single_samples_are_summed():
    subject = linear_subject()
    (found,) = Removal().explain(subject)
    for wrong in (dataclasses.replace(found, level="clade"), dataclasses.replace(found, by_sample_NGO=None)):
        with pytest.raises(ValueError, match="effects of ASVs in single samples"):
            roll_up(wrong, subject.groups[0], subject.groups[0].names, subject.unit_N, seed=1)
