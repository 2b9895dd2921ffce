"""AnnData files are read by its own package, by TreeData's, and by AAM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.data.readers.metadata import read_metadata
from aam.data.readers.table import read_raw_table
from aam.files.annotated import held
from aam.files.annotated_writing import Annotated, Frame, graph_of, typed, write_annotated
from aam.phylogeny.tree import read_tree
from tests.factories import random_counts, random_sequences

ASVS = random_sequences(4)
IDS = ["s1", "s2", "s3"]
COUNTS = random_counts(3, 4)
OBS = {"age": np.array([1.5, np.nan, 3.0]), "site": ["gut", "", "skin"], "ill": np.array([True, False, True])}
PROBABILITY = Frame(IDS, {"gut": np.array([0.5, 0.25, 1.0]), "a/b": np.array([0.5, 0.75, 0.0])})
# Parents of the tips 0, 1, 3 and 4, of the node above two of them, and of the root.
PARENT, LENGTH = np.array([2, 2, 5, 5, 5, -1]), np.array([1.0, 2.0, 0.5, 3.0, 4.0, 0.0])
TIPS = dict(zip([0, 1, 3, 4], ASVS, strict=True))


def content(trees: bool = False) -> Annotated:
    return Annotated(
        values=csr_array(COUNTS),
        obs=Frame(IDS, OBS),
        var=Frame(ASVS, {"taxon": ["x", "", "y", "z"]}),
        obsm={"X_aam": np.arange(6.0).reshape(3, 2), "probability": PROBABILITY},
        varm={"X_aam": np.ones((4, 2), dtype=np.float32)},
        layers={"effect": COUNTS / 2},
        uns={"aam": {"version": "1", "targets": ["age"], "none": [], "level": 0.9, "more": {"n": 3}}},
        trees={"phylogeny": graph_of(PARENT, LENGTH, TIPS)} if trees else {},
    )


def check(read) -> None:
    np.testing.assert_array_equal(read.X.toarray(), COUNTS)
    assert (read.obs_names.tolist(), read.var_names.tolist()) == (IDS, ASVS)
    np.testing.assert_array_equal(read.obs["age"], OBS["age"])
    assert (read.obs["site"].tolist(), read.obs["ill"].tolist()) == (OBS["site"], [True, False, True])
    assert read.var["taxon"].tolist() == ["x", "", "y", "z"]
    np.testing.assert_array_equal(read.obsm["X_aam"], np.arange(6.0).reshape(3, 2))
    assert read.obsm["probability"].columns.tolist() == ["gut", "a|b"]
    np.testing.assert_array_equal(read.obsm["probability"]["gut"], [0.5, 0.25, 1.0])
    np.testing.assert_array_equal(read.varm["X_aam"], np.ones((4, 2)))
    np.testing.assert_array_equal(read.layers["effect"], COUNTS / 2)
    found = read.uns["aam"]
    assert (found["version"], list(found["targets"]), list(found["none"])) == ("1", ["age"], [])
    assert (found["level"], found["more"]["n"]) == (0.9, 3)


def test_anndata_reads_all_of_it(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    write_annotated(tmp_path / "t.h5ad", content())
    check(anndata.read_h5ad(tmp_path / "t.h5ad"))


def test_treedata_reads_the_tree(tmp_path: Path) -> None:
    treedata = pytest.importorskip("treedata")
    write_annotated(tmp_path / "t.h5td", content(trees=True))
    found = treedata.read_h5td(tmp_path / "t.h5td")
    check(found)
    tree = found.vart["phylogeny"]
    (root,) = (node for node in tree if tree.in_degree(node) == 0)
    depths = {root: 0.0}
    for up, down, size in tree.edges(data="length"):
        depths[down] = depths[up] + size
    assert {name: depths[name] for name in ASVS} == dict(zip(ASVS, [1.5, 2.5, 3.0, 4.0], strict=True))


def test_aam_reads_its_own(tmp_path: Path) -> None:
    path = tmp_path / "t.h5td"
    write_annotated(path, content(trees=True))
    np.testing.assert_array_equal(read_raw_table(path).counts.toarray(), COUNTS)
    assert read_metadata(path).columns["site"].tolist() == OBS["site"]
    assert held(path) == (True, True)
    tree = read_tree(path)
    found = dict(zip(tree.names, tree.root_distances()[tree.tips], strict=True))
    assert found == dict(zip(ASVS, [1.5, 2.5, 3.0, 4.0], strict=True))


def test_the_same_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_annotated(tmp_path / name, content(trees=True))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_names_that_hdf5_lacks_are_changed(tmp_path: Path) -> None:
    names = {"a/b": ["x"], "a|b": ["y"], "_index": ["z"], "": ["w"], "..": ["v"]}
    values = csr_array(np.ones((1, 1)))
    write_annotated(tmp_path / "t", Annotated(values=values, obs=Frame(["s"], names), var=Frame(["ACGTACGTAC"])))
    assert {name: cells.tolist() for name, cells in read_metadata(tmp_path / "t").columns.items()} == {
        "a|b": ["x"],
        "a|b_": ["y"],
        "_index_": ["z"],
        "_": ["w"],
        ".._": ["v"],
    }


@pytest.mark.parametrize("cells", [["0012", "3"], ["NA", "1"], ["", ""], ["1E5x", "2"], ["+1", "2"]])
def test_texts_stay_texts(cells: list[str]) -> None:
    assert typed(cells) == cells


def test_plain_numbers_become_numbers() -> None:
    np.testing.assert_array_equal(typed(["1", "", "-2.50", "1e-05"]), [1.0, np.nan, -2.5, 1e-05])
