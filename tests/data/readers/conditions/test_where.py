"""What a condition of ``--where`` means for texts, numbers and missing words, as a table."""

from __future__ import annotations

import random
import re
import sqlite3
from pathlib import Path

import pytest

from aam.data.readers.conditions.functions import FUNCTIONS
from aam.data.readers.conditions.tokens import KEYWORDS
from aam.data.readers.metadata import Metadata, read_metadata
from aam.errors import InputError

SHEET = """\
sample-id\tage\tcode\tbig\tmixed\tsite\tbody-site\tgroup\tdate\tdepth\tctrl
s1\t1\t0012\t9007199254740992\t3\tgut\tleft palm\ta\t2017-03-01\t2\tTrue
s2\t10\t12\t9007199254740993\tunknown\tskin\tgut\tb\t2016-12-31\t9.5\tFalse
s3\t9\t1.10\t1\t30\tNA\tgut\ta\t2017-03-02\tnot collected\tFalse
s4\tNA\t1.1\t2\t7\tGut\t\tNA\t\t20\tTrue
s5\t5.0\t1E5\t3\tmissing: lost\tnot collected\ttongue\tb\t2018-01-01\t-1\tFalse
"""


@pytest.fixture
def sheet(tmp_path: Path) -> Metadata:
    path = tmp_path / "m.tsv"
    path.write_text(SHEET)
    return read_metadata(path)


