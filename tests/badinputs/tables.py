"""Bad tables (rows B of the matrix, and S for the sequences of their ASVs)."""

from __future__ import annotations

import bz2
import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.config import TableOptions
from aam.data.readers.table import read_table
from tests.badinputs.cases import Read, bad, bad_rows, odd, odd_rows
from tests.factories import write_biom, write_dense_json, write_fasta, write_json, write_tsv

ASVS = ["ACGTACGTACGT", "CCGTACGTACGT", "GGGTACGTACGT"]
SAMPLES = ["s1", "s2"]
COUNTS = np.array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
HASHES = ["d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661"]


def reading(path: Path, **options: Any) -> Read:
    return functools.partial(read_table, TableOptions(table=(path,), **options))


def table(
    folder: Path, counts: Any = COUNTS, samples: list[str] = SAMPLES, asvs: list[str] = ASVS, **options: Any
) -> Read:
    return reading(write_dense_json(folder / "t.biom", np.array(counts, dtype=float), samples, asvs), **options)


def with_asvs(folder: Path, asvs: list[str], **options: Any) -> Read:
    return table(folder, np.ones((2, len(asvs))), asvs=asvs, **options)


def text(folder: Path, content: str | bytes, name: str = "t.biom") -> Read:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return reading(folder / name)


def empty_hdf5(folder: Path) -> Read:
    """What the library of the format writes of a table without samples."""
    with h5py.File(folder / "t.biom", "w") as file:
        file.attrs["shape"] = (0, 0)
        for name in ("sample/ids", "observation/ids", *(f"sample/matrix/{part}" for part in ("data", "indices"))):
            file[name] = np.array([], dtype=float if name.endswith("ids") else int)
        file["sample/matrix/indptr"] = [0]
    return reading(folder / "t.biom")


def changed(folder: Path, name: str, values: Any) -> Read:
    """A sound HDF5 table in which one dataset is replaced; None takes it out."""
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        del file[name]
        if values is not None:
            file[name] = values
    return reading(path)


def changed_json(folder: Path, change: Callable[[dict[str, Any]], object]) -> Read:
    """A sound JSON table after a change of its content."""
    content = json.loads(write_json(folder / "t.biom", COUNTS, SAMPLES, ASVS).read_text())
    change(content)
    return text(folder, json.dumps(content))


def changed_shape(folder: Path, shape: list[int]) -> Read:
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        file.attrs["shape"] = shape
    return reading(path)


@bad("B3 truncated HDF5", "t.biom: HDF5 file is truncated (5,000 of <any> bytes); copy it again")
def _(folder: Path) -> Read:
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    path.write_bytes(path.read_bytes()[:5000])
    return reading(path)


