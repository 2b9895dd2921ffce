from __future__ import annotations

import os
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.text import (
    decode_text,
    duplicates,
    first_bytes,
    format_pace,
    listed,
    plural,
    printable,
    read_bytes,
    read_ids,
    shorten,
    spreadsheet_safe,
)


@pytest.mark.parametrize(
    ("text", "length", "shown"),
    [
        ("short", 24, "short"),
        ("x" * 24, 24, "x" * 24),
        ("x" * 25, 24, "x" * 21 + "..."),
        ("two\nlines", 24, "two?lines"),
        ("\x1b[31mred", 24, "?[31mred"),
        ("\n" * 1_000_000, 10, "?" * 7 + "..."),
        ("ü", 1, "ü"),
        ("", 5, ""),
    ],
)
def test_shorten(text: str, length: int, shown: str) -> None:
    assert shorten(text, length) == shown


def test_listed() -> None:
    assert listed([]) == ""
    assert listed(["a", 2]) == "a, 2"
    assert listed("abc") == "a, b, c"
    assert listed("abcd") == "a, b, c, ..."
    assert listed(iter(range(10**12)), most=2) == "0, 1, ..."


def test_plural() -> None:
    assert plural(1, "sample") == "1 sample"
    assert plural(0, "sample") == "0 samples"
    assert plural(12_345, "class", "es") == "12,345 classes"
    assert [plural(2, name) for name in ("study", "day", "Country", "y")] == [
        "2 studies",
        "2 days",
        "2 Countries",
        "2 ys",
    ]


def test_duplicates() -> None:
    assert duplicates("id", ["a", "b"]) == ""
    assert duplicates("id", ["b", "a", "a", "a"]) == "duplicate id 'a' (3 times)"
    assert duplicates("id", ["b", "a", "b", "a"]) == "duplicate id 'b' (2 times; 2 such ids)"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a\tb\n", "a\tb\n"),
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc"),
        ("ü☃".encode(), "ü☃"),
    ],
)
def test_decode_text(content: bytes, text: str) -> None:
    assert decode_text(content, "x") == text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a\xffb", r"not UTF-8 \(byte 0xff at 1\)"),
        ("a".encode("utf-16"), "looks like UTF-16"),
        (b"a\nb\0", "line 2 has a NUL character"),
    ],
)
def test_what_is_not_text(content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        decode_text(content, "x")


def test_read_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abcdef")
    assert read_bytes(path) == b"abcdef"
    assert read_bytes(str(path), 3) == b"abc"


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "packed").write_bytes(b"\x1f\x8bxx")
    os.mkfifo(tmp_path / "pipe")
    for name, problem in {
        "absent": "no such file",
        "": "is a folder or a pipe",
        "pipe": "is a folder or a pipe",
        "empty": "the file is empty",
        "packed": "packed with gzip; unpack it first",
    }.items():
        with pytest.raises(InputError, match=problem):
            read_bytes(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / "a")


def test_read_ids(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(b"\xef\xbb\xbfs1\r\n  s2 \n\n10317.0001\n")
    assert read_ids(path) == ["s1", "s2", "10317.0001"]
    path.write_text("s1\ns2\ns1\n")
    with pytest.raises(InputError, match=r"ids\.txt: duplicate id 's1' \(2 times\)"):
        read_ids(path)


def test_first_bytes() -> None:
    assert first_bytes(b"\x89HDF\r\n\x1a\n and more") == "?HDF???? and"
    assert first_bytes(b"abc") == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00fcn\u00efcode", "plain, \u00fcn\u00efcode"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x1b]0;title\x07", "?[31mred?]0;title?"),
        ("back\rover \u202egnp.exe \x9b2J", "back?over ?gnp.exe ?2J"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\uff1d1", "  =1", "-", "+inf()", "-1e", "=-5"])
def test_a_formula_is_quoted(cell: str) -> None:
    assert spreadsheet_safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "s1", "a=b", "-5", "+1.5", "-.5", "-1.25e-07", "-inf", '["=a", "b"]', "'=1"])
def test_what_is_no_formula_stays(cell: str) -> None:
    assert spreadsheet_safe(cell) == cell


def test_a_cell_stays_one_cell() -> None:
    assert spreadsheet_safe("a\tb\nc") == "a b c"
    assert spreadsheet_safe("\t=1") == "' =1"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "0.012 seconds"), (2, "2.0 seconds"), (9.96, "10 seconds"), (300, "5 minutes"), (9_000, "2.5 hours")],
)
def test_pace(seconds: float, words: str) -> None:
    assert format_pace(seconds) == words
