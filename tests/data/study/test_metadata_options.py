"""A study read with ``--not-missing``, ``--match-ids``, ``--where``, and what is said of labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.study.summary import has_warnings
from aam.data.targets.kinds import CLASSES, NUMBERS
from aam.errors import ConfigError, InputError
from tests.data.study_files import NUM_SAMPLES, Files, write_sheet, write_study

AGE = TargetRequest(kind=NUMBERS, columns=("age",), missing=("unknown",))
CATION = TargetRequest(kind=CLASSES, columns=("cation",))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_study(tmp_path)


def load(files: Files, target: TargetRequest | None, **options: object) -> Study:
    return load_study(files.table(), files.study(**options), None, target)


def sheet(files: Files, column: str, cells: list[str], ids: list[str] | None = None) -> None:
    rows = [[name, cell] for name, cell in zip(ids or files.sample_ids, cells, strict=True)]
    write_sheet(files.folder / "metadata.tsv", ["sample-id", column], rows)


def test_a_class_called_na_is_kept_if_asked(files: Files) -> None:
    sheet(files, "cation", ["NA", "K", "not collected"] * 4)
    without = load(files, CATION)
    assert set(without.targets["cation"]) == {"K"}
    assert without.notes == ("column 'cation': 4 cells 'NA' taken as missing; --not-missing NA keeps it as a class",)
    kept = load(files, CATION, not_missing=("na",))
    assert list(kept.targets["cation"]) == ["NA", "K"] * 4
    assert kept.notes == ()
    assert len(load(files, CATION, not_missing=("na",), where="cation = 'NA'")) == 4


def test_a_word_cannot_be_missing_and_kept(files: Files) -> None:
    target = TargetRequest(kind=CLASSES, columns=("site",), missing=("NA",))
    with pytest.raises(ConfigError, match="--missing and --not-missing both name 'na': leave one out"):
        load(files, target, not_missing=("Na",))


def test_missing_words_of_the_target_are_missing_in_conditions(files: Files) -> None:
    sheet(files, "age", ["unknown", *map(str, range(1, NUM_SAMPLES))])
    assert len(load(files, AGE, where="age > 5")) == NUM_SAMPLES - 6
    with pytest.raises(InputError, match="1 of 12 values of 'age' is not a number, s00: 'unknown'"):
        load(files, None, where="age > 5")


def test_notes_of_a_condition_are_notes_of_the_study(files: Files) -> None:
    sheet(files, "code", ["01", "1", *["2"] * 10])
    (note,) = load(files, None, where="code = '01' OR code = '2'").notes
    assert note.startswith("--where compares 'code' with the text '01': 1 cell with another text for this number")


def test_ids_match_loosely_if_asked(files: Files) -> None:
    ids = [*files.sample_ids[:10], "S10", "s-11"]
    sheet(files, "age", [str(number) for number in range(NUM_SAMPLES)], ids)
    exact = load(files, AGE)
    assert len(exact) == 10
    assert exact.notes[0].startswith(
        "warning: 1 sample is in the metadata under another id (table: 's10', metadata: 'S10')"
    )
    assert has_warnings(exact)
    loose = load(files, AGE, match_ids="loose", where="[sample-id] IN ('s10', 's09')")
    assert loose.targets["age"].tolist() == [9, 10]
    assert loose.notes[0] == "--match-ids loose: 1 id of the metadata taken for ids of the table: 'S10' is 's10'"


def test_a_single_match_says_what_else_may_match(files: Files) -> None:
    ids = [files.sample_ids[0], *(name.upper() for name in files.sample_ids[1:])]
    sheet(files, "age", [str(number) for number in range(NUM_SAMPLES)], ids)
    with pytest.raises(InputError, match=r"only 1 of 12 samples .* is in it; 11 samples are in the metadata under"):
        load(files, AGE)


def test_labels_that_differ_in_writing_are_noted(files: Files) -> None:
    sheet(files, "cation", ["Na+", "na+"] * 6)
    (note,) = load(files, CATION).notes
    assert note.endswith("'Na+' and 'na+' differ only in how they are written, and count as different classes")
    groups = TargetRequest(kind=NUMBERS, columns=("age",), groups=("subject",))
    write_sheet(
        files.folder / "metadata.tsv",
        ["id", "age", "subject"],
        [[name, str(row), ("p1", "P1")[row % 2]] for row, name in enumerate(files.sample_ids)],
    )
    (note,) = load(files, groups).notes
    assert note.endswith("'P1' and 'p1' differ only in how they are written, and count as different groups")