@bad("B3 truncated JSON", "t.biom: not JSON (<any> line 1 column 101 (char 100)); copy it again")
def _(folder: Path) -> Read:
    write_dense_json(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    return text(folder, (folder / "t.biom").read_bytes()[:100])


@bad("B23 external storage", "t.biom: 'sample/matrix/data' is kept in other files: that is not allowed")
def _(folder: Path) -> Read:
    read = changed(folder, "sample/matrix/data", None)
    (folder / "raw").write_bytes(bytes(32))
    with h5py.File(folder / "t.biom", "r+") as file:
        file.create_dataset("sample/matrix/data", (4,), "f8", external=[(str(folder / "raw"), 0, 32)])
    return read


def by_asv_alone(folder: Path, name: str, values: Any) -> Read:
    """An HDF5 table with the half of the format that is by ASV, in which one dataset is replaced."""
    read = changed(folder, f"observation/matrix/{name}", values)
    with h5py.File(folder / "t.biom", "r+") as file:
        del file["sample/matrix"]
    return read


@bad(
    "B23 by ASV, samples",
    "t.biom: corrupt matrix: 1 indices out of range (first: 9, of 2 samples); make the table again",
)
def _(folder: Path) -> Read:
    return by_asv_alone(folder, "indices", [0, 1, 9, 1])


@bad("B23 by ASV, pointers", "t.biom: corrupt matrix: 2 pointers for 3 ASVs; make the table again")
def _(folder: Path) -> Read:
    return by_asv_alone(folder, "indptr", [0, 4])


@bad("B23 bomb", "t.biom: 'sample/matrix/data' expands to 8e+12 bytes from 0; the file is damaged or hostile")
def _(folder: Path) -> Read:
    read = changed(folder, "sample/matrix/data", None)
    with h5py.File(folder / "t.biom", "r+") as file:
        file.create_dataset("sample/matrix/data", (10**12,), "f8", chunks=(1 << 20,), compression="gzip")
    return read


@bad("S6 two files", "other.fasta: id 'x' has another sequence in another file; use one of them")
def _(folder: Path) -> Read:
    one = write_fasta(folder / "one.fasta", {"x": ASVS[0]})
    other = write_fasta(folder / "other.fasta", {"x": ASVS[1]})
    return with_asvs(folder, HASHES, sequences=(one, other))


def with_fasta(folder: Path, content: str, asvs: list[str] = HASHES) -> Read:
    (folder / "s.fasta").write_text(content)
    return with_asvs(folder, asvs, sequences=(folder / "s.fasta",))


def noted(note: str, make: Callable[..., Read], folder: Path, *arguments: Any, **options: Any) -> Read:
    """What reads a table, and fails if it says something else."""
    read = make(folder, *arguments, **options)

    def act() -> object:
        found = read()
        assert found.notes == (note,), found.notes  # type: ignore[attr-defined]
        return found

    return act


@odd("B2 TSV with a BOM, CRLF, other comments and a taxonomy")
def _(folder: Path) -> Read:
    lines = ["# made by hand", "Feature ID\ts1\tTaxonomy", f"{ASVS[0]}\t3\tk__Bacteria; p__x", "", f"{ASVS[1]}\t0.0\t"]
    return text(folder, b"\xef\xbb\xbf" + "\r\n".join(lines).encode(), "t.tsv")


@odd("B5 unsorted indices and stored zeros")
def _(folder: Path) -> Read:
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        file["sample/matrix/indices"][:] = [1, 0, 2, 1]
        file["sample/matrix/data"][:] = [2, 0, 4, 3]
    return reading(path)


@odd("B4 big-endian and unsigned types, ids of fixed length, no declared shape")
def _(folder: Path) -> Read:
    read = changed(folder, "sample/matrix/data", np.array([1, 2, 3, 4], dtype=">u2"))
    with h5py.File(folder / "t.biom", "r+") as file:
        del file["sample/ids"], file.attrs["shape"]
        file["sample/ids"] = np.array(SAMPLES, dtype="S4")
    return read


@odd("S1 FASTA in lines of 60 with blank lines and a > in a description")
def _(folder: Path) -> Read:
    first, second = "ACGTA" * 30, "CCGTA" * 30
    lines = f"\n\n>{HASHES[0]} a > b\r\n{first[:60]}\r\n{first[60:]}\r\n\r\n>{HASHES[1]}\r\n{second}"
    return with_fasta(folder, lines)


# fmt: off
bad_rows(
    ("B0 no such file", "t.biom: no such file; is the path right? Files are read from disk only",
     lambda folder: reading(folder / "t.biom")),
    ("B0 a folder", "t.biom: is a folder or a pipe, not a file; give the name of a file",
     lambda folder: (folder / "t.biom").mkdir() or reading(folder / "t.biom")),
    ("B1 empty file", "t.biom: the file is empty", text, ""),
    ("B2 HTML", "t.biom: not a BIOM table (expected HDF5, JSON or TSV; starts with '<html><body>')",
     text, "<html><body>404, not found</body></html>"),
    ("B2 random bytes", "t.biom: not a BIOM table (expected HDF5, JSON or TSV in UTF-8; starts with '????????????')",
     text, b"\xff\xd8\xe0" + bytes([0, 1]) * 20),
    ("B2 blank", "t.biom: not a BIOM table (expected HDF5, JSON or TSV; starts with '???')", text, "\n\n\n"),
    ("B2 packed", "t.biom: is packed with bzip2; unpack it first", text, bz2.compress(b"#OTU ID\ts1\n")),
    ("B2 damaged gzip", "t.biom: damaged gzip file (<any>); copy it again", text, gzip.compress(b"#OTU ID\ts1\n")[:-9]),
    ("B2 hostile gzip", "t.biom: expands to more than 16,777,216 bytes from <any>; it is not read",
     text, gzip.compress(bytes(17_000_000))),
    ("B2 commas", "t.csv: seems comma-separated, but its first ASV has not a number for each sample; "
     "every line needs an ASV id and a count for each sample", text, "#OTU ID,s1\nACGTACGTACGT,3,4\n", "t.csv"),
    ("B2 distances", "t.tsv: rows and columns are the same: distances, not counts; give it to --distances",
     text, "\ts1\ts2\ns1\t0\t1\ns2\t1\t0\n", "t.tsv"),
    ("B3 nested JSON", "t.biom: not JSON (<any>); copy it again", text, '{"rows":' + "[" * 100_000),
    ("B4 no BIOM groups", "t.biom: HDF5 file without BIOM groups (missing 'observation/ids'); is it a BIOM 2.1 table?",
     changed, "observation/ids", None),
    ("B4 other JSON", "t.biom: JSON file without BIOM's 'columns'; is it a BIOM 1.0 table?",
     text, json.dumps({"rows": [], "data": []})),
    ("B5 pointer", "t.biom: corrupt matrix: indptr[1] = 10000000 exceeds 4 stored values; make the table again",
     changed, "sample/matrix/indptr", [0, 10_000_000, 4]),
    ("B5 falling pointer", "t.biom: corrupt matrix: indptr[2] is below the one before it; make the table again",
     changed, "sample/matrix/indptr", [0, 4, 2]),
    ("B5 end", "t.biom: corrupt matrix: pointers go from 0 to 3, but 4 values are stored; make the table again",
     changed, "sample/matrix/indptr", [0, 2, 3]),
    ("B5 pointers", "t.biom: corrupt matrix: 2 pointers for 2 samples; make the table again",
     changed, "sample/matrix/indptr", [0, 4]),
    ("B5 index", "t.biom: corrupt matrix: 2 indices out of range (first: -7, of 3 ASVs); make the table again",
     changed, "sample/matrix/indices", [0, -7, 1, 3]),
    ("B5 indices", "t.biom: corrupt matrix: 3 indices for 4 values; make the table again",
     changed, "sample/matrix/indices", [0, 1, 1]),
    ("B5 twice", "t.biom: corrupt matrix: sample s2 has ASV GGGTACGTACGT twice; make the table again",
     changed, "sample/matrix/indices", [0, 1, 2, 2]),
    ("B5 JSON index", "t.biom: corrupt matrix: 1 indices out of range (first: 9 of 2); make the table again",
     changed_json, lambda content: content["data"][0].__setitem__(1, 9)),
    ("B5 JSON text", "t.biom: corrupt matrix: its values are not all numbers; make the table again",
     changed_json, lambda content: content["data"][0].__setitem__(2, "many")),
    ("B5 TSV width",
     "t.tsv: line 3 has 2 cells, the header has 3; every line needs an ASV id and a count for each sample",
     text, "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\t2\nCCGTACGTACGT\t1\n", "t.tsv"),
    ("B5 TSV word",
     "t.tsv: count 'many' (ASV ACGTACGTACGT, sample s2) is not a number; leave out columns that are not samples",
     text, "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\tmany\n", "t.tsv"),
    ("B6 no samples", "t.biom: the table has 0 samples", lambda folder: table(folder, np.zeros((0, 3)), samples=[])),
    ("B5 TSV no reads",
     "t.tsv: count 'NA' (ASV ACGTACGTACGT, sample s2) is not a number; write 0 where there are no reads",
     text, "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\tNA\n", "t.tsv"),
    ("B5 TSV thousands",
     "t.tsv: count '1,234' (ASV ACGTACGTACGT, sample s2) is not a number; write counts without thousands separators",
     text, "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\t\"1,234\"\n", "t.tsv"),
    ("B21 transposed with metadata",
     "t.csv: sample ids look like taxa (first: k__Bacteria;p__A): the table seems transposed; "
     "ASVs must be the rows, samples the columns (in R: t(x))",
     text, "index,k__Bacteria;p__A,k__Bacteria;p__B,site\ns1,3,4,gut\n", "t.csv"),
    ("B5 TSV header",
     "t.tsv: line 2 has 4 cells, the header has 3; every line needs an ASV id and a count for each sample",
     text, "#OTU ID\ts1\ts2\nACGTACGTACGT\t1\t2\t3\n", "t.tsv"),
    ("B6 empty HDF5", "t.biom: the table has 0 samples", empty_hdf5),
    ("B6 no ASVs", "t.biom: the table has 0 ASVs", text, "# Constructed from biom file\n#OTU ID\ts1\ts2\n"),
    ("B7 all zero", "t.biom: every count is 0", table, np.zeros((2, 3))),
    ("B8 negative", "t.biom: 1 count is negative (sample s1, ASV ACGTACGTACGT: -1); reads cannot be negative",
     table, [[-1, 2, 0], [0, 3, 4]]),
    ("B9 fractions",
     "t.biom: 2 counts are fractional (first: sample s1, ASV ACGTACGTACGT: 0.5); "
     "give reads, not relative abundances", table, [[0.5, 2, 0], [0, 0.25, 4]]),
    ("B10 NaN", "t.biom: 1 count is NaN (sample s2, ASV CCGTACGTACGT: nan)",
     changed, "sample/matrix/data", [1.0, 2.0, np.nan, 4.0]),
    ("B10 infinite", "t.biom: 1 count is infinite (sample s2, ASV CCGTACGTACGT: inf)",
     changed, "sample/matrix/data", [1.0, 2.0, np.inf, 4.0]),
    ("B11 too large", "t.biom: 1 count is too large (2^53 at most) (sample s1, ASV ACGTACGTACGT: 1e+300)",
     table, [[1e300, 2, 0], [0, 3, 4]]),
    ("B11 sum", "t.biom: the sum of all counts is too large (1.8e+16; 2^53 at most)",
     table, [[9e15, 0, 0], [0, 9e15, 0]]),
    ("B12 samples", "t.biom: duplicate sample id 's1' (2 times); each may occur only once",
     lambda folder: table(folder, samples=["s1", "s1"])),
    ("B12 ASVs", "t.biom: duplicate ASV id 'ACGTACGTACGT' (3 times); each may occur only once",
     lambda folder: table(folder, asvs=ASVS[:1] * 3)),
    ("B13 hashes",
     "t.biom: 2 of 2 ASV ids are not DNA (first: d41d8cd98f00b204e9800..., looks like md5); "
     "give the sequences with --sequences", with_asvs, HASHES),
    ("B13 names", "t.biom: 1 of 2 ASV ids are not DNA (first: Escherichia coli); give the sequences with --sequences",
     with_asvs, ["Escherichia coli", ASVS[0]]),
    ("B13 taxa",
     "t.biom: 2 of 2 ASV ids are names of taxa (first: k__Bacteria;p__Firmic...); "
     "give the table before it was collapsed; aam rf-baseline (asv, clr) and --learners no-dna need no DNA",
     with_asvs, ["k__Bacteria;p__Firmicutes", "k__Bacteria;p__Tenericutes"]),
    ("B13 reference",
     "t.biom: 2 of 2 ASV ids are not DNA (first: 4479946, looks like an OTU of a reference); "
     "give the sequences with --sequences; aam rf-baseline (asv, clr) and --learners no-dna need no DNA",
     with_asvs, ["4479946", "228054"]),
    ("B14 case",
     "t.biom: 'acgtacgtacgu' and 'ACGTACGTACGT' are the same sequence; make them one ASV, with the sum of their counts",
     with_asvs, ["acgtacgtacgu", *ASVS]),
    ("B15 ambiguity",
     "t.biom: 1 ASV with more than 5% ambiguous bases (first: ACGTNNNNACGT: 4 of 12); leave them out of the table",
     with_asvs, ["ACGTRYSWACGT", *ASVS]),
    ("B16 gaps", "t.biom: ASV id 2 has '-': aligned sequences are not accepted; give the ASVs without gaps",
     with_asvs, [ASVS[0], "ACGT--ACGTACGT"]),
    ("B16 dots", "t.biom: ASV id 1 has '.': aligned sequences are not accepted; give the ASVs without gaps",
     with_asvs, ["ACGTACGTACGT....", *ASVS]),
    ("B16 space", "t.biom: ASV id 1 has ' ': aligned sequences are not accepted; give the ASVs without gaps",
     with_asvs, ["ACGTAC GTACGT", *ASVS]),
    ("B16 FASTA header", "t.biom: ASV id 1 has '>': aligned sequences are not accepted; give the ASVs without gaps",
     with_asvs, [">ACGTACGTACGT"]),
    ("B17 short", "t.biom: 1 ASV shorter than 10 bases (first: 'A'); leave them out of the table",
     with_asvs, ["A", *ASVS]),
    ("B18 long", "t.biom: 2 ASVs longer than --max-bp 12 (longest 20); --trim-length 12 cuts them",
     lambda folder: with_asvs(folder, ["ACGTA" * 3, "ACGTA" * 4, *ASVS], max_bp=12)),
    ("B20 empty id", "t.biom: sample id 2 is empty; give every one a name",
     lambda folder: table(folder, samples=["s1", " "])),
    ("B20 tab", "t.biom: sample id 2 ('s?2') has a tab, line break or other control character",
     lambda folder: table(folder, samples=["s1", "s\t2"])),
    ("B20 line break", "t.biom: ASV id 1 ('ACGTACGTACGT?x') has a tab, line break or other control character",
     with_asvs, ["ACGTACGTACGT\nx", *ASVS]),
    ("B20 long id", "t.biom: ASV id 1 ('AAAAAAAAAAAAAAAAAAAAA...') is 1,000,000 characters long (10,000 at most)",
     with_asvs, ["A" * 1_000_000, *ASVS]),
    ("B21 transposed",
     "t.biom: sample ids look like DNA (first: ACGTACGTACGT): the table seems transposed; "
     "ASVs must be the rows, samples the columns (in R: t(x))",
     lambda folder: table(folder, COUNTS.T, samples=ASVS, asvs=SAMPLES)),
    ("B21 transposed hashes",
     "t.biom: sample ids look like md5 (first: d41d8cd98f00b204e9800...): the table seems transposed; "
     "ASVs must be the rows, samples the columns (in R: t(x))",
     lambda folder: table(folder, COUNTS.T[:2], samples=HASHES, asvs=SAMPLES)),
    ("B23 external link", "t.biom: 'sample/matrix/data' is a link: external and soft links are not allowed",
     changed, "sample/matrix/data", h5py.ExternalLink("t.biom", "/sample/matrix/indices")),
    ("B23 soft link loop", "t.biom: 'observation/ids' is a link: external and soft links are not allowed",
     changed, "observation/ids", h5py.SoftLink("/observation/ids")),
    ("B23 objects", "t.biom: 'sample/matrix/data' holds object values, numbers are needed",
     changed, "sample/matrix/data", ["1", "2", "3", "4"]),
    ("B23 numbers as ids", "t.biom: 'sample/ids' holds int64 values, texts are needed", changed, "sample/ids", [1, 2]),
    ("B23 declared shape",
     "t.biom: corrupt table: declared shape 1e+12 x 2, but 3 ASV ids and 2 sample ids; make the table again",
     changed_shape, [10**12, 2]),
    ("B23 declared JSON",
     "t.biom: corrupt table: declared shape [3, 9], but 3 rows and 2 columns; make the table again",
     changed_json, lambda content: content.update(shape=[3, 9])),
    ("S1 no FASTA", "s.fasta: not FASTA (starts with 'id?sequence?'); sequences start with a '>' line",
     with_fasta, "id\tsequence\n"),
    ("S2 missing",
     "t.biom: 1 of 2 ASVs have no sequence (first: 0cc175b9c0f1b6a831c39...); "
     "the files of --sequences must have all of them", with_fasta, f">{HASHES[0]}\n{ASVS[0]}\n"),
    ("S2 others",
     "t.biom: 1 of 2 ASV ids are DNA, but other sequences in --sequences (first: 'ACGTACGTACGT' has CCGTACGTACGT); "
     "leave out --sequences, or give those of this table",
     lambda folder: with_fasta(folder, f">{ASVS[0]}\n{ASVS[1]}\n", ASVS[:2])),
    ("S3 gaps",
     "s.fasta: 1 sequence with gaps: aligned sequences are not accepted (first: 'x' has '-'); give unaligned DNA",
     with_fasta, ">x\nACG-T\n"),
    ("S3 protein", "s.fasta: 1 sequence with letters that are not DNA (first: 'x' has 'L'); give unaligned DNA",
     with_fasta, ">x\nMKLV\n"),
    ("S4 twice", "s.fasta: duplicate id 'x' (2 times); each may occur only once",
     with_fasta, ">x\nACGT\n>y\nACGT\n>x more\nACGT\n"),
    ("S5 no bases", "s.fasta: record 1 has no bases; the file is damaged", with_fasta, ">x\n>y\nACGT\n"),
    ("S5 no id", "s.fasta: record 2 has no id; the file is damaged", with_fasta, ">x\nACGT\n> \nACGT\n"),
)
odd_rows(
    ("B7 samples without reads are left out", lambda folder: noted(
        "t.biom: 2 samples have no reads and are left out: s4, s9",
        table, folder, [[1, 2, 0], [0, 0, 0], [0, 0, 0]], samples=["s1", "s4", "s9"])),
    ("B14 lower case and U", lambda folder: noted(
        "t.biom: 1 ASV in lower case or with U, read as upper case and T",
        with_asvs, folder, ["acgtacgtacgu", *ASVS[1:]])),
    ("B15 a few ambiguous letters are N", lambda folder: noted(
        "t.biom: 1 ASV with ambiguous bases (1 in all), read as N", with_asvs, folder, ["ACGTA" * 8 + "R", *ASVS])),
    ("B18 cut to length, and summed", lambda folder: noted(
        "t.biom: 1 ASV summed with others of the same sequence",
        with_asvs, folder, ["ACGTACGTACGA", "ACGTACGTACGC", *ASVS[1:]], trim_length=11)),
    ("B20 ids with spaces, quotes, unicode and formulas",
     lambda folder: reading(write_tsv(folder / "t.tsv", COUNTS, ["=cmd()", "Bäckerei 7"], ASVS))),
    ("B17 mixed lengths", with_asvs, [*ASVS, "ACGTA" * 30]),
    ("B18 no longer than asked", lambda folder: with_asvs(folder, ASVS, max_bp=12)),
    ("B21 barcodes as sample ids", lambda folder: table(folder, samples=["ACGTACGTACGT", "CCGTACGTACGT"])),
)
# fmt: on
