"""Sequence tables of DADA2 and phyloseq objects, as text and as R objects."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from aam.data.readers.metadata import read_metadata
from aam.data.readers.table import read_raw_table
from aam.errors import ConfigError, InputError
from aam.files import robjects
from tests.factories import random_counts, random_sequences
from tests.foreign_files import R, write_sequence_table

SEQUENCES = random_sequences(5)
SAMPLES = ["F3D0", "F3D1", "F3D141"]
COUNTS = random_counts(3, 5)
NOTE = ("the columns are sequences: samples are the rows, as DADA2 writes it",)
NA = -(2**31)
FRAME = {
    "age": R.reals([1.5, float("nan"), 3.0]),
    "site": R.integers([2, NA, 1], {"levels": R.texts(["gut", "skin"]), "class": R.texts(["factor"])}),
    "n": R.integers([3, NA, 5]),
    "who": R.texts(["p1", None, "p3"]),
}


def check(path: Path) -> None:
    found = read_raw_table(path)
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    assert (found.sample_ids, found.asv_ids, found.notes) == (SAMPLES, SEQUENCES, NOTE)


def test_write_csv_of_r_is_read(tmp_path: Path) -> None:
    check(write_sequence_table(tmp_path / "seqtab.csv", COUNTS, SAMPLES, SEQUENCES))


@pytest.mark.parametrize("first", [["sample"], []], ids=["named", "unnamed"])
@pytest.mark.parametrize("separator", ["\t", " ", ";"])
def test_write_table_of_r_is_read(tmp_path: Path, separator: str, first: list[str]) -> None:
    rows = [[*first, *SEQUENCES], *([name, *map(str, row)] for name, row in zip(SAMPLES, COUNTS, strict=True))]
    (tmp_path / "t.txt").write_text("".join(separator.join(row) + "\n" for row in rows))
    check(tmp_path / "t.txt")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_matrix_of_saverds_is_read(tmp_path: Path, pack) -> None:
    pytest.importorskip("rdata")
    (tmp_path / "seqtab.rds").write_bytes(pack(R.file(R.matrix(COUNTS, SAMPLES, SEQUENCES))))
    check(tmp_path / "seqtab.rds")


@pytest.mark.parametrize("taxa", [True, False])
def test_a_phyloseq_object_is_table_and_metadata(tmp_path: Path, taxa: bool) -> None:
    pytest.importorskip("rdata")
    names = [f"ASV{number}" for number in range(5)]
    table = (COUNTS.T, names, SAMPLES) if taxa else (COUNTS, SAMPLES, names)
    path = tmp_path / "ps.rds"
    path.write_bytes(gzip.compress(R.file(R.phyloseq(*table, taxa=taxa, frame=R.frame(SAMPLES, FRAME)))))
    found = read_raw_table(path)
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    assert (found.sample_ids, found.asv_ids) == (SAMPLES, names)
    sheet = read_metadata(path)
    assert sheet.sample_ids.tolist() == SAMPLES
    assert {name: cells.tolist() for name, cells in sheet.columns.items()} == {
        "age": ["1.5", "", "3.0"],
        "site": ["skin", "", "gut"],
        "n": ["3", "", "5"],
        "who": ["p1", "", "p3"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (R.file(R.texts(["a"])), "holds an object, no matrix of counts with names; in R: saveRDS"),
        (R.file(R.frame(SAMPLES, FRAME)), "holds an object of class sample_data, no matrix"),
        (R.file(R.matrix(COUNTS, SAMPLES, SEQUENCES))[:-30], "damaged R object"),
        (R.file(R.integers([1, 2], {"dim": R.integers([9, 9])})), "damaged R object .a matrix has not as many values"),
        (R.file(R.integers([1, NA, 1], {"dim": R.integers([1, 3])})), "no matrix of counts with names"),
        (R.file(R.matrix(COUNTS * -1, SAMPLES, SEQUENCES)), "counts are negative"),
    ],
    ids=["text", "frame", "torn", "size", "names", "negative"],
)
def test_an_object_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    pytest.importorskip("rdata")
    (tmp_path / "t.rds").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_raw_table(tmp_path / "t.rds")


def test_a_range_beyond_memory_is_refused(tmp_path: Path) -> None:
    """R keeps 1:n as its ends: 50 bytes that would become 16 GB."""
    pytest.importorskip("rdata")
    name = R.pairs({})[:0] + b"\0\0\0\2" + b"\0\0\0\1" + R.char("compact_intseq")
    info = name + b"\0\0\0\2" + b"\0\0\0\1" + R.char("base") + b"\0\0\0\xfe"
    content = R.file(b"\0\0\0\xee" + info + R.reals([2e9, 1, 1]) + b"\0\0\0\xfe")
    (tmp_path / "t.rds").write_bytes(content)
    with pytest.raises(InputError, match="a range is too long"):
        read_raw_table(tmp_path / "t.rds")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robjects, "find_spec", lambda name: None)
    (tmp_path / "t.rds").write_bytes(R.file(R.texts(["a"])))
    with pytest.raises(ConfigError, match=r"t.rds: an R object, which needs rdata.*aam\[r\]"):
        read_raw_table(tmp_path / "t.rds")


def test_every_prefix_of_an_object_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("rdata")
    content = R.file(R.matrix(COUNTS, SAMPLES, SEQUENCES))
    path = tmp_path / "t.rds"
    for end in range(6, len(content) - 1, 7):
        path.write_bytes(content[:end])
        with pytest.raises(InputError):
            read_raw_table(path)
