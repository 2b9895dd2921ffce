from __future__ import annotations

import numpy as np
import pytest
from skbio import TreeNode

from aam.phylogeny.newick import parse_newick
from aam.phylogeny.newick_text import newick_text

PARENT = np.array([3, 4, 3, 4, -1])
NAMES = {0: "it's (a tip)", 1: "b_1", 2: "c:d;e,[f]", 3: "clade-3"}


def test_text_is_that_of_the_tree() -> None:
    text = newick_text(PARENT, np.array([1.5, 2.0, 0.25, 1e-9, 0.0]), {0: "a", 1: "b", 2: "c", 3: "clade-3"})
    assert text == "(b:2.0,(a:1.5,c:0.25)clade-3:1e-09);\n"
    assert newick_text(PARENT, None, {0: "a", 1: "b", 2: "c"}) == "(b,(a,c));\n"


def test_odd_names_are_read_back() -> None:
    text = newick_text(PARENT, np.ones(5), NAMES)
    tree = TreeNode.read([text], convert_underscores=False)
    assert {tip.name for tip in tree.tips()} == {"it's (a tip)", "b_1", "c:d;e,[f]"}
    assert tree.find("clade-3").length == 1
    assert sorted(parse_newick(text, "tree.nwk").names) == sorted(list(NAMES.values())[:3])


def test_deep_trees_are_written() -> None:
    number = 5_000
    parent = np.append(np.arange(1, number), -1)
    assert newick_text(parent, None, {0: "a"}).count("(") == number - 1


@pytest.mark.parametrize("name", ["", "a"])
def test_a_single_node_is_a_tree(name: str) -> None:
    assert newick_text(np.array([-1]), None, {0: name}) == f"{name};\n"
