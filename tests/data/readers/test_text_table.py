"""Tables of text as R, biom-format and spreadsheets write them: all are the same table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aam.config import TableOptions
from aam.data.readers.metadata import read_metadata
from aam.data.readers.raw_table import RawTable
from aam.data.readers.sequences import read_sequences
from aam.data.readers.table import read_raw_table, read_table
from aam.errors import InputError
from tests.factories import write_biom, write_dense_json, write_tsv

SAMPLES = ["s1", "0012", "s 3"]
ASVS = ["ACGTACGTAGGT", "CCGTACGTACGA"]
COUNTS = np.array([[9, 1], [0, 1_000_000], [3, 0]])


def lines(header: list[str], rows: list[list[str]], separator: str, end: str = "\n") -> str:
    return "".join(separator.join(cells) + end for cells in [header, *rows])


def quoted(cells: list[str]) -> list[str]:
    return [f'"{cell}"' for cell in cells]


ROWS = [[name, *(f"{count:g}" for count in column)] for name, column in zip(ASVS, COUNTS.T, strict=True)]
R_ROWS = [[f'"{name}"', *counts] for name, *counts in ROWS]
EVERY = [[*row, "k__Bacteria; p__x"] for row in ROWS]

WRITTEN = {
    "R with col.names=NA": lines(['""', *quoted(SAMPLES)], R_ROWS, "\t"),
    "R without a name of the first column": lines(quoted(SAMPLES), R_ROWS, "\t"),
    "R without quotes": lines(SAMPLES, ROWS, "\t"),
    "R with spaces": lines(quoted(SAMPLES), R_ROWS, " "),
    "R's write.csv": lines(['""', *quoted(SAMPLES)], R_ROWS, ","),
    "R's write.csv2": lines(['""', *quoted(SAMPLES)], R_ROWS, ";"),
    "an empty first name": lines(["", *SAMPLES], ROWS, "\t"),
    "all cells quoted": lines(quoted(["#OTU ID", *SAMPLES]), list(map(quoted, ROWS)), "\t"),
    "commas": lines(["#OTU ID", *SAMPLES], ROWS, ","),
    "commas after a comment": "# Constructed from biom file\n" + lines(["#OTU ID", *SAMPLES], ROWS, ","),
    "spaces after commas": lines(["id", *SAMPLES], ROWS, ", "),
    "trailing tabs": lines(["#OTU ID", *SAMPLES], ROWS, "\t", "\t\n"),
    "trailing tabs of ASVs": lines(["#OTU ID", *SAMPLES], [[*row, "", ""] for row in ROWS], "\t"),
    "trailing tab of the header": lines(["#OTU ID", *SAMPLES, ""], ROWS, "\t"),
    "Windows": "\ufeff" + lines(["#OTU ID", *SAMPLES], ROWS, "\t", "\r\n"),
    "old Macintosh": lines(["#OTU ID", *SAMPLES], ROWS, "\t", "\r"),
    "taxonomy": "# Constructed from biom file\n" + lines(["#OTU ID", *SAMPLES, "taxonomy"], EVERY, "\t"),
    "taxonomy and its confidence": lines(
        ["Feature ID", *SAMPLES, "Taxon", "Confidence"], [[*row, "0.9"] for row in EVERY], "\t"
    ),
    "taxonomy in front": lines(["id", "taxonomy", *SAMPLES], [[r[0], r[-1], *r[1:-1]] for r in EVERY], "\t"),
    "ranks": lines(["id", *SAMPLES, "Phylum", "Genus"], [[*row, "p", "NA"] for row in ROWS], "\t"),
}


def check(raw: RawTable) -> None:
    assert raw.sample_ids == SAMPLES
    assert raw.asv_ids == ASVS
    assert raw.counts.toarray().tolist() == COUNTS.tolist()
    assert raw.notes == ()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_table_however_it_is_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(WRITTEN[name].encode())
    check(read_raw_table(path))
    path.write_bytes(gzip.compress(path.read_bytes()))
    check(read_raw_table(path))


@pytest.mark.parametrize("write", [write_biom, write_tsv, write_dense_json])
def test_any_table_may_be_gzipped(tmp_path: Path, write: Callable[..., Path]) -> None:
    packed = tmp_path / "gut.biom.gz"
    packed.write_bytes(gzip.compress(write(tmp_path / "t", COUNTS, SAMPLES, ASVS).read_bytes()))
    check(read_raw_table(packed))
    assert set(read_table(TableOptions(table=(packed,))).studies) == {"gut"}


def test_other_texts_may_be_gzipped(tmp_path: Path) -> None:
    (tmp_path / "m.tsv.gz").write_bytes(gzip.compress(b"id\tage\ns1\t3\n"))
    assert read_metadata(tmp_path / "m.tsv.gz").columns["age"].tolist() == ["3"]
    (tmp_path / "s.fa.gz").write_bytes(gzip.compress(b">a\nACGT\n") + gzip.compress(b">b\nCCGT\n"))
    assert read_sequences([tmp_path / "s.fa.gz"]) == {"a": "ACGT", "b": "CCGT"}


def test_quotes_within_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('id\t"a ""b"" c"\t"d\te"\t5" f\nx\t1\t2\t3\n')
    with pytest.raises(InputError, match="has a tab"):
        read_raw_table(path)
    path.write_text('id\t"a ""b"" c"\t5" f\nx"y\t1\t3\n')
    raw = read_raw_table(path)
    assert (raw.sample_ids, raw.asv_ids) == (['a "b" c', '5" f'], ['x"y'])


@pytest.mark.parametrize("dense", [False, True])
def test_json_that_does_not_say_what_it_is(tmp_path: Path, dense: bool) -> None:
    entries = [[a, s, int(COUNTS[s, a])] for a in range(2) for s in range(3) if COUNTS[s, a]]
    content = {
        "rows": [{"id": name} for name in ASVS],
        "columns": [{"id": name, "metadata": None} for name in SAMPLES],
        "data": COUNTS.T.tolist() if dense else entries,
    }
    path = tmp_path / "t.biom"
    path.write_text(json.dumps(content))
    check(read_raw_table(path))
    path.write_text(json.dumps({**content, "matrix_type": "Dense" if dense else "sparse", "shape": [2, 3]}))
    check(read_raw_table(path))


def test_json_that_could_be_sparse_or_dense(tmp_path: Path) -> None:
    content = {"rows": [{"id": 7}, {"id": "b"}], "columns": [{"id": "x"}, {"id": "y"}, {"id": "z"}]}
    path = tmp_path / "t.biom"
    path.write_text(json.dumps({**content, "data": [[0, 1, 5], [1, 0, 2]]}))
    raw = read_raw_table(path)
    assert raw.asv_ids == ["7", "b"]
    assert raw.counts.toarray().tolist() == [[0, 2], [5, 0], [0, 0]]
    assert raw.notes == (
        "the file does not say whether its matrix is sparse or dense, and it could be either: read as sparse",
    )
    path.write_text(json.dumps({**content, "data": [[0, 1, 5], [4, 0, 2]]}))
    assert read_raw_table(path).counts.toarray().tolist() == [[0, 4], [1, 0], [5, 2]]
