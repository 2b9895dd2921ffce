"""`aam explain` through the command line: the page, the figures and the files for iTOL; and the same in Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from skbio import TreeNode

import aam
from aam.data.readers.taxonomy import read_taxonomy
from aam.evaluation.prediction_table import read_columns
from aam.workflows.explain.show import coloured_taxa
from tests.program import run_command
from tests.report.pages import Page, check_self_contained

GENERA = ("Blautia", "Dorea", "Roseburia", "Bifidobacterium")


@pytest.fixture(scope="module")
def model(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "forest"
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "output_dir": folder}
    options = {"metadata_column": "gradient", "learners": "forest", "test_size": 0.3, "group_column": "subject"}
    assert run_command("train", "--no-report", **inputs, **options, small=False) == 0
    return folder


@pytest.fixture(scope="module")
def taxonomy(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four genera; ASVs are named by where they are in the tree."""
    tips = [tip.name for tip in TreeNode.read(str(study / "tree.nwk"), convert_underscores=False).tips()]
    lines = [
        f"{name}\td__Bacteria; p__Firmicutes; c__C; o__O; f__F{genus}; g__{GENERA[genus]}"
        for name, genus in ((name, place * 4 // len(tips)) for place, name in enumerate(tips))
    ]
    path = tmp_path_factory.mktemp("taxonomy") / "taxonomy.tsv"
    path.write_text("\n".join(["Feature ID\tTaxon", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def explained(study: Path, model: Path, taxonomy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained") / "out"
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "taxonomy": taxonomy}
    flags = {"output_dir": folder, "model": model, "tree": study / "tree.nwk"}
    assert run_command("explain", **inputs, **flags, small=False) == 0
    return folder


def test_the_page_names_taxa_and_says_what_was_held_out(explained: Path) -> None:
    page = Page(explained / "report.html")
    check_self_contained(page)
    assert "Predicts gradient to within" in page.words
    assert "whose subject it has never seen" in page.words
    assert "of 4 genera" in page.words
    assert "aam explain" in page.words


def test_figures_are_files_too(explained: Path) -> None:
    names = {path.stem for path in (explained / "figures").iterdir()}
    assert {"effects-genus", "effects-asv", "effects-clade", "shares", "heat-map", "effects-by-sample", "tree"} <= names
    assert all(path.read_bytes().startswith(b"%PDF") for path in (explained / "figures").iterdir())


def test_the_tree_has_the_asvs_as_tips(explained: Path, study: Path) -> None:
    tree = TreeNode.read(str(explained / "itol" / "tree.nwk"), convert_underscores=False)
    given = TreeNode.read(str(study / "tree.nwk"), convert_underscores=False)
    asvs = read_columns(explained / "asvs.tsv")["feature-id"]
    assert {tip.name for tip in tree.tips()} == set(map(str, asvs))
    first, last = sorted(map(str, asvs))[:2]
    before = given.find(first).distance(given.find(last))
    assert tree.find(first).distance(tree.find(last)) == pytest.approx(before)
    names = {path.name for path in (explained / "itol").iterdir()}
    assert {"itol_effects_removal.txt", "itol_taxa.txt", "itol_clades_removal.txt"} <= names


def test_the_same_in_python(explained: Path, study: Path, model: Path, taxonomy: Path) -> None:
    options = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "taxonomy": taxonomy}
    found = aam.explain(model=model, tree=study / "tree.nwk", progress=False, **options)
    sentences = found.summary
    page = Page(explained / "report.html")
    assert all(sentence.replace(" %", "\u00a0%") in page.source.replace("&#39;", "'") for sentence in sentences[:2])
    figures = found.figures
    assert set(figures) == {path.stem for path in (explained / "figures").iterdir()}
    assert all(isinstance(figure, Figure) for figure in figures.values())


def test_taxa_that_colour_are_of_a_rank_with_few(taxonomy: Path) -> None:
    lineages = ["; ".join(ranks) for ranks in read_taxonomy(taxonomy).lineages.values()]
    assert set(coloured_taxa(lineages)) == {"f__F0", "f__F1", "f__F2", "f__F3"}
    many = [f"d__B; p__P{place % 2}; c__C{place}; o__O{place}; f__F{place}" for place in range(40)]
    assert set(coloured_taxa(many)) == {"p__P0", "p__P1"}
    assert coloured_taxa(["", ""]) == ["", ""]
