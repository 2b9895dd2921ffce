"""Bad trees (rows P of the matrix)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aam.config import StudyOptions, TableOptions
from aam.config.sections import Root
from aam.data.study.study import load_study
from aam.phylogeny.tree import Tree, read_tree
from tests.badinputs.cases import Read, bad, bad_rows, odd, odd_rows
from tests.factories import random_sequences, write_qza, write_tsv
from tests.phylogeny.random_trees import ladder

FORMAT = "give one tree in Newick format"
LENGTHS = "make the tree again with branch lengths"
ROOTED = "--root midpoint roots it, --root given believes its root"


def tree(folder: Path, content: str | bytes, root: Root = "auto") -> Read:
    path = folder / "t.nwk"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: read_tree(path, root)


def study(folder: Path, tips: list[str], missing_tips: Literal["error", "drop"] = "error") -> Read:
    """Four ASVs, and a tree that has some of them."""
    sequences = sorted(random_sequences(4))
    write_tsv(folder / "t.tsv", [[1, 2, 3, 4], [4, 3, 2, 1]], ["s1", "s2"], sequences)
    (folder / "t.nwk").write_text(f"({tips[0]}:1,({','.join(f'{tip}:1' for tip in tips[1:])}):1);")
    options = StudyOptions(tree=folder / "t.nwk", missing_tips=missing_tips)
    return lambda: load_study(TableOptions(table=(folder / "t.tsv",)), options, None, None)


@bad("P7 unrooted archive", f"t.qza: holds Phylogeny[Unrooted]: the tree is not rooted; {ROOTED}")
def _(folder: Path) -> Read:
    write_qza(folder / "t.qza", "Phylogeny[Unrooted]", b"(A:1,B:1,C:1);", "tree.nwk")
    return lambda: read_tree(folder / "t.qza")


def named(read: Read, names: set[str]) -> Read:
    """What reads a tree, and fails if its tips have other names."""

    def act() -> object:
        found = read()
        assert isinstance(found, Tree)
        assert set(found.names) == names
        return found

    return act


@odd("P7 an unrooted archive, to be rooted")
def _(folder: Path) -> Read:
    write_qza(folder / "t.qza", "Phylogeny[Unrooted]", b"(A:1,B:1,C:1);", "tree.nwk")
    return lambda: read_tree(folder / "t.qza", "midpoint")


@bad("P7 another archive", "t.qza: holds DistanceMatrix, a Phylogeny[Rooted] is needed")
def _(folder: Path) -> Read:
    write_qza(folder / "t.qza", "DistanceMatrix", b"x")
    return lambda: read_tree(folder / "t.qza")


@odd("P10 names with everything in them")
def _(folder: Path) -> Read:
    text = "\ufeff((a_b:1,'c d, (e);':1)0.97:1,\r\n('it''s':1,\u00e9\u4e16 x:1)'99/1_0':1)root:0;\r\n"
    return named(tree(folder, text), {"a_b", "c d, (e);", "it's", "\u00e9\u4e16 x"})


# fmt: off
bad_rows(
    ("P1 empty", "t.nwk: the file is empty", tree, ""),
    ("P1 blank", "t.nwk: no tree in it: the file is blank", tree, " \n\t\n"),
    ("P1 HTML", f"t.nwk: not a newick tree (line 1, column 1: starts with '<html><he...', not with '('); {FORMAT}",
     tree, "<html><head><title>Not found; sorry</title></head></html>"),
    ("P1 NEXUS", "t.nwk: not a newick tree (line 1, column 1: starts with '#NEXUS?begin', not with '('); "
     "save it as Newick (in R: ape::write.tree)", tree, "#NEXUS\nbegin trees;\ntree a = (A:1,B:1);\nend;\n"),
    ("P1 binary", "t.nwk: not UTF-8 (byte 0xff at 1); save it as UTF-8", tree, b"(\xff\xfe\x00"),
    ("P1 no ;", f"t.nwk: not a newick tree (line 2, column 5: ';' is missing); {FORMAT}", tree, "(A:1,\nB:1)"),
    ("P1 cut", f"t.nwk: not a newick tree (line 1, column 11: the text ends, but 2 '(' are not closed); {FORMAT}",
     tree, "((A:1,B:1,"),
    ("P1 not closed",
     f"t.nwk: not a newick tree (line 1, column 11: the tree ends, but 1 '(' are not closed); {FORMAT}",
     tree, "((A:1,B:1);"),
    ("P1 not opened", f"t.nwk: not a newick tree (line 1, column 10: ')' outside of all parentheses); {FORMAT}",
     tree, "(A:1,B:1));"),
    ("P1 text after it", f"t.nwk: not a newick tree (line 2, column 1: text after the end of the tree); {FORMAT}",
     tree, "(A:1,B:1);\nthe end"),
    ("P1 no name", f"t.nwk: not a newick tree (line 1, column 6: a tip has no name); {FORMAT}", tree, "(A:1,:1);"),
    ("P2 two trees", "t.nwk: 2 trees found, one is needed; keep one of them", tree, "(A:1,B:1);\n('a;b':1,D:1);\n"),
    ("P3 missing tips", "t.nwk: 2 of 4 ASVs are not tips (first: <any>); --missing-tips drop leaves them out",
     study, [*sorted(random_sequences(4))[:2], "X"]),
    ("P3 no tips", "t.nwk: none of 4 ASVs is a tip (first ASV: <any>, first tip: X)", study, ["X", "Y", "Z"], "drop"),
    ("P4 duplicate", "t.nwk: duplicate tip 'ACGT' (2 times); each may occur only once",
     tree, "(ACGT:1,('ACGT':1,B:1):1);"),
    ("P4 duplicates", "t.nwk: duplicate tip 'A' (3 times; 2 such tips); each may occur only once",
     tree, "((A:1,A:1,A:1):1,(B:1,B:1):1);"),
    ("P5 negative",
     "t.nwk: 3 branches are negative (largest -0.01); --clip-negative-branches sets them to 0",
     tree, "((A:-0.01,B:1):-1e-9,(C:-0.001,D:1):1);"),
    ("P6 NaN", "t.nwk: branch of 'A' has length 'nan' (line 1, column 4); every branch needs a finite length",
     tree, "(A:nan,B:1);"),
    ("P6 too large",
     "t.nwk: an inner branch has length '1e999' (line 1, column 12); every branch needs a finite length",
     tree, "((A:1,B:1):1e999,C:1);"),
    ("P6 decimal comma", f"t.nwk: not a newick tree (line 1, column 4: '0.1.2' is not a branch length); {FORMAT}",
     tree, "(A:0.1.2,B:1);"),
    ("P6 absent", f"t.nwk: 2 branches have no length (first: that of 'B'); {LENGTHS}", tree, "((A:1,B):1,C:);"),
    ("P6 all absent", f"t.nwk: 4 branches have no length (first: that of 'A'); {LENGTHS}", tree, "((A,B),C);"),
    ("P6 absent at inner nodes", f"t.nwk: 1 branch has no length; {LENGTHS}",
     tree, "(((A:1,B:1),C:1):1,D:1);"),
    ("P6 absent at a polytomy", f"t.nwk: 2 branches have no length (first: that of 'E'); {LENGTHS}",
     tree, "[&R](A:1,B:1,(C:1,D:1),E);"),
    ("P7 unrooted", f"t.nwk: the tree is not rooted (3 branches meet at its root); {ROOTED}",
     tree, "(A:1,B:1,(C:1,D:1):1);"),
    ("P8 all 0", f"t.nwk: all branch lengths are 0: UniFrac is undefined; {LENGTHS}", tree, "((A:0,B:0):0.0,C:-0):5;"),
    ("P8 single tip", "t.nwk: has a single tip ('A'); distances need a tree of all ASVs",
     tree, "((A:1):2);", "midpoint"),
    ("P9 long name",
     "t.nwk: not a newick tree (line 1, column 2: a name has 1,000,000 characters, 10,000 at most are accepted); "
     f"{FORMAT}", tree, f"({'A' * 1_000_000}:1,B:1);"),
)
odd_rows(
    ("P7 an unrooted tree, to be rooted",
     lambda folder: named(tree(folder, "(A:1,B:1,(C:1,D:1):1);", "midpoint"), {"A", "B", "C", "D"})),
    ("P7 a rooted polytomy, believed",
     lambda folder: named(tree(folder, "(A:1,B:1,(C:1,D:1):1);", "given"), {"A", "B", "C", "D"})),
    ("P6 a branch at the root without a length",
     lambda folder: named(tree(folder, "((A:1,B:1)x,(C:1,D:1):1);"), {"A", "B", "C", "D"})),
    ("P9 a deep tree", tree, ladder(50_000)),
    ("P9 a deep tree of single children", tree, "(" * 50_000 + "A:1,B:1" + ")" * 50_000 + ";"),
    ("P9 nested comments",
     lambda folder: named(tree(folder, "[" * 5_000 + "]" * 5_000 + "(A[x[y]z'(]:1[;],B:1);"), {"A", "B"})),
)
# fmt: on
