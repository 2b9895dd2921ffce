from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage, to_tree
from skbio.tree import TreeNode

from aam.alphabet import encode
from aam.phylogeny.clade_ranges import CladeRanges, Outline, outline_of_sequences
from aam.phylogeny.sequence_tree import kmer_frequencies
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from tests.factories import related_sequences

NEWICK = "((a:1,(b:1,c:2):1):2,(d:1,e:1,f:2):1,((g:1,h:1):1,(i:1,j:3):2):1);"
TIPS = list("jihgfedcba")


def outline(folder: Path, newick: str, tips: list[str]) -> Outline:
    (folder / "t.nwk").write_text(newick)
    phylogeny = Phylogeny(read_tree(folder / "t.nwk", "given"), tips)
    return Outline(phylogeny.tip_A, phylogeny.parting_T)


def members(clades: CladeRanges, asvs: np.ndarray, names: list[str]) -> set[frozenset[str]]:
    ordered = [names[asv] for asv in asvs[clades.order_S]]
    ranges = zip(clades.start_C, clades.end_C, strict=True)
    found = [frozenset(ordered[start:end]) for start, end in ranges]
    assert len(set(found)) == len(found)
    return set(found)


@pytest.mark.parametrize("seed", range(8))
def test_clades_are_those_of_the_sheared_tree(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    asvs = np.sort(rng.choice(10, rng.integers(2, 11), replace=False))
    sheared = TreeNode.read([NEWICK]).shear([TIPS[asv] for asv in asvs])
    expected = {frozenset(tip.name for tip in node.tips()) for node in sheared.non_tips(include_self=True)}
    found = outline(tmp_path, NEWICK, TIPS).clades(asvs)
    assert members(found, asvs, TIPS) == {clade for clade in expected if len(clade) > 1}


def test_asvs_of_one_tip_are_a_clade(tmp_path: Path) -> None:
    found = outline(tmp_path, "((a:1,b:1):1,c:1);", list("abaca")).clades(np.arange(5))
    assert members(found, np.arange(5), list("01234")) == {frozenset("024"), frozenset("0124"), frozenset("01234")}


def test_a_single_asv_has_no_clades() -> None:
    found = Outline(np.array([0, 1]), np.array([0.0, 0.0])).clades(np.array([1]))
    assert len(found.start_C) == 0


def test_clades_of_dna_are_those_of_scipy() -> None:
    tokens = encode([one[: 80 + 2 * place] for place, one in enumerate(related_sequences(20))])  # no ties
    found = outline_of_sequences(tokens, np.ones(20)).clades(np.arange(20))
    _, nodes = to_tree(linkage(kmer_frequencies(tokens).toarray().astype(float), "ward"), rd=True)
    expected = {frozenset(map(str, node.pre_order())) for node in nodes if not node.is_leaf()}
    assert members(found, np.arange(20), list(map(str, range(20)))) == expected
