"""Bad sample sheets (rows T of the matrix), and conditions on them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aam.data.readers.metadata import Metadata, read_metadata
from tests.badinputs.cases import Read, bad, odd

SHEET = "sample-id\tage\tsite\ns1\t1\tskin\ns2\t2.5\tgut\ns3\tNA\t\n"


def sheet(folder: Path, content: str | bytes = SHEET, then: Callable[[Metadata], object] = lambda m: m) -> Read:
    """Write a sheet; the reader reads it and does something with it."""
    path = folder / "m.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: then(read_metadata(path))


def ages(folder: Path, *cells: str) -> Read:
    rows = "".join(f"s{number}\t{cell}\n" for number, cell in enumerate(cells, start=1))
    return sheet(folder, f"sample-id\tage\n{rows}", lambda m: m.numeric("age"))


@bad("T1 commas", "m.tsv: one column found; the file seems comma-separated; tabs are needed")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET.replace("\t", ","))


@bad("T1 semicolons", "m.tsv: one column found; the file seems semicolon-separated; tabs are needed")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET.replace("\t", ";"))


@bad("T1 Excel", "m.tsv: is a zip or Excel file; save the sheet as tab-separated text")
def _(folder: Path) -> Read:
    read = sheet(folder)
    with zipfile.ZipFile(folder / "m.tsv", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    return read


@bad(
    "T1 first column", "m.tsv: the first column is named 'age' (line 1); name the column of the sample ids 'sample-id'"
)
def _(folder: Path) -> Read:
    return sheet(folder, "age\tsite\n1\tskin\n")


@bad("T1 R's row names", "m.tsv: the first column is named '' (line 1); name the column of the sample ids 'sample-id'")
def _(folder: Path) -> Read:
    return sheet(folder, "\tage\ns1\t3\n")


@bad("T3 UTF-16", "m.tsv: not UTF-8 (byte 0xff at 0: looks like UTF-16); save it as UTF-8")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET.encode("utf-16"))


@bad("T3 latin-1", "m.tsv: not UTF-8 (byte 0xfc at 19); save it as UTF-8")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tsite\ns1\tM\u00fcnchen\n".encode("latin-1"))


@bad("T4 duplicate", "m.tsv: duplicate sample id 's1' (lines 2 and 5); each may be there once")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET + " s1 \t9\t\n")


@bad("T4 duplicates", "m.tsv: duplicate sample id 's1' (lines 2 and 5; 2 such rows); each may be there once")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET + "s1\t9\t\ns2\t9\t\n")


@bad("T4 empty id", "m.tsv: 1 row without a sample id (first: line 5); every row needs one")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET + "\t9\tgut\n")


@bad("T4 second header", "m.tsv: line 5: 'sample-id' cannot be a sample id; is it a second header?")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET + SHEET.split("\n")[0])


@bad("T5 column twice", "m.tsv: column 'age' occurs 2 times; give each column its own name")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tage\tage\ns1\t1\t2\n")


@bad("T5 column without a name", "m.tsv: column 2 has no name; every column needs one")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\t\tage\ns1\t1\t2\n")


@bad("T6 too many cells", "m.tsv: line 2 has 3 cells, the header has 2; is there a tab too many?")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tage\ns1\t3\tx\ns2\t4\n")


@bad(
    "T6 and more",
    "m.tsv: column 'age' occurs 2 times; give each column its own name (and 2 more: `aam check` lists them)",
)
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tage\tage\ns1\t1\t2\t3\ns1\t1\t2\n")


@bad("T11 late types", "m.tsv: line 5: '#q2:types' cannot be a sample id; is it a second header?")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET + "#q2:types\tnumeric\tcategorical\n")


@bad("T12 near", "m.tsv: no column 'Age'; did you mean 'age'? columns: age, site")
def _(folder: Path) -> Read:
    return sheet(folder, then=lambda m: m.column("Age"))


@bad("T12 far", "m.tsv: no column 'ph'; columns: age, site")
def _(folder: Path) -> Read:
    return sheet(folder, then=lambda m: m.labels("ph"))


@bad(
    "T13 words",
    "m.tsv: column 'age' is not numeric: 2 of 3 values (s2: 'unknown'); "
    "--missing 'unknown' leaves them out, --classifier takes words",
)
def _(folder: Path) -> Read:
    return ages(folder, "1", "unknown", "NA", "unknown")


@bad("T16 infinite", "m.tsv: column 'age': value 'inf' (s2) is not finite; --missing 'inf' leaves it out")
def _(folder: Path) -> Read:
    return ages(folder, "1", "inf")


@bad("T16 too large", "m.tsv: column 'age': value '1e400' (s1) is not finite; --missing '1e400' leaves it out")
def _(folder: Path) -> Read:
    return ages(folder, "1e400", "1")


@bad("T16 decimal comma", "m.tsv: column 'age': '3,5' (s2) looks like a decimal comma; write numbers with a point")
def _(folder: Path) -> Read:
    return ages(folder, "1", "3,5")


@bad("T19 NUL", "m.tsv: line 2 has a NUL character; the file is damaged or is not text")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tage\ns1\t1\0\n")


@bad("T19 quote", 'm.tsv: line 3 cannot be read (<any>); is a quote (") not closed, or a cell too long?')
def _(folder: Path) -> Read:
    return sheet(folder, 'sample-id\tage\ns1\t1\ns2\t"2\ns3\t3\n')


@bad("T19 cell", 'm.tsv: line 2 cannot be read (<any>); is a quote (") not closed, or a cell too long?')
def _(folder: Path) -> Read:
    return sheet(folder, f"sample-id\tage\ns1\t{'x' * 10_000_000}\n")


@bad("T20 empty", "m.tsv: the file is empty")
def _(folder: Path) -> Read:
    return sheet(folder, "")


@bad("T20 comments", "m.tsv: no samples: the file has only blank lines and comments")
def _(folder: Path) -> Read:
    return sheet(folder, "# nothing\n\n")


@bad("T20 header only", "m.tsv: no samples after the header; every sample needs a row")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET.split("\n")[0])


WHERE_REMEDY = "it is an SQL condition such as \"site == 'skin'\""


def where(folder: Path, condition: str, content: str = SHEET) -> Read:
    return sheet(folder, content, lambda m: m.where(condition))


@bad("W1 unknown column", f"m.tsv: --where cannot be used (no such column: sitee); {WHERE_REMEDY}")
def _(folder: Path) -> Read:
    return where(folder, "sitee == 'skin'")


@bad("W2 no SQL", f'm.tsv: --where cannot be used (near "where": syntax error); {WHERE_REMEDY}')
def _(folder: Path) -> Read:
    return where(folder, "where age is")


@bad("W3 writes", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}")
def _(folder: Path) -> Read:
    return where(folder, "1); DROP TABLE sheet; --")


@bad("W3 attaches", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}")
def _(folder: Path) -> Read:
    return where(folder, "1); ATTACH '/tmp/x' AS x; --")


@bad("W3 loads", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}")
def _(folder: Path) -> Read:
    return where(folder, "load_extension('x')")


@bad("W3 other tables", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}")
def _(folder: Path) -> Read:
    return where(folder, "age IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)")


@bad("W4 empty", "m.tsv: the condition of --where is empty; give one, or leave out --where")
def _(folder: Path) -> Read:
    return where(folder, " ")


@bad("W5 case", "m.tsv: columns 'pH' and 'ph' are the same for --where; rename one of them")
def _(folder: Path) -> Read:
    return where(folder, "ph > 1", "sample-id\tpH\tph\ns1\t1\t2\n")


@odd("T2 BOM and CRLF")
def _(folder: Path) -> Read:
    return sheet(folder, b"\xef\xbb\xbf" + SHEET.replace("\n", "\r\n").encode())


@odd("T2 CR and no final line end")
def _(folder: Path) -> Read:
    return sheet(folder, SHEET.strip().replace("\n", "\r"))


@odd("T7 short rows and trailing tabs")
def _(folder: Path) -> Read:
    return sheet(folder, "sample-id\tage\tsite\t\t\ns1\ns2\t3\ns3\t3\tgut\t\t\t\t\n")


@odd("T11 comments, types and blank rows")
def _(folder: Path) -> Read:
    return sheet(folder, "# a\n\n#SampleID\tage\n#q2:types\tnumeric\n#q2:missing\tblank\n\t\n# b\ns1\t1\n")


@odd("T19 formulas and quotes")
def _(folder: Path) -> Read:
    return sheet(folder, 'sample-id\tnote\n=cmd()\t"a ""b""\nc"\ns2\t5" pipe\n')


def columns(folder: Path, content: str, ids: list[str], **expected: list[str]) -> Read:
    """What reads a sheet, and fails if ids or cells are others."""

    def look(found: Metadata) -> Metadata:
        assert list(found.sample_ids) == ids
        assert {name: list(found.columns[name]) for name in expected} == expected
        return found

    return sheet(folder, content, look)


@odd("T8 ids and cells stay as they are written")
def _(folder: Path) -> Read:
    ids = ["0012", "1E5", "10.10", "10.1", "NA", "True", "1e400", "-0"]
    rows = "".join(f"{sample_id}\t{sample_id}\n" for sample_id in ids)
    return columns(folder, f"sample-id\tcopy\n{rows}", ids, copy=ids)


@odd("T14 words for a missing value")
def _(folder: Path) -> Read:
    words = ["", "NA", "n/a", "NaN", "Not Collected", "not applicable", "missing: lab stock", "#N/A", "null"]
    rows = "".join(f"s{number}\t{word}\n" for number, word in enumerate(words))

    def look(found: Metadata) -> Metadata:
        assert np.isnan(found.numeric("age")).tolist() == [True] * len(words) + [False]
        assert list(found.labels("age")) == [""] * len(words) + ["7"]
        return found

    return sheet(folder, f"sample-id\tage\n{rows}s99\t7\n", look)


@odd("T19 tabs and line breaks in cells become spaces")
def _(folder: Path) -> Read:
    content = 'sample-id\tnote\ns1\t"a\n\nb\tc"\ns2\t"\u2028x\u2029y\u0085z"\n'
    return columns(folder, content, ["s1", "s2"], note=["a b c", "x y z"])


@odd("T5 no columns but the ids")
def _(folder: Path) -> Read:
    return sheet(folder, "id\ns1\n")


@odd("W6 a comment at the end of a condition")
def _(folder: Path) -> Read:
    return where(folder, "age > 1 -- and more")
