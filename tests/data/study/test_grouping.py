from __future__ import annotations

import numpy as np
import pytest

from aam.config import SplitOptions
from aam.data.study.folds import FoldOptions, make_folds
from aam.data.study.grouping import likely_grouping
from aam.data.study.split import make_split
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS
from tests.data.study_files import make_study

NUM = 60


def study(columns: dict[str, list[str]]) -> Study:
    return make_study(np.ones((NUM, 2), dtype=np.int64), columns=columns)


def found(columns: dict[str, list[str]]) -> str | None:
    sheet = study(columns).metadata
    assert sheet is not None
    grouping = likely_grouping(sheet)
    return None if grouping is None else grouping.column


def repeated(number: int, start: str = "v") -> list[str]:
    return [f"{start}{i % number}" for i in range(NUM)]


@pytest.mark.parametrize(
    "name", ["subject", "host_subject_id", "Patient ID", "participant", "plotID", "cage_number", "wombatid", "pn_ID"]
)
def test_a_usual_name_with_repeated_values_is_found(name: str) -> None:
    assert found({"sex": repeated(2), name: repeated(12), "place": repeated(15)}) == name


@pytest.mark.parametrize("name", ["host_age", "host_body_site", "sample_id", "run_id", "host_common_name", "plate_id"])
def test_other_names_of_hosts_and_ids_are_not_found(name: str) -> None:
    assert found({name: repeated(4)}) is None


def test_a_column_of_repeated_texts_stands_in() -> None:
    assert found({"sex": repeated(2), "place": repeated(10)}) == "place"
    assert found({"age": [str(i % 10) for i in range(NUM)]}) is None
    assert found({"day": [f"2020-01-{i % 10 + 1:02d}" for i in range(NUM)]}) is None
    assert found({"remark": [f"text {i}" for i in range(NUM)]}) is None


def test_values_that_hardly_repeat_are_no_groups() -> None:
    assert found({"subject": [f"s{i}" for i in range(NUM)]}) is None
    assert found({"subject": ["a"] * NUM}) is None


def test_a_split_says_once_what_to_type() -> None:
    columns = {"subject": repeated(12), "host id": repeated(10)}
    made = study({"subject": columns["subject"]})
    note = (
        "column 'subject' looks like groups of samples (12 values in 60 samples): --group-column subject keeps each on "
        "one side; without it, figures may be better than for a new one"
    )
    values = np.linspace(0, 1, NUM)
    assert make_split(SplitOptions(), made, values, NUMBERS, 1).notes == (note,)
    assert make_split(SplitOptions(group_column="subject"), made, values, NUMBERS, 1).notes == ()
    assert make_split(SplitOptions(), made, None, None, 1).notes == ()
    wanted = FoldOptions(number=5, repeats=1, seed=1)
    folds = make_folds(SplitOptions(), wanted, made, values, NUMBERS)
    assert {fold.split.notes for fold in folds} == {(note,)}
    (quoted,) = make_split(SplitOptions(), study({"host id": columns["host id"]}), values, NUMBERS, 1).notes
    assert "--group-column 'host id' keeps" in quoted


def test_the_target_itself_is_no_grouping() -> None:
    made = study({"patient": repeated(12)})
    made.targets["patient"] = np.array(repeated(12), dtype=object)
    assert make_split(SplitOptions(), made, made.targets["patient"], CLASSES, 1).notes == ()
