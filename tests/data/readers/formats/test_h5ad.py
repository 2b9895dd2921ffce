"""AnnData and TreeData as tables, metadata and trees; written by hand to the specification, and by their packages."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from aam.config import TableOptions
from aam.data.counts import blocks
from aam.data.readers.metadata import read_metadata
from aam.data.readers.table import read_raw_table, read_table
from aam.files import hdf5, scratch
from aam.files.annotated import held
from aam.phylogeny.tree import read_tree
from tests.factories import random_counts, random_sequences
from tests.foreign_files import NAN, graph, write_h5ad

SEQUENCES = random_sequences(30)
NAMES = [f"s{number:02d}" for number in range(24)]
COUNTS = random_counts(24, 30)
KINDS = ("csr", "csc", "dense")
OBS = {
    "age": [1.5, NAN, 3.0],
    "site": {"codes": np.array([1, -1, 0], dtype=np.int8).tolist(), "categories": ["gut", "skin"]},
    "reads": {"values": [7, 0, 9], "mask": [False, True, False]},
    "ill": [True, False, True],
    "subject": ["p1", "p2", ""],
}


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_layout_gives_the_counts(tmp_path, monkeypatch, kind: str, on_disk: bool) -> None:
    path = write_h5ad(tmp_path / "t.h5ad", COUNTS, NAMES, SEQUENCES, kind)
    if on_disk:
        monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
        for module in (scratch, hdf5):
            monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
        for module in (scratch, hdf5, blocks):
            monkeypatch.setattr(module, "BLOCK", 10)
    found = read_raw_table(path)
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    assert scratch.is_on_disk(found.counts.data) == on_disk
    assert (found.sample_ids, found.asv_ids, found.notes, found.layer) == (NAMES, SEQUENCES, (), "X")


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_named(tmp_path: Path, kind: str) -> None:
    layers = {"doubled": COUNTS * 2}
    path = write_h5ad(tmp_path / "t.h5ad", COUNTS, NAMES, SEQUENCES, kind, layers=layers, raw=COUNTS * 3)
    for layer, times in ((None, 1), ("X", 1), ("doubled", 2), ("raw", 3)):
        np.testing.assert_array_equal(read_raw_table(path, layer).counts.toarray(), COUNTS * times)
    note = "the counts are those of X; also there: raw, doubled (--table-layer)"
    assert read_raw_table(path).notes == (note,)
    assert read_table(TableOptions(table=(path,), table_layer="raw")).counts.sum() == 3 * COUNTS.sum()


def test_the_only_matrix_needs_no_name(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path / "t.h5ad", None, NAMES, SEQUENCES, layers={"counts": COUNTS})
    assert read_raw_table(path).layer == "counts"


def test_dna_is_a_column_of_var(tmp_path: Path) -> None:
    ids = [f"asv{number}" for number in range(30)]
    path = write_h5ad(tmp_path / "t.h5ad", COUNTS, NAMES, ids, var={"Sequence": [text.lower() for text in SEQUENCES]})
    found = read_table(TableOptions(table=(path,)))
    assert dict(zip(found.asv_ids, found.sequences, strict=True)) == dict(zip(ids, SEQUENCES, strict=True))
    assert found.notes == ("t.h5ad: the DNA of the ASVs is var's column 'Sequence'",)


def test_obs_is_metadata(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path / "t.h5ad", COUNTS[:3], NAMES[:3], SEQUENCES, obs=OBS)
    found = read_metadata(path)
    assert found.sample_ids.tolist() == NAMES[:3]
    assert {name: cells.tolist() for name, cells in found.columns.items()} == {
        "age": ["1.5", "", "3.0"],
        "site": ["skin", "", "gut"],
        "reads": ["7", "", "9"],
        "ill": ["True", "False", "True"],
        "subject": ["p1", "p2", ""],
    }


def test_categories_of_version_07_are_read(tmp_path: Path) -> None:
    import h5py

    path = write_h5ad(tmp_path / "t.h5ad", COUNTS[:2], NAMES[:2], SEQUENCES, obs={"site": [1, 0]})
    with h5py.File(path, "r+") as file:
        file["obs/__categories/site"] = np.array(["gut", "skin"], dtype="S4")
    assert read_metadata(path).columns["site"].tolist() == ["skin", "gut"]


def test_odd_columns_are_left_out(tmp_path: Path) -> None:
    obs = {"odd": {"some": [1], "thing": [2]}, "age": [1.0, 2.0]}
    found = read_metadata(write_h5ad(tmp_path / "t.h5ad", COUNTS[:2], NAMES[:2], SEQUENCES, obs=obs))
    assert list(found.columns) == ["age"]
    assert found.notes == ("1 column of obs left out, neither texts nor numbers: odd",)


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path / "t.h5ad", COUNTS[:3], NAMES[:3], SEQUENCES, obs=OBS)
    packed = tmp_path / "t.h5ad.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_raw_table(packed).counts.toarray(), COUNTS[:3])
    assert list(read_metadata(packed).columns) == list(OBS)


def test_a_tree_is_that_of_vart(tmp_path: Path) -> None:
    a, b, c = SEQUENCES[:3]
    trees = {"t": graph({"root": {"n": 0.5, c: 3.0}, "n": {a: 1.0, b: 2.0}})}
    path = write_h5ad(tmp_path / "t.h5td", COUNTS[:, :3], NAMES, SEQUENCES[:3], trees=trees)
    (tmp_path / "t.nwk").write_text(f"[&R](({a}:1,{b}:2):0.5,{c}:3);")
    found, expected = read_tree(path), read_tree(tmp_path / "t.nwk")
    for tree in (found, expected):
        assert set(tree.names) == {a, b, c}
    depths = [dict(zip(tree.names, tree.root_distances()[tree.tips], strict=True)) for tree in (found, expected)]
    assert depths[0] == depths[1] == {a: 1.5, b: 2.5, c: 3.0}


def test_branches_may_be_depths_of_nodes(tmp_path: Path) -> None:
    depths = {"root": 0.0, "n": 0.5, "a": 2.0, "b": 1.0, "c": 4.0}
    edges = {"root": {"n": {}, "c": {}}, "n": {"a": {}, "b": {}}}
    trees = {"t": {"edges": edges, "nodes": {name: {"depth": depth} for name, depth in depths.items()}}}
    found = read_tree(write_h5ad(tmp_path / "t.h5td", COUNTS[:, :3], NAMES, list("abc"), trees=trees))
    assert dict(zip(found.names, found.root_distances()[found.tips], strict=True)) == {"a": 2.0, "b": 1.0, "c": 4.0}


def test_what_a_file_holds_is_seen(tmp_path: Path) -> None:
    tree = {"t": graph({"r": dict.fromkeys(SEQUENCES, 1.0)})}
    plain = write_h5ad(tmp_path / "a.h5ad", COUNTS, NAMES, SEQUENCES)
    full = write_h5ad(tmp_path / "b.h5ad", COUNTS[:3], NAMES[:3], SEQUENCES, obs=OBS, trees=tree)
    two = write_h5ad(tmp_path / "c.h5ad", COUNTS, NAMES, SEQUENCES, trees={**tree, "u": tree["t"]})
    assert [held(path) for path in (plain, full, two, tmp_path / "no.h5ad")] == [
        (False, False),
        (True, True),
        (False, False),
        (True, False),
    ]


def test_anndata_writes_what_is_read(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    import pandas
    import scipy.sparse

    obs = pandas.DataFrame(
        {"age": [1.5, np.nan], "site": pandas.Categorical(["gut", None]), "n": pandas.array([1, None], dtype="Int64")},
        index=pandas.Index(NAMES[:2], dtype=object),
    )
    var = pandas.DataFrame(index=pandas.Index(SEQUENCES, dtype=object))
    content = anndata.AnnData(scipy.sparse.csr_matrix(COUNTS[:2].astype(np.float32)), obs=obs, var=var)
    content.layers["columns"] = scipy.sparse.csc_matrix(COUNTS[:2] * 2)
    content.layers["dense"] = COUNTS[:2] * 3
    content.write_h5ad(tmp_path / "t.h5ad")
    for layer, times in ((None, 1), ("columns", 2), ("dense", 3)):
        np.testing.assert_array_equal(read_raw_table(tmp_path / "t.h5ad", layer).counts.toarray(), COUNTS[:2] * times)
    columns = {name: cells.tolist() for name, cells in read_metadata(tmp_path / "t.h5ad").columns.items()}
    assert columns == {"age": ["1.5", ""], "site": ["gut", ""], "n": ["1", ""]}


def test_treedata_writes_what_is_read(tmp_path: Path) -> None:
    treedata, networkx = pytest.importorskip("treedata"), pytest.importorskip("networkx")
    import pandas

    tree = networkx.DiGraph()
    tree.add_weighted_edges_from([("root", "n", 0.5), ("n", "a", 1.0), ("n", "b", 2.0), ("root", "c", 3.0)], "length")
    var = pandas.DataFrame(index=list("abc"))
    content = treedata.TreeData(COUNTS[:2, :3].astype(np.float32), var=var, vart={"phylogeny": tree})
    content.write_h5td(tmp_path / "t.h5td")
    found = read_tree(tmp_path / "t.h5td")
    assert dict(zip(found.names, found.root_distances()[found.tips], strict=True)) == {"a": 1.5, "b": 2.5, "c": 3.0}
    np.testing.assert_array_equal(read_raw_table(tmp_path / "t.h5td").counts.toarray(), COUNTS[:2, :3])
