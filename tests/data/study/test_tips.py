from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.study.study import load_study
from aam.data.study.summary import describe
from aam.data.study.tips import tips_of
from aam.errors import InputError
from aam.phylogeny.tree import Tree, read_tree
from tests.data.study_files import make_study, write_study


def tips(ids: list[str], text: str, tmp_path: Path) -> tuple[list[str | None], tuple[str, ...]]:
    """The tip of each of some ASVs on a tree."""
    (tmp_path / "t.nwk").write_text(text)
    table = make_study(np.ones((1, len(ids)), dtype=int)).table
    object.__setattr__(table, "asv_ids", np.array(ids, dtype=object))
    found, notes = tips_of(table, read_tree(tmp_path / "t.nwk", "given"))
    return found.tolist(), notes


@pytest.mark.parametrize(
    ("ids", "text", "expected", "number"),
    [
        (["a b", "c_d", "e"], "(a_b:1,'c d':1,e:1);", ["a_b", "c d", "e"], 2),
        (["a b"], "('a b':1,a_b:1);", ["a b"], 0),
        (["a_b", "a b"], "(a_b:1,c:1);", ["a_b", "a_b"], 1),
        (["a b c"], "('a b_c':1,a_b_c:1);", [None], 0),
        (["a b", "a b"], "(a_b:1,c:1);", [None, None], 0),
        (["x"], "(a_b:1,c:1);", [None], 0),
    ],
)
def test_blanks_and_underscores(
    ids: list[str], text: str, expected: list[str | None], number: int, tmp_path: Path
) -> None:
    found, notes = tips(ids, text, tmp_path)
    assert found == expected
    words = f"{number} ASV{'' if number == 1 else 's'} found by reading _ in names as a blank, as in Newick"
    assert notes == ((words,) if number else ())


def test_what_was_changed_in_a_tree_is_said(tmp_path: Path) -> None:
    files = write_study(tmp_path)
    tree: Tree = read_tree(tmp_path / "tree.nwk")
    text = (tmp_path / "tree.nwk").read_text()
    first = text.index(":") + 1
    (tmp_path / "tree.nwk").write_text(f"{text[:first]}-{text[first:]}")
    with pytest.raises(InputError, match=r"1 branch is negative .*; --clip-negative-branches sets them to 0"):
        load_study(files.table(), files.study(), None, None)
    study = load_study(files.table(), files.study(clip_negative_branches=True), None, None)
    assert study.tree is not None
    assert study.tree.length.sum() == pytest.approx(tree.length.sum() - tree.length[0])
    (said,) = (line for line in describe(study) if "negative" in line)
    assert said.startswith("tree.nwk: 1 negative branch is set to 0 (largest -0.")
