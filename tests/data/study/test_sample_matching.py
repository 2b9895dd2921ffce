from __future__ import annotations

import numpy as np
import pytest

from aam.data.readers.metadata import Metadata
from aam.data.study.sample_matching import loose, matched, nothing_in_common, other_spelling_note
from aam.errors import InputError


def sheet(*sample_ids: str) -> Metadata:
    return Metadata("m.tsv", np.array(sample_ids, dtype=object), {}, ())


@pytest.mark.parametrize(
    ("table", "metadata"),
    [
        ("0012", "12"),
        ("12", "12.0"),
        ("100000", "1E+05"),
        ("1E5", "100000"),
        ("12", "X12"),
        ("12-A_3", "X12.A.3"),
        ("s-1", "s.1"),
        ("s 1", "S_1"),
        (" s1", "s1"),
        ("MAR1", "1-Mar"),
        ("SEPT2", "2-Sep"),
        ("DEC01", "Dec-01"),
        ("123456789012345678901", "X123456789012345678901"),
    ],
)
def test_mangled_ids_are_known_again(table: str, metadata: str) -> None:
    assert loose(table) == loose(metadata)
    found = matched(np.array(["other", table]), sheet(metadata, "third"), "loose")
    assert found.sample_ids.tolist() == [table, "third"]
    assert found.notes == (
        f"--match-ids loose: 1 id of the metadata taken for ids of the table: '{metadata}' is '{table}'",
    )
    assert matched(np.array([table]), sheet(metadata), "exact").sample_ids.tolist() == [metadata]


@pytest.mark.parametrize(
    ("table", "metadata"),
    [
        ("s1", "s2"),
        ("12", "13"),
        ("X", "12"),
        ("s12", "12"),
        ("MARKER1", "1-Mar"),
        ("1-2", "12"),
        ("1234567", "1234568"),
    ],
)
def test_other_ids_stay_apart(table: str, metadata: str) -> None:
    assert loose(table) != loose(metadata)


def test_ids_that_match_exactly_are_left_alone() -> None:
    found = matched(["a", "A", "b.1"], sheet("A", "a", "b-1"), "loose")
    assert found.sample_ids.tolist() == ["A", "a", "b.1"]
    assert matched(["12", "012"], sheet("12"), "loose").notes == ()


@pytest.mark.parametrize(
    ("table", "metadata"),
    [(["a", "A"], [" a"]), (["0012"], ["12", "12.0"]), (["12", "012"], ["12", "0012"]), (["a-1", "a.1"], ["a_1"])],
)
def test_ids_that_could_be_several_are_refused(table: list[str], metadata: list[str]) -> None:
    with pytest.raises(InputError, match=r"m\.tsv: --match-ids loose cannot tell .* apart; rename them"):
        matched(table, sheet(*metadata), "loose")


@pytest.mark.parametrize(
    ("table", "metadata", "said"),
    [
        ("0012", "12", "did a program drop leading zeros? --match-ids loose takes them for the same"),
        ("a", "A", "does the case of the letters differ? --match-ids loose"),
        ("12", "12.0", "did a spreadsheet write the ids as numbers? --match-ids loose"),
        ("12-A", "X12.A", "did R change the ids (X before a digit, dots for other signs)? --match-ids loose"),
        ("MAR1", "1-Mar", "did a spreadsheet turn ids into dates? --match-ids loose"),
        ("s-1a", "S.1A", "did a program change the ids? --match-ids loose"),
        ("1-2", "2-Jan", "did a spreadsheet turn ids into dates ('2-Jan')? Start from the original file"),
        ("123456789012", "1.23457E+11", "did a spreadsheet shorten long numbers ('1.23457E+11')? Start from"),
    ],
)
def test_a_likely_cause_is_named(table: str, metadata: str, said: str) -> None:
    error = str(nothing_in_common(["other", table], "t.tsv", sheet("third", metadata)))
    assert said in error
    if "loose" in said:
        assert f"(table: '{table}', metadata: '{metadata}')" in error


def test_a_part_of_the_ids_in_another_spelling_is_noted() -> None:
    note = other_spelling_note(["s1", "0012", "0013", "x"], sheet("s1", "12", "13", "y"))
    assert note == (
        "2 samples are in the metadata under another id (table: '0012', metadata: '12'): "
        "did a program drop leading zeros? --match-ids loose takes them for the same"
    )
    assert other_spelling_note(["s1", "x"], sheet("s1", "y")) == ""
