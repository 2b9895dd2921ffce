from __future__ import annotations

import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skbio import TreeNode

from aam.errors import InputError
from aam.phylogeny.newick import Nodes, parse_newick
from tests.phylogeny.random_trees import ladder, random_newick


def parse(text: str) -> Nodes:
    return parse_newick(text, "t.nwk")


def test_a_tree_worked_by_hand() -> None:
    nodes = parse("((A:1,B:2)x:3,(C:4,D:5,E:6):7);")
    assert nodes.names == ("A", "B", "C", "D", "E")
    #                               A  B  AB C  D  E  CDE root
    assert nodes.parent.tolist() == [2, 2, 7, 6, 6, 6, 7, -1]
    np.testing.assert_array_equal(nodes.length, [1, 2, 3, 4, 5, 6, 7, np.nan])


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.integers(0, 2**32))
def test_the_same_tree_as_scikit_bio(num_tips: int, seed: int) -> None:
    text = random_newick(num_tips, seed)
    nodes, tree = parse(text), TreeNode.read(io.StringIO(text))
    expected = list(tree.postorder(include_self=True))
    number_of = {id(node): number for number, node in enumerate(expected)}
    assert nodes.parent.tolist() == [number_of[id(n.parent)] if n.parent else -1 for n in expected]
    assert list(nodes.names) == [tip.name for tip in tree.tips()]
    np.testing.assert_array_equal(nodes.length, [np.nan if n.length is None else n.length for n in expected])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A_b", "A_b"),
        ("'A_b c'", "A_b c"),
        ("'it''s'", "it's"),
        ("''''", "'"),
        ("'a(b),c:d;[e]'", "a(b),c:d;[e]"),
        (" A b ", "A b"),
        ("\n  A\t", "A"),
        ("Ä-β.1|x#", "Ä-β.1|x#"),
        ("[before]A[after [nested ' ] ; ]", "A"),
        ("0012", "0012"),
        ("1e5", "1e5"),
    ],
)
def test_names(written: str, name: str) -> None:
    nodes = parse(f"({written}:1,B:2);")
    assert nodes.names == (name, "B")
    assert nodes.length.tolist()[:2] == [1, 2]


def test_what_is_written_at_inner_nodes_is_ignored() -> None:
    plain = parse("((A:1,B:2):3,C:4);")
    for label in ("0.95", "'a clade'", "x_y z", "[&support=1]", " \n ", "99/0.8"):
        nodes = parse(f"[&R] ((A:1,B : 2){label}:3[50],C:4){label}:0.5 ; \n")
        assert nodes.names == plain.names
        assert nodes.parent.tolist() == plain.parent.tolist()
        assert nodes.length.tolist() == [1, 2, 3, 4, 0.5]


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("<html>(A,B);", "line 1, column 1", "starts with '<html>(A,B);', not with '('"),
        ("\n #NEXUS\nbegin trees;", "line 2, column 2", "starts with '#NEXUS"),
        ("A;", "line 1, column 1", "starts with 'A;'"),
        ("(A,B)", "line 1, column 6", "';' is missing"),
        ("(A,\nB", "line 2, column 2", "the text ends, but 1 '(' are not closed"),
        ("((A:1,B:", "line 1, column 9", "the text ends, but 2 '(' are not closed"),
        ("((A,B);", "line 1, column 7", "the tree ends, but 1 '(' are not closed"),
        ("(A,B));", "line 1, column 6", "')' outside of all parentheses"),
        ("(A,B),C;", "line 1, column 6", "',' outside of all parentheses"),
        ("(A,B)(C,D);", "line 1, column 6", "'(' after ')'"),
        ("(A,\n,B);", "line 2, column 1", "a tip has no name"),
        ("(A,'');", "line 1, column 4", "a tip has no name"),
        ("();", "line 1, column 2", "a tip has no name"),
        ("(A:1:2,B);", "line 1, column 5", "unexpected ':'"),
        ("(A:1_0,B);", "line 1, column 5", "unexpected '_'"),
        ("(A:one,B);", "line 1, column 4", "'one' is not a branch length"),
        ("('A'x,B);", "line 1, column 5", "unexpected 'x'"),
        ("(it's,B);", "line 1, column 4", "a quote inside a name, or not closed"),
        ("(A,'B);", "line 1, column 4", "a quote inside a name, or not closed"),
        ("(A,B[a [b] c);", "line 1, column 5", "a comment is not closed"),
        ("(A,B]);", "line 1, column 5", "unexpected ']'"),
        ("(A,B); and\nmore", "line 1, column 8", "text after the end of the tree"),
        ("[a\nb](A,B;", "line 2, column 7", "the tree ends, but 1 '(' are not closed"),
    ],
)
def test_mistakes_have_a_place(text: str, place: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"t.nwk: not a newick tree ({place}: {why}")


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "x" * 10_000
    assert parse(f"({name},B);").names == (name, "B")
    with pytest.raises(InputError, match="a name has 10,001 characters, 10,000 at most"):
        parse(f"({name}x,B);")
    monkeypatch.setenv("AAM_LIMITS", "tree_tips=3")
    assert len(parse("(A,B,C);").names) == 3
    with pytest.raises(InputError, match=r"t\.nwk: more than 3 tips; leave out"):
        parse("(A,B,(C,D));")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300_000,
        "(" * 300_000 + "A",
        "(" + "A" * 300_000,
        "(" + " " * 300_000 + "'",
        "('" + "''" * 300_000,
        "(A" + "[" * 300_000,
        "(A" + "[x]" * 100_000,
        "(A:" + "1" * 300_000,
        "(A" * 300_000,
        "(A,B)" + ")" * 300_000,
        "(A,B);" + "'" * 300_001,
    ],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(InputError):
        parse(text)
    assert time.monotonic() - start < 5


def test_a_deep_tree() -> None:
    nodes = parse(ladder(20_000))
    assert len(nodes.names) == 20_000
    assert nodes.parent[:3].tolist() == [2, 2, 4]


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["ladder", "balanced"])
def test_a_million_tips(shape: str) -> None:
    num_tips = 1_000_000
    text = ladder(num_tips) if shape == "ladder" else _balanced(num_tips)
    start = time.process_time()
    nodes = parse(text)
    assert time.process_time() - start < 10
    assert len(nodes.names) == num_tips
    assert len(nodes.parent) == 2 * num_tips - 1


def _balanced(num_tips: int) -> str:
    clades = [f"t{i}:0.1" for i in range(num_tips)]
    while len(clades) > 1:
        odd = clades[len(clades) // 2 * 2 :]
        clades = [f"({a},{b}):0.1" for a, b in zip(clades[::2], clades[1::2], strict=False)] + odd
    return clades[0] + ";"
