"""The files for iTOL by the rules of its templates: https://itol.embl.de/help.cgi ("Dataset types")."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from skbio import TreeNode

from aam.learners.clades import Clades
from aam.report.itol import clades_newick, itol_files, safe_names, write_itol
from tests.report.explanations import PARENT, make_effects, make_view

ODD = ("a\tb", "a b", "it's (1)|x", "#d", "d")
KINDS = {"DATASET_SIMPLEBAR": 2, "DATASET_COLORSTRIP": 3, "TREE_COLORS": 5, "LABELS": 2}
"""Kind of a file -> cells of its rows."""


def parse(text: str) -> tuple[str, dict[str, list[str]], list[list[str]]]:
    """A file by the rules: its kind, the separator, settings, then rows; lines with a hash first are comments."""
    kind, separator, *lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert separator == "SEPARATOR TAB"
    start = lines.index("DATA")
    settings = {name: values for name, *values in (line.split("\t") for line in lines[:start])}
    return kind, settings, [line.split("\t") for line in lines[start + 1 :]]


def files(ids: tuple[str, ...] = ("asv0", "asv1", "asv2", "asv3")) -> dict[str, str]:
    view = make_view()
    effects = [dataclasses.replace(view.effects[1], names=ids), view.effects[2]]
    taxa = ["Firmicutes", "Firmicutes", "Actinobacteria", ""]
    labels = ["Blautia\tx", "#Dorea", "<b>", "d"]
    clades = Clades(PARENT, np.arange(4), np.arange(1.0, 8.0))
    return itol_files(clades, ids, effects, labels, taxa)


@pytest.mark.parametrize("ids", [("asv0", "asv1", "asv2", "asv3"), ODD[:4]])
def test_every_file_follows_its_template(ids: tuple[str, ...]) -> None:
    found = files(ids)
    tree = TreeNode.read([found.pop("tree.nwk")], convert_underscores=False)
    names = {node.name for node in tree.traverse() if node.name}
    assert len(list(tree.tips())) == 4
    for text in found.values():
        kind, settings, rows = parse(text)
        assert rows
        assert {len(row) for row in rows} == {KINDS[kind]}
        assert {row[0] for row in rows} <= names
        colours = [cell for row in rows for cell in row if re.fullmatch(r"#[0-9a-fA-F]{6}", cell)]
        assert len(colours) == (0 if kind in ("DATASET_SIMPLEBAR", "LABELS") else len(rows))
        if kind.startswith("DATASET"):
            assert set(settings) >= {"DATASET_LABEL", "COLOR"}
        if kind == "DATASET_COLORSTRIP":
            assert len(settings["LEGEND_SHAPES"]) == len(settings["LEGEND_COLORS"]) == len(settings["LEGEND_LABELS"])


def test_bars_strips_and_clades_say_what_was_found() -> None:
    found = files()
    _, _, bars = parse(found["itol_effects_removal.txt"])
    assert {name: float(value) for name, value in bars} == {"asv0": 1.0, "asv1": 0.5, "asv2": -1.0, "asv3": 0.05}
    _, _, signs = parse(found["itol_signs_removal.txt"])
    assert [row[2] for row in signs] == ["raises", "raises", "lowers", "unclear"]
    _, _, clades = parse(found["itol_clades_removal.txt"])
    assert [(row[0], row[1]) for row in clades] == [("clade-4", "clade"), ("clade-5", "clade")]
    assert clades[0][2] != clades[1][2]
    _, settings, strip = parse(found["itol_taxa.txt"])
    assert [row[0] for row in strip] == ["asv0", "asv1", "asv2"]
    assert settings["LEGEND_LABELS"] == ["Actinobacteria", "Firmicutes"]


def test_each_class_has_files_of_its_own() -> None:
    effects = make_effects(np.ones((4, 2)), "asv", names=("a", "b", "c", "d"), outputs=("gill", "mid gut/x"))
    found = itol_files(Clades(PARENT, np.arange(4)), ("a", "b", "c", "d"), [effects])
    assert {"itol_effects_removal_gill.txt", "itol_effects_removal_mid-gut-x.txt"} <= set(found)


def test_odd_ids_become_safe_and_stay_different() -> None:
    names = safe_names(ODD, reserved=["a-b"])
    assert len(set(names)) == len(ODD)
    assert "a-b" not in names
    assert names[-1] == "d"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    assert safe_names(["x_1", "y.2"]) == ("x_1", "y.2")


def test_asvs_of_one_node_are_tips_below_it() -> None:
    clades = Clades(PARENT, np.array([0, 0, 2, -1, 3]), np.arange(1.0, 8.0))
    tree = TreeNode.read([clades_newick(clades, ["a", "b", "c", "left out", "e"])])
    assert {tip.name for tip in tree.tips()} == {"a", "b", "c", "e"}
    assert {tip.name for tip in tree.find("clade-4").tips()} == {"a", "b"}
    assert tree.find("a").distance(tree.find("b")) == 0
    assert tree.find("a").distance(tree.find("c")) == pytest.approx(1 + 5 + 6 + 3)


def test_files_are_written(tmp_path: Path) -> None:
    write_itol(tmp_path, files())
    assert (tmp_path / "tree.nwk").read_text().startswith("(")
    assert len(list(tmp_path.iterdir())) == 6