def ids(sheet: Metadata, condition: str) -> str:
    return " ".join(sample_id[1:] for sample_id in sheet.sample_ids[sheet.where(condition).holds])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        # a column and a text: texts, as written
        ("code = '0012'", "1"),
        ("code = '12'", "2"),
        ("code == '1.10'", "3"),
        ("'1.1' = code", "4"),
        ("code IN ('0012', '1.1')", "1 4"),
        ("code != '12'", "1 3 4 5"),
        ("code NOT IN ('0012', '12')", "3 4 5"),
        ("big = '9007199254740993'", "2"),
        ("mixed = '3'", "1"),
        ("code LIKE '1%'", "2 3 4 5"),
        ("code GLOB '1.1*'", "3 4"),
        ("substr(code, 1, 2) = '00'", "1"),
        ("code || '!' = '12!'", "2"),
        ("[sample-id] = 's2'", "2"),
        ("sampleid IN ('s1', 's5')", "1 5"),
        ("id LIKE 'S1'", "1"),
        ("date >= '2017-01-01'", "1 3 5"),
        ("date BETWEEN '2017-01-01' AND '2017-12-31'", "1 3"),
        ("julianday(date) > 2457814", "3 5"),
        # a column and a number: numbers
        ("age > 5", "2 3"),
        ("age >= 5 AND age < 10", "3 5"),
        ("5 < age", "2 3"),
        ("age = 5", "5"),
        ("age BETWEEN 1 AND 9", "1 3 5"),
        ("age IN (1, 10)", "1 2"),
        ("age NOT IN (1, 10)", "3 5"),
        ("age / 2 > 2.4", "2 3 5"),
        ("-age < -8", "2 3"),
        ("code = 12", "1 2"),
        ("big = 9007199254740993", "2"),
        ("depth > -2", "1 2 4 5"),
        ("CAST(mixed AS REAL) > 5", "3 4"),
        ("CAST(age AS INTEGER) % 2 = 1", "1 3 5"),
        ("round(depth) = 10", "2"),
        # two columns: numbers where both are
        ("age > depth", "2 5"),
        ("age = depth", ""),
        ("max(age, depth) = 10", "2"),
        ("site = [body-site]", ""),
        # words for a missing value are NULL in both
        ("age IS NULL", "4"),
        ("age NOTNULL", "1 2 3 5"),
        ("site IS NULL", "3 5"),
        ("site != 'gut'", "2 4"),
        ("NOT site = 'gut'", "2 4"),
        ("site IS NOT 'gut'", "2 3 4 5"),
        ("coalesce(site, 'none') = 'none'", "3 5"),
        ("mixed IS NULL", "5"),
        ("ifnull(depth, 0) = 0", "3"),
        # case and names
        ("site = 'gut' COLLATE NOCASE", "1 4"),
        ("lower(site) = 'gut'", "1 4"),
        ("SITE = 'gut' or Site = 'skin'", "1 2"),
        ("[body-site]='gut'", "2 3"),
        ("\"body-site\" = 'gut' AND \"group\" = 'a'", "3"),
        ("`group` = 'b'", "2 5"),
        ("[body-site] IN ('left palm', 'tongue')", "1 5"),
        ("[group]='a' AND NOT [body-site]='gut'", "1"),
        # logic, and what surrounds it
        ("site = 'gut' AND age > 5 OR [group] = 'b'", "2 5"),
        ("CASE WHEN age > 5 THEN 'old' ELSE 'young' END = 'old'", "2 3"),
        ("CASE site WHEN 'gut' THEN 1 WHEN 'skin' THEN 2 END = 2", "2"),
        ("iif(site = 'gut', age, depth) = 1", "1"),
        ("nullif(age, 10) IS NULL", "2 4"),
        ("ctrl = 'True' -- controls", "1 4"),
        ("/* all */ 1", "1 2 3 4 5"),
        ("age IN ()", ""),
        ("site = 'it''s'", ""),
    ],
)
def test_what_a_condition_keeps(sheet: Metadata, condition: str, expected: str) -> None:
    assert ids(sheet, condition) == expected


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("'x' = \"sitee\"", "(no such column: sitee); did you mean 'site'? Texts stand in single quotes"),
        ('"agee" > 0.9', "(no such column: agee); did you mean 'age'? Texts stand in single quotes"),
        ('site = "skin"', ". Texts stand in single quotes: 'skin'"),
        ("site = skin", ". Texts stand in single quotes: 'skin'"),
        ("sitee = 'gut'", "(no such column: sitee); did you mean 'site'? columns: "),
        ("body-site = 'gut'", "(no such column: body); write [body-site]"),
        ("group = 'a'", "(near 'group': a word of SQL); write [group]"),
        ("age > 1 AND group IN ('a')", "(near 'group': a word of SQL); write [group]"),
        ("mixed > 5", "(1 of 4 values of 'mixed' is not a number, s2: 'unknown'); CAST(mixed AS REAL) leaves them out"),
        ("mixed = 3", "(1 of 4 values of 'mixed' is not a number, s2: 'unknown')"),
        ("mixed + 1 > 5", "(1 of 4 values of 'mixed' is not a number, s2: 'unknown')"),
        ("mixed > age", "(1 of 4 values of 'mixed' is not a number, s2: 'unknown')"),
        ("site > 5", "(3 of 3 values of 'site' are not numbers, s1: 'gut'); numbers stand without quotes"),
        ("age > '5'", "('5' is a text, and the numbers in 'age' have another order as texts); write age > 5"),
        ("'5' <= age", "and the numbers in 'age' have another order as texts); write age >= 5"),
        ("age BETWEEN '1' AND '9'", "have another order as texts); write age"),
        ("mixed < '4'", "('4' is a text, and the numbers in 'mixed' have another order as texts)"),
        ("age > 'old'", "('age' holds numbers, 'old' is a text); numbers stand without quotes"),
        ("site = 'gut' OR 'skin'", "(the text 'skin' stands where a condition is needed); compare a column each time"),
        ("ctrl", "values of 'ctrl' are not numbers, s1: 'True'"),
        ("1 < age < 5", "(a condition is compared with something); write each comparison out"),
        ("age = NULL", "(= NULL never holds); write IS NULL or IS NOT NULL"),
        ("lower(site) = 5", "(a text is compared with a number)"),
        ("coalesce(site, 0) = 0", "values of 'site' are not numbers"),
        ("coalesce(site, 'a', 0) = 0", "(texts and numbers are mixed)"),
        ("age + 'x' = 3", "('x' is a text where a number is needed)"),
        ("length(5) = 1", "(5 is a number where a text is needed)"),
        ("age > 5 AND", "(near its end after AND: syntax error)"),
        ("(age > 5", "(near its end after 5: syntax error)"),
        ("age > 5)", "(near ')' after 5: syntax error)"),
        ("age > 5x", "a number runs into a word"),
        ("site = 'gut", "(' is not closed, near 'gut)"),
        ("site = ?", "(near '?')"),
        ("site = \u2018gut\u2019", "; write straight quotes: '"),
        ("sheet.age > 5", "(near '.' after sheet: syntax error)"),
        ("age AS x", "(near 'AS' after age: syntax error)"),
        ("CASE age END", "(CASE without WHEN)"),
        ("site COLLATE german = 'x'", "(no order 'german' to COLLATE by)"),
        ("strftime('%Y', 'now') = '2026'", "('now') would select other samples each day"),
        ("unicode(site) = 1", "(no function unicode); known are abs, coalesce"),
        ("lower() = 'x'", "(lower does not take 0 arguments)"),
        ("(" * 200 + "1" + ")" * 200, "(it is nested too deeply)"),
        ("+".join("1" * 5000), "--where cannot be used ("),
    ],
)
def test_what_a_condition_cannot_be(sheet: Metadata, condition: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        sheet.where(condition)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "condition",
    [
        "0) UNION SELECT 99999 WHERE (1",
        "0) UNION SELECT -1 WHERE (1",
        "1); DROP TABLE sheet; --",
        "1; PRAGMA table_info(sheet)",
        "age IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "(SELECT count(*) FROM sqlite_master) > 0",
        "age IN sheet",
        "1 ORDER BY age",
        "1 LIMIT 1",
        "1 GROUP BY age",
        "load_extension('x')",
        "readfile('/etc/passwd') = ''",
        "randomblob(1000000000) = ''",
        "random() > 0",
        "sqlite_version() = '3'",
        "ATTACH '/tmp/x' AS x",
        "1 WINDOW w AS (PARTITION BY age)",
        "sum(age) OVER () > 1",
        "(age, 1) = (1, 1)",
        "x'00' = age",
        "site MATCH 'gut'",
        "site REGEXP 'gut'",
        "number > 0",
        "t0 = 'x'",
        "rowid > 0",
    ],
)
def test_a_condition_reaches_nothing_but_the_columns(sheet: Metadata, condition: str) -> None:
    with pytest.raises(InputError, match="--where cannot be used"):
        sheet.where(condition)


