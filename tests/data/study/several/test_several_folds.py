from __future__ import annotations

import numpy as np
import pytest

from aam.config import SplitOptions
from aam.data.study.folds import Fold, FoldOptions
from aam.data.study.several.folds import in_turn_words, make_study_folds
from aam.data.study.several.labels import joined, level_weights, studies_of_table, study_labels
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, Kind
from aam.errors import AamError
from tests.data.study_files import make_study

STUDIES = ["a"] * 20 + ["b"] * 15 + ["c"] * 12 + ["tiny"] * 4
NUM = len(STUDIES)
SUBJECTS = [f"{name}{row // 2}" for row, name in enumerate(STUDIES)]
VALUES = np.random.default_rng(0).random(NUM)


def study(studies: list[str] = STUDIES, subjects: list[str] = SUBJECTS) -> Study:
    counts = np.ones((len(studies), 2), dtype=np.int64)
    return make_study(counts, columns={"study": studies, "subject": subjects})


def folds(
    found: Study, values: np.ndarray = VALUES, kind: Kind = NUMBERS, repeats: int = 1, **options: object
) -> list[Fold]:
    wanted = FoldOptions(number=0, repeats=repeats, seed=3)
    return make_study_folds(SplitOptions(**options), wanted, found, "study", values, kind)


@pytest.mark.parametrize("group_column", [None, "subject"])
def test_each_study_is_tested_by_the_others(group_column: str | None) -> None:
    made = folds(study(), repeats=2, group_column=group_column)
    assert [(fold.repeat, fold.study) for fold in made] == [(r, name) for r in (1, 2) for name in "abc"]
    labels = np.array(STUDIES)
    for fold in made:
        assert set(labels[fold.split.test]) == {fold.study}
        assert (labels == fold.study).sum() == len(fold.split.test)
        rest = np.concatenate([fold.split.train, fold.split.validation])
        assert sorted(rest.tolist()) == np.flatnonzero(labels != fold.study).tolist()
        assert fold.whole_studies
        assert not set(labels[fold.split.train]) & set(labels[fold.split.validation])
    assert made[0].split.notes == (
        "study 'tiny' is not tested (4 samples, of 10 that are needed); its samples train in every fold",
    )


def test_of_two_studies_groups_stay_whole_within() -> None:
    made = folds(study(STUDIES[:35], SUBJECTS[:35]), VALUES[:35], group_column="subject")
    subjects = np.array(SUBJECTS)
    assert [fold.study for fold in made] == ["a", "b"]
    for fold in made:
        assert not fold.whole_studies
        assert not set(subjects[fold.split.train]) & set(subjects[fold.split.validation])


def test_a_study_of_one_class_is_not_tested() -> None:
    classes = np.array(["x", "y"] * 25 + ["x"], dtype=object)
    classes[:20] = "x"
    made = folds(study(), classes, CLASSES)
    assert [fold.study for fold in made] == ["b", "c"]
    assert made[0].split.notes[0].startswith("study 'a' is not tested (one class)")
    classes[25] = "only here"
    made = folds(study(), classes, CLASSES)
    assert [fold.study for fold in made] == ["c"]
    assert "(class 'only here' is in no other study)" in made[0].split.notes[1]


def test_a_subject_of_two_studies_is_refused() -> None:
    subjects = [*SUBJECTS[:20], SUBJECTS[0], *SUBJECTS[21:]]
    problem = "1 group of column 'subject' in several studies \\(first: 'a0'\\); give groups of different studies"
    with pytest.raises(AamError, match=problem):
        folds(study(subjects=subjects), group_column="subject")


@pytest.mark.parametrize(
    ("studies", "problem"),
    [
        (["a"] * NUM, "column 'study' has one study \\('a'\\); --cv study needs two or more"),
        (["a"] * (NUM - 1) + [""], "column 'study' is missing in 1 of 51 samples"),
        ([str(row // 5) for row in range(NUM)], "none of 11 studies can be tested \\(first: '0', 5 samples, of 10"),
    ],
)
def test_what_is_no_study_is_refused(studies: list[str], problem: str) -> None:
    with pytest.raises(AamError, match=problem):
        folds(study(studies))


def test_without_a_column_several_tables_are_asked_for() -> None:
    lone = make_study(np.ones((12, 2), dtype=np.int64), columns={"site": ["a"] * 12})
    with pytest.raises(AamError, match="--cv study needs several studies: give --table for each"):
        folds(lone, VALUES[:12])


def test_studies_that_a_group_connects_are_one_unit() -> None:
    names, groups = np.array(list("aabbccdd")), np.array(["1", "2", "2", "3", "4", "4", "5", "6"])
    units = joined(names, groups)
    assert len(set(units)) == 3
    assert len(set(units[:4])) == 1
    assert len(set(joined(names, None))) == 4


def test_levels_count_the_same() -> None:
    labels = np.array(["a"] * 30 + ["b"] * 5 + ["c"])
    weights = level_weights(labels)
    assert weights.mean() == pytest.approx(1)
    assert [weights[labels == name].sum() for name in "abc"] == pytest.approx([12, 12, 12])


def test_a_table_without_the_column_is_its_own_study() -> None:
    assert studies_of_table(make_study(np.ones((3, 2), dtype=np.int64)), "study").tolist() == ["t"] * 3
    assert studies_of_table(study(["a", "", "b"], ["1", "2", "3"]), "study").tolist() == ["a", "t", "b"]


def test_which_studies_are_left_out_is_said() -> None:
    labels = np.array(STUDIES, dtype=object)
    assert (
        in_turn_words(labels, ["a", "b", "c", "tiny"], ", 2 times") == "each of 4 studies is left out in turn, 2 times"
    )
    assert in_turn_words(labels, ["a", "b", "c"]) == "3 of 4 studies are left out in turn; 'tiny' always trains"
    assert in_turn_words(labels, ["a"]) == "1 of 4 studies is left out in turn; 'b' and 2 more always train"


def test_a_misspelt_column_of_studies_is_guessed() -> None:
    with pytest.raises(AamError, match=r"there is no column 'stuby'; did you mean study\?"):
        study_labels(study(), "stuby", "--cv study")
