"""Bad tables of other programs (rows G of the matrix): AnnData, TreeData, mothur, DADA2."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.data.readers.metadata import read_metadata
from aam.phylogeny.tree import read_tree
from tests.badinputs.cases import Read, bad_rows, odd_rows
from tests.badinputs.tables import ASVS, COUNTS, SAMPLES, reading, text
from tests.foreign_files import TEXT, graph, write_count_table, write_h5ad, write_shared

SHARED = "label\tGroup\tnumOtus\tOtu1\tOtu2\n"
COUNT_TABLE = "Representative_Sequence\ttotal\ts1\ts2\n"
COMPRESSED = f"#Compressed Format: groupIndex,abundance.\n#1,s1\t2,s2\n{COUNT_TABLE}"
HALVES = COUNTS / 2
TREE = graph({"root": {ASVS[0]: 1.0, "n": 0.5}, "n": {ASVS[1]: 1.0, ASVS[2]: 1.0}})


def h5ad(folder: Path, counts: Any = COUNTS, kind: str = "csr", layer: str | None = None, **parts: Any) -> Read:
    return reading(write_h5ad(folder / "t.h5ad", counts, SAMPLES, ASVS, kind, **parts), table_layer=layer)


def changed(folder: Path, name: str, values: Any, kind: str = "csr") -> Read:
    """A sound file in which one dataset is replaced; None takes it out."""
    read = h5ad(folder, kind=kind)
    with h5py.File(folder / "t.h5ad", "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values
    return read


def with_attribute(folder: Path, name: str, key: str, value: Any) -> Read:
    read = h5ad(folder)
    with h5py.File(folder / "t.h5ad", "r+") as file:
        file[name].attrs[key] = value
    return read


def obs(folder: Path, column: Any) -> Read:
    path = write_h5ad(folder / "t.h5ad", COUNTS, SAMPLES, ASVS, obs={"site": column})
    return functools.partial(read_metadata, path)


def tree(folder: Path, trees: dict[str, Any] | None) -> Read:
    path = write_h5ad(folder / "t.h5td", COUNTS, SAMPLES, ASVS, trees=trees)
    return functools.partial(read_tree, path)


def old_obs(folder: Path) -> Read:
    """AnnData before 0.7 kept its frames as tables."""
    read = changed(folder, "obs", None)
    with h5py.File(folder / "t.h5ad", "r+") as file:
        file["obs"] = np.array([("s1", 1)], dtype=[("index", "S2"), ("age", "i4")])
    return read


def labels(folder: Path, layer: str | None) -> Read:
    path = write_shared(folder / "t.shared", COUNTS, SAMPLES, ASVS, "0.01", "0.03")
    return reading(path, table_layer=layer)


def torn(folder: Path, write: Callable[..., Path], **options: Any) -> Read:
    path = write(folder / "t.tsv", COUNTS, SAMPLES, ASVS, **options)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:-1], lines[-1].rstrip().rpartition("\t")[0]]) + "\n")
    return reading(path)


# fmt: off
bad_rows(
    ("G1 other HDF5", "t.h5ad: HDF5 file without BIOM groups (missing 'sample/ids'); is it a BIOM 2.1 table?",
     changed, "var", None),
    ("G1 an early version", "t.h5ad: 'obs' is no group: the file is of an early AnnData; "
     "write it again with AnnData 0.8 or later", old_obs),
    ("G1 no matrix", "t.h5ad: holds no matrix (X, raw or layers); write the counts into X", h5ad, None),
    ("G2 no such layer", "t.h5ad: holds no matrix 'count'; did you mean counts?; --table-layer is one of X, counts",
     lambda folder: h5ad(folder, layers={"counts": COUNTS}, layer="count")),
    ("G2 several layers", "t.h5ad: holds 2 matrices (a, b); --table-layer a takes the first",
     lambda folder: h5ad(folder, None, layers={"a": COUNTS, "b": COUNTS})),
    ("G2 no reads in X", "t.h5ad: X does not hold reads, which are whole numbers; "
     "--table-layer names the matrix with the reads: counts",
     lambda folder: h5ad(folder, HALVES, layers={"counts": COUNTS})),
    ("G2 a layer of a table that has none", "t.biom: --table-layer raw: it has one table of counts; "
     "leave out --table-layer (it is for AnnData and mothur's .shared)",
     lambda folder: reading(text(folder, f"#OTU ID\ts1\n{ASVS[0]}\t1\n").args[0].table[0], table_layer="raw")),  # type: ignore[attr-defined]
    ("G3 fractions", "t.h5ad: 3 counts are fractional (first: sample s1, ASV ACGTACGTACGT: 0.5); "
     "give reads, not relative abundances", h5ad, HALVES + np.array([[0, 0, 0.5], [0, 0, 0]])),
    ("G3 dense fractions", "t.h5ad: 2 counts are fractional (first: sample s1, ASV ACGTACGTACGT: 0.5); "
     "give reads, not relative abundances", h5ad, HALVES, "dense"),
    ("G4 pointer", "t.h5ad: corrupt matrix: indptr[1] = 9 exceeds 4 stored values; make the table again",
     changed, "X/indptr", [0, 9, 4]),
    ("G4 index by columns", "t.h5ad: corrupt matrix: 1 indices out of range (first: 7, of 2 samples); "
     "make the table again", changed, "X/indices", [7, 0, 1, 1], "csc"),
    ("G4 no indices", "t.h5ad: 'X' is no sparse matrix that is read; write it as csr_matrix or dense",
     changed, "X/indices", None),
    ("G4 shape", "t.h5ad: corrupt table: 'X' is 9 x 3, but 2 sample ids and 3 ASV ids; write the file again",
     lambda folder: with_attribute(folder, "X", "shape", [9, 3])),
    ("G4 dense shape", "t.h5ad: corrupt table: 'X' is 1 x 3, but 2 sample ids and 3 ASV ids; write the file again",
     lambda folder: changed(folder, "X", COUNTS[:1], "dense")),
    ("G4 a link", "t.h5ad: 'X' is a link: external and soft links are not allowed",
     changed, "X", h5py.ExternalLink("t.h5ad", "/obs")),
    ("G4 no index", "t.h5ad: 'obs' does not say which of its columns are the ids (_index); "
     "write it again with AnnData 0.8 or later", lambda folder: with_attribute(folder, "obs", "_index", 7)),
    ("G4 index lacking", "t.h5ad: 'obs' lacks its column '_index'; write the file again", changed, "obs/_index", None),
    ("G5 no DNA", "t.h5ad: 1 of 2 cells of var's column 'sequence' are not DNA (first: asv2: AC-TACGTACG); "
     "give unaligned DNA, or rename the column",
     lambda folder: reading(write_h5ad(folder / "t.h5ad", COUNTS[:, :2], SAMPLES, ["asv1", "asv2"],
                                       var={"sequence": ["ACGTACGTAC", "AC-TACGTACG"]}))),
    ("G5 DNA lacking", "t.h5ad: 1 of 2 ASVs have no sequence (first: asv2); "
     "the files of --sequences must have all of them",
     lambda folder: reading(write_h5ad(folder / "t.h5ad", COUNTS[:, :2], SAMPLES, ["asv1", "asv2"],
                                       var={"sequence": ["ACGTACGTAC", ""]}))),
    ("G6 codes", "t.h5ad: corrupt column: codes of 'obs/site' are not places of its 1 categories; write the file again",
     obs, {"codes": [0, 1], "categories": ["gut"]}),
    ("G6 length", "t.h5ad: corrupt column: 'site' of obs has 1 values for 2 samples; write the file again",
     obs, ["gut"]),
    ("G6 mask", "t.h5ad: corrupt column: 'obs/site' has a mask of another length; "
     "write it again with AnnData 0.8 or later", obs, {"values": [1, 2], "mask": [True]}),
    ("G7 no tree", "t.h5td: holds no tree of ASVs (TreeData's 'vart'); give a tree as Newick", tree, None),
    ("G7 several trees", "t.h5td: holds 2 trees of ASVs (a, b), 1 is needed; "
     "leave one in vart, or give a tree as Newick", tree, {"a": TREE, "b": TREE}),
    ("G7 no graph", "t.h5td: damaged tree in 'vart': it has no nodes and edges; write the tree again with treedata",
     tree, {"a": {"edges": 7}}),
    ("G7 no length", "t.h5td: the branch above a has no length; give edges the attribute 'length', or nodes 'depth'",
     tree, {"t": {"edges": {"r": {"a": {}}}, "nodes": {"r": {}, "a": {}}}}),
    ("G7 two roots", "t.h5td: the tree has 2 roots, 1 is needed; it must be a rooted tree",
     tree, {"t": graph({"r": {"a": 1.0}, "q": {"b": 1.0}})}),
    ("G7 two parents", "t.h5td: node a of the tree has two parents; it must be a rooted tree",
     tree, {"t": graph({"r": {"a": 1.0, "b": 1.0}, "b": {"a": 1.0}})}),
    ("G7 a circle", "t.h5td: 2 nodes are not below the tree's root; write the tree again with treedata",
     tree, {"t": graph({"r": {"c": 1.0}, "a": {"b": 1.0}, "b": {"a": 1.0}})}),
    ("G8 labels", "t.shared: holds 2 labels (0.01, 0.03); --table-layer 0.01 takes the first", labels, None),
    ("G8 no such label", "t.shared: holds no label '0.05'; did you mean 0.03?; --table-layer is one of 0.01, 0.03",
     labels, "0.05"),
    ("G8 names", "t.tsv: 2 of 2 ASV ids are not DNA (first: Otu1); give the sequences with --sequences; "
     "aam rf-baseline (asv, clr) and --learners no-dna need no DNA", text, f"{SHARED}0.03\ts1\t2\t5\t1\n", "t.tsv"),
    ("G8 width", "t.tsv: line 3 has 5 cells, the header has 6; every line needs a count for each OTU",
     torn, write_shared),
    ("G8 word", "t.tsv: line 2: count 'many' (s1, Otu2) is not a number; write 0 where there are no reads",
     text, f"{SHARED}0.03\ts1\t2\t5\tmany\n", "t.tsv"),
    ("G8 no samples", "t.tsv: the table has 0 samples", text, SHARED, "t.tsv"),
    ("G9 totals alone", "t.tsv: a count_table of mothur without samples: it has totals alone; "
     "count.seqs with a group file writes the samples", text, "Representative_Sequence\ttotal\nx\t3\n", "t.tsv"),
    ("G9 width",
     "t.tsv: line 4 has 3 cells, the header has 4; every line needs a name, a total and a count for each sample",
     torn, write_count_table),
    ("G9 total", "t.tsv: 1 of 1 totals are not the sums of their lines (first: line 2: 9, and the samples have 3); "
     "the file is torn, or a group is lacking: make it again", text, f"{COUNT_TABLE}x\t9\t1\t2\n", "t.tsv"),
    ("G9 torn pairs", "t.tsv: 1 of 3 totals are not the sums of their lines "
     "(first: line 6: 4, and the samples have 0); the file is torn, or a group is lacking: make it again",
     lambda folder: torn(folder, write_count_table, compressed=True)),
    ("G9 pair", "t.tsv: line 4: '2' is no pair of a sample's number and a count; write the file again with mothur",
     text, f"{COMPRESSED}x\t3\t1,1\t2\n", "t.tsv"),
    ("G9 number", "t.tsv: line 4: no sample has the number 7; write the file again with mothur",
     text, f"{COMPRESSED}x\t3\t7,3\n", "t.tsv"),
    ("G9 numbers", "t.tsv: the second line does not number the samples (#1,NAME); write the file again with mothur",
     text, f"#Compressed Format: groupIndex,abundance.\n{COUNT_TABLE}x\t3\t1,3\n", "t.tsv"),
    ("G9 twice", "t.tsv: corrupt matrix: sample s1 has ASV x twice; make the table again",
     text, f"{COMPRESSED}x\t3\t1,1\t1,2\n", "t.tsv"),
    ("G10 width", "t.csv: line 3 has 2 cells, 3 needed; every line needs a sample id and a count for each sequence",
     text, f'"","{ASVS[0]}","{ASVS[1]}"\n"s1",1,2\n"s2",1\n', "t.csv"),
    ("G10 word", "t.csv: line 2: count 'NA' (s1, CCGTACGTACGT) is not a number; write 0 where there are no reads",
     text, f'"","{ASVS[0]}","{ASVS[1]}"\n"s1",1,NA\n', "t.csv"),
    ("G11 RData", 't.rda: is an .RData file; in R: saveRDS(x, "x.rds") writes what is read',
     text, gzip.compress(b"RDX3\nX\n\0\0\0\3"), "t.rda"),
)
odd_rows(
    ("G3 stored by columns, unsorted", lambda folder: changed(folder, "X/indices", [0, 1, 0, 1], "csc")),
    ("G6 a column of objects is left out", obs, {"anything": [1, 2]}),
    ("G9 a count_table with a comment", lambda folder: text(folder, f"{COUNT_TABLE}{ASVS[0]}\t3\t1\t2\n", "t.tsv")),
    ("G4 ids of fixed length", lambda folder: changed(folder, "var/_index", np.array(ASVS, dtype="S12"))),
    ("G4 a text", lambda folder: changed(folder, "var/_index", np.array(ASVS, dtype=TEXT))),
)
# fmt: on