def test_cells_with_another_text_for_a_number_are_noted(sheet: Metadata) -> None:
    (note,) = sheet.where("code = '12' OR code IN ('12')").notes
    assert note == (
        "--where compares 'code' with the text '12': 1 cell with another text for this number (first: '0012'); "
        "code = 12 compares numbers"
    )
    assert sheet.where("age = 5 AND code = '1.1' OR site = 'gut'").notes
    assert sheet.where("age = 5 OR site = '12'").notes == ()


def test_further_missing_words_are_null_in_their_column(sheet: Metadata) -> None:
    assert sheet.where("mixed > 5", {"mixed": ["unknown"]}).holds.tolist() == [False, False, True, True, False]
    assert sheet.where("mixed IS NULL", {"mixed": ["Unknown "]}).holds.tolist() == [False, True, False, False, True]


def test_kept_words_are_values_in_texts(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    path.write_text(SHEET)
    kept = read_metadata(path, ("na", "missing: lost"))
    assert ids(kept, "[group] = 'NA'") == "4"
    assert ids(kept, "site IS NULL") == "5"
    assert ids(kept, "mixed = 'missing: lost'") == "5"
    assert ids(kept, "age IS NULL") == "4"
    assert ids(kept, "age > 5") == "2 3"


def test_a_name_in_brackets_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "m.tsv"
    names = ["a b", "a.b", "1st", 'q"q', "it's", "pH (water)", "select", "order", "weiß"]
    path.write_text("\t".join(["id", *names]) + "\n" + "\t".join(["s1", *"123456789"]) + "\n")
    sheet = read_metadata(path)
    for number, name in enumerate(names, start=1):
        assert sheet.where(f"[{name}] = {number}").holds.all()
        doubled = name.replace('"', '""')
        assert sheet.where(f'"{doubled}" = {number}').holds.all()
    assert sheet.where("weiß = 9").holds.all()
    for wrong, right in (("a b = 1", "[a b]"), ("a.b = 2", "[a.b]"), ("1st = 3", "[1st]"), ("order = 8", "[order]")):
        with pytest.raises(InputError) as error:
            sheet.where(wrong)
        assert str(error.value).endswith(f"; write {right}")


def test_precedence_is_that_of_sqlite(tmp_path: Path) -> None:
    """Random expressions of numbers, against SQLite itself."""
    rng = random.Random(0)
    rows = [[rng.choice([None, 0, 1, 2, -1, 2.5]) for _ in "abc"] for _ in range(12)]
    rows.append([3, 3, 3])
    path = tmp_path / "m.tsv"
    lines = ["\t".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("id\ta\tb\tc\n" + "".join(f"s{number}\t{line}\n" for number, line in enumerate(lines)))
    sheet = read_metadata(path)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE m (a REAL, b REAL, c REAL)")
    connection.executemany("INSERT INTO m VALUES (?, ?, ?)", rows)
    agreed = 0
    while agreed < 300:
        condition = _random_words(rng)
        try:
            expected = [bool(kept) for (kept,) in connection.execute(f"SELECT {condition} FROM m")]
            found = sheet.where(condition).holds.tolist()
        except (sqlite3.Error, InputError):
            continue
        assert found == expected, condition
        agreed += 1
    connection.close()


def _random_words(rng: random.Random) -> str:
    binary = ["+", "-", "*", "/", "%", "&", "|", "<<", "=", "==", "<>", "!=", "<", "<=", ">", ">=", "AND", "OR", "IS"]
    words = []
    for place in range(rng.randint(2, 5)):
        if place:
            words.append(rng.choice([*binary, "IS NOT", "IS NOT DISTINCT FROM", "NOT IN (1, 2) OR", "BETWEEN 0 AND"]))
        words += [*rng.choices(["", "-", "NOT", "~", "+"], [8, 1, 1, 1, 1]), rng.choice([*"abc", "1", "2", "0.5"])]
        words.append(rng.choices(["", "IS NULL", "NOT NULL", "NOTNULL", "IN (1, 3)"], [9, 1, 1, 1, 1])[0])
    return " ".join(filter(None, words))


def test_the_documented_functions_are_those_there_are() -> None:
    page = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")
    sentence = page.split("there are the functions ")[1].split(". ")[0]
    assert re.findall(r"`(\w+)`", sentence) == list(FUNCTIONS)


def test_keywords_are_those_of_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    for word in KEYWORDS.split():
        if word not in ("false", "null", "true"):
            with pytest.raises(sqlite3.OperationalError):
                connection.execute(f"SELECT {word} FROM (SELECT 1 AS [{word}])")
