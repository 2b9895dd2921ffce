"""Bad metadata files (rows T of the matrix), and conditions on them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aam.data.readers.metadata import Metadata, read_metadata
from tests.badinputs.cases import Read, bad, bad_rows, odd, odd_rows
from tests.factories import write_qza

SHEET = "sample-id\tage\tsite\ns1\t1\tskin\ns2\t2.5\tgut\ns3\tNA\t\n"


def sheet(folder: Path, content: str | bytes = SHEET, then: Callable[[Metadata], object] = lambda m: m) -> Read:
    """Write a sheet; the reader reads it and does something with it."""
    path = folder / "m.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: then(read_metadata(path))


def ages(folder: Path, *cells: str) -> Read:
    rows = "".join(f"s{number}\t{cell}\n" for number, cell in enumerate(cells, start=1))
    return sheet(folder, f"sample-id\tage\n{rows}", lambda m: m.numeric("age"))


@bad("T1 Excel", "m.tsv: is a zip or Excel file; save it as tab-separated text")
def _(folder: Path) -> Read:
    read = sheet(folder)
    with zipfile.ZipFile(folder / "m.tsv", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    return read


def artifact(folder: Path, kind: str, member: str) -> Read:
    write_qza(folder / "m.tsv", kind, SHEET.encode(), member)
    return lambda: read_metadata(folder / "m.tsv")


WHERE_REMEDY = "it is an SQL condition such as \"site == 'skin'\""


def where(folder: Path, condition: str, content: str = SHEET) -> Read:
    return sheet(folder, content, lambda m: m.where(condition))


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


# fmt: off
bad_rows(
    ("T1 commas", "m.tsv: one column found; the file seems comma-separated; tabs are needed",
     sheet, SHEET.replace("\t", ",")),
    ("T1 semicolons", "m.tsv: one column found; the file seems semicolon-separated; tabs are needed",
     sheet, SHEET.replace("\t", ";")),
    ("T1 first column",
     "m.tsv: the first column is named 'age' (line 1); name the column of the sample ids 'sample-id'",
     sheet, "age\tsite\n1\tskin\n"),
    ("T3 UTF-16", "m.tsv: not UTF-8 (byte 0xff at 0: looks like UTF-16); save it as UTF-8",
     sheet, SHEET.encode("utf-16")),
    ("T3 latin-1", "m.tsv: not UTF-8 (byte 0xfc at 19); save it as UTF-8",
     sheet, "sample-id\tsite\ns1\tM\u00fcnchen\n".encode("latin-1")),
    ("T4 duplicate", "m.tsv: duplicate sample id 's1' (lines 2 and 5); each may occur only once",
     sheet, SHEET + " s1 \t9\t\n"),
    ("T4 duplicates", "m.tsv: duplicate sample id 's1' (lines 2 and 5; 2 such rows); each may occur only once",
     sheet, SHEET + "s1\t9\t\ns2\t9\t\n"),
    ("T4 empty id", "m.tsv: 1 row without a sample id (first: line 5); every row needs one",
     sheet, SHEET + "\t9\tgut\n"),
    ("T4 second header", "m.tsv: line 5: 'sample-id' cannot be a sample id; is it a second header?",
     sheet, SHEET + SHEET.split("\n")[0]),
    ("T5 column twice", "m.tsv: column 'age' occurs 2 times; give each column its own name",
     sheet, "sample-id\tage\tage\ns1\t1\t2\n"),
    ("T5 column without a name", "m.tsv: column 2 has no name; every column needs one",
     sheet, "sample-id\t\tage\ns1\t1\t2\n"),
    ("T6 too many cells", "m.tsv: line 2 has 3 cells, the header has 2; is there an extra tab?",
     sheet, "sample-id\tage\ns1\t3\tx\ns2\t4\n"),
    ("T6 and more",
     "m.tsv: column 'age' occurs 2 times; give each column its own name (and 2 more: `aam check` lists them)",
     sheet, "sample-id\tage\tage\ns1\t1\t2\t3\ns1\t1\t2\n"),
    ("T11 late types", "m.tsv: line 5: '#q2:types' cannot be a sample id; is it a second header?",
     sheet, SHEET + "#q2:types\tnumeric\tcategorical\n"),
    ("T12 near", "m.tsv: no column 'Age'; did you mean 'age'? columns: age, site",
     lambda folder: sheet(folder, then=lambda m: m.column("Age"))),
    ("T12 far", "m.tsv: no column 'ph'; columns: age, site",
     lambda folder: sheet(folder, then=lambda m: m.labels("ph"))),
    ("T13 words",
     "m.tsv: column 'age' is not numeric: 2 of 3 values (s2: 'unknown'); "
     "--missing 'unknown' leaves them out, --classifier takes words", ages, "1", "unknown", "NA", "unknown"),
    ("T13 several words",
     "m.tsv: column 'age' is not numeric: 4 of 5 values (3 different: 'tbd', 'None', 'unknown'; first: s1); "
     "--missing 'None,tbd,unknown' leaves them out, --classifier takes words", ages, "None", "tbd", "1", "tbd",
     "unknown"),
    ("T13 many words",
     "m.tsv: column 'age' is not numeric: 11 of 31 values (11 different: 'answer 0', 'answer 1', 'answer 2', "
     "'answer 3' and 7 more; first: s1); empty these cells",
     ages, *(f"answer {number}" for number in range(11)), *"12345678901234567890"),
    ("T13 all different",
     "m.tsv: column 'age' is not numeric: 3 of 3 values (3 different: 'x', 'y', 'z'; first: s1); is it the column "
     "that is "
     "meant?", ages, "x", "y", "z"),
    ("T13 dates",
     "m.tsv: column 'age' is not numeric: 3 of 3 values (2 different: '1/1/2017', '2/1/2017'; first: s1); dates are no "
     "numbers: count days or years from one of them in a new column", ages, "1/1/2017", "2/1/2017", "1/1/2017"),
    ("T13 units",
     "m.tsv: column 'age' is not numeric: 2 of 3 values (2 different: '5 cm', '<2'; first: s1); write numbers alone, "
     "without "
     "units or signs", ages, "5 cm", "<2", "3"),
    ("T13 a word with a quote",
     "m.tsv: column 'age' is not numeric: 1 of 2 values (s1: 'don't know'); --missing \"don't know\" leaves them out, "
     "--classifier takes words", ages, "don't know", "3"),
    ("T13 words and commas",
     "m.tsv: column 'age' is not numeric: 1 of 4 values (s1: 'tbd'); --missing 'tbd' leaves them out, --classifier "
     "takes "
     "words (and 2 more: `aam check` lists them)", ages, "tbd", "2,5", "inf", "1"),
    ("T16 infinite", "m.tsv: column 'age': value 'inf' (s2) is not finite; --missing 'inf' leaves it out",
     ages, "1", "inf"),
    ("T16 too large", "m.tsv: column 'age': value '1e400' (s1) is not finite; --missing '1e400' leaves it out",
     ages, "1e400", "1"),
    ("T16 decimal comma", "m.tsv: column 'age': '3,5' (s2) looks like a decimal comma; write numbers with a point",
     ages, "1", "3,5"),
    ("T19 NUL", "m.tsv: line 2 has a NUL character; the file is damaged or is not text",
     sheet, "sample-id\tage\ns1\t1\0\n"),
    ("T19 quote", 'm.tsv: line 3 cannot be read (<any>); is a quote (") not closed, or a cell too long?',
     sheet, 'sample-id\tage\ns1\t1\ns2\t"2\ns3\t3\n'),
    ("T19 cell", 'm.tsv: line 2 cannot be read (<any>); is a quote (") not closed, or a cell too long?',
     sheet, f"sample-id\tage\ns1\t{'x' * 10_000_000}\n"),
    ("T20 empty", "m.tsv: the file is empty", sheet, ""),
    ("T20 comments", "m.tsv: no samples: the file has only blank lines and comments", sheet, "# nothing\n\n"),
    ("T20 header only", "m.tsv: no samples after the header; every sample needs a row", sheet, SHEET.split("\n")[0]),
    ("W1 unknown column",
     "m.tsv: --where cannot be used (no such column: sitee); did you mean 'site'? columns: age, site",
     where, "sitee == 'skin'"),
    ("W1 unknown column in quotes",
     "m.tsv: --where cannot be used (no such column: agee); did you mean 'age'? Texts stand in single quotes",
     where, '"agee" > 0.9'),
    ("W1 brackets", "m.tsv: --where cannot be used (no such column: body); write [body-site]",
     where, "body-site = 'gut'", "id\tbody-site\ns1\tgut\n"),
    ("W1 a word of SQL", "m.tsv: --where cannot be used (near 'group': a word of SQL); write [group]",
     where, "group = 'a'", "id\tgroup\ns1\ta\n"),
    ("W2 no SQL", f"m.tsv: --where cannot be used (near 'where': syntax error); {WHERE_REMEDY}", where, "where age is"),
    ("W2 a text alone",
     "m.tsv: --where cannot be used (the text 'gut' stands where a condition is needed); compare a column each time: "
     "site = 'gut' OR site = 'skin'", where, "site = 'skin' OR 'gut'"),
    ("W3 writes", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}", where, "1); DROP TABLE sheet; --"),
    ("W3 attaches", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}", where, "1); ATTACH '/tmp/x' AS x; --"),
    ("W3 loads", "m.tsv: --where cannot be used (no function load_extension); known are abs, coalesce, <any>",
     where, "load_extension('x')"),
    ("W3 other tables", f"m.tsv: --where cannot be used (<any>); {WHERE_REMEDY}",
     where, "age IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"),
    ("W3 leaves its parentheses",
     f"m.tsv: --where cannot be used (near ')' after 0: syntax error); {WHERE_REMEDY}",
     where, "0) UNION SELECT 99999 WHERE (1"),
    ("W3 queries",
     f"m.tsv: --where cannot be used (near 'SELECT': a condition cannot hold a query or another statement); "
     f"{WHERE_REMEDY}",
     where, "age IN (SELECT 1)"),
    ("W6 words among numbers",
     "m.tsv: --where cannot be used (1 of 2 values of 'age' is not a number, s2: 'unknown'); CAST(age AS REAL) leaves "
     "them "
     "out, quotes around the number compare texts", where, "age > 5", "id\tage\ns1\t7\ns2\tunknown\n"),
    ("W6 a number in quotes",
     "m.tsv: --where cannot be used ('5' is a text, and the numbers in 'age' have another order as texts); write age "
     "> 5",
     where, "age > '5'", "id\tage\ns1\t7\ns2\t10\n"),
    ("W6 no numbers",
     "m.tsv: --where cannot be used (2 of 2 values of 'site' are not numbers, s1: 'skin'); numbers stand without "
     "quotes, "
     "texts in single quotes", where, "site = 3"),
    ("W4 empty", "m.tsv: the condition of --where is empty; give one, or leave out --where", where, " "),
    ("W5 case", "m.tsv: --where cannot be used (columns 'pH' and 'ph' are the same in it); rename one of them",
     where, "ph > 1", "sample-id\tpH\tph\ns1\t1\t2\n"),
)
bad_rows(
    ("T1 sequences in an archive",
     "m.tsv: holds SampleData[SequencesWithQuality], no metadata of samples; ImmutableMetadata or "
     "SampleData[...] is needed",
     artifact, "SampleData[SequencesWithQuality]", "x.fastq.gz"),
    ("T1 an archive without a table", "m.tsv: 0 data files .tsv in it, 1 is needed",
     artifact, "SampleData[Other]", "x.txt"),
)
odd_rows(
    ("T1 an artifact", artifact, "SampleData[AlphaDiversity]", "alpha-diversity.tsv"),
    ("T2 BOM and CRLF", sheet, b"\xef\xbb\xbf" + SHEET.replace("\n", "\r\n").encode()),
    ("T2 CR and no final line end", sheet, SHEET.strip().replace("\n", "\r")),
    ("T7 short rows and trailing tabs", sheet, "sample-id\tage\tsite\t\t\ns1\ns2\t3\ns3\t3\tgut\t\t\t\t\n"),
    ("T11 comments, types and blank rows",
     sheet, "# a\n\n#SampleID\tage\n#q2:types\tnumeric\n#q2:missing\tblank\n\t\n# b\ns1\t1\n"),
    ("T19 formulas and quotes", sheet, 'sample-id\tnote\n=cmd()\t"a ""b""\nc"\ns2\t5" pipe\n'),
    ("T1 R's row names", sheet, "\tage\ns1\t3\n"),
    ("T5 no columns but the ids", sheet, "id\ns1\n"),
    ("W6 a comment at the end of a condition", where, "age > 1 -- and more"),
)
# fmt: on
