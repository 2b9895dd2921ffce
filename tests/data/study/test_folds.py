from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from aam.config import SplitOptions
from aam.data.study.dealing import deal
from aam.data.study.folds import Fold, FoldOptions, make_folds
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, Kind
from aam.errors import InputError
from tests.data.study_files import make_study

RNG = np.random.default_rng(0)
NUM = 120
GROUPS = [f"g{i}" for i in RNG.integers(24, size=NUM)]
VALUES = RNG.random(NUM)


def study(groups: list[str] | None = GROUPS, ids: list[str] | None = None, size: int = NUM) -> Study:
    columns = {} if groups is None else {"group": groups}
    return make_study(np.ones((size, 2), dtype=np.int64), ids, columns=columns)


def folds(options: SplitOptions, number: int, repeats: int = 1, seed: int = 1) -> list[Fold]:
    return make_folds(options, FoldOptions(number=number, repeats=repeats, seed=seed), study(), VALUES, NUMBERS)


def labels(found: list[Fold]) -> list[list[int]]:
    return [rows.tolist() for fold in found for rows in fold.split.parts().values()]


@pytest.mark.parametrize("group_column", [None, "group"])
def test_every_sample_is_tested_once_in_each_repeat(group_column: str | None) -> None:
    found = folds(SplitOptions(group_column=group_column, validation_size=0.25), 4, 2)
    assert [fold.name for fold in found][:5] == [f"repeat1-fold{n}" for n in range(1, 5)] + ["repeat2-fold1"]
    for repeat in (1, 2):
        tested = [fold.split.test for fold in found if fold.repeat == repeat]
        assert sorted(np.concatenate(tested).tolist()) == list(range(NUM))
    for fold in found:
        parts = fold.split.parts()
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(NUM))
        assert all((np.diff(rows) > 0).all() for rows in parts.values())
        share = len(parts["validation"]) / (NUM - len(parts["test"]))
        assert share == pytest.approx(0.25, abs=0.01 if group_column is None else 0.08)


def test_groups_stay_whole() -> None:
    for fold in folds(SplitOptions(group_column="group"), 5, 3):
        parts = [{GROUPS[row] for row in rows} for rows in fold.split.parts().values()]
        assert sum(map(len, parts)) == len(set(GROUPS))


@pytest.mark.parametrize("group_column", [None, "group"])
def test_folds_do_not_depend_on_the_order_of_the_table(group_column: str | None) -> None:
    options = SplitOptions(group_column=group_column)
    first = folds(options, 4)
    assert labels(first) == labels(folds(options, 4))
    for other in (folds(options, 4, seed=2), folds(options, 4, 2)[4:]):
        same = [max(len({*a.split.test} & {*b.split.test}) for b in other) for a in first]
        assert sum(same) < 0.75 * NUM
    ids, order = [f"x{i:03d}" for i in range(NUM)], RNG.permutation(NUM)
    wanted = FoldOptions(number=4, repeats=1, seed=1)
    straight = make_folds(options, wanted, study(ids=ids), VALUES, NUMBERS)
    turned = study([GROUPS[row] for row in order], [ids[row] for row in order])
    shuffled = make_folds(options, wanted, turned, VALUES[order], NUMBERS)
    for a, b in zip(straight, shuffled, strict=True):
        for part, rows in a.split.parts().items():
            assert {ids[row] for row in rows} == {ids[order[row]] for row in b.split.parts()[part]}


def test_classes_are_dealt_as_evenly_as_scikit_learn_does() -> None:
    strata = np.repeat([0, 1, 2], [70, 33, 7])
    ours = deal(strata, None, 5, np.random.default_rng(0))
    theirs = StratifiedKFold(5, shuffle=True, random_state=0).split(strata[:, None], strata)
    for fold, (_, test) in enumerate(theirs):
        counts = np.bincount(strata[ours == fold], minlength=3)
        assert (abs(counts - np.bincount(strata[test], minlength=3)) <= 1).all()


def test_uneven_groups_are_dealt_evenly() -> None:
    sizes = np.tile([12, 6, 3, 2, 1, 1], 5)
    groups = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    strata = (np.arange(len(groups)) % 3 == 0).astype(int)
    fold_of = deal(strata, groups, 5, np.random.default_rng(3))
    assert np.ptp(np.bincount(fold_of)) <= 3
    assert np.ptp([strata[fold_of == fold].mean() for fold in range(5)]) < 0.1


def test_folds_of_groups_are_the_same_on_any_processor() -> None:
    """Of equally even folds, rounding once chose others with OpenBLAS's kernels for Haswell than for Prescott."""
    rng = np.random.default_rng(48008)
    strata, groups = rng.integers(0, 5, 48), rng.integers(0, 12, 48)
    found = "".join(map(str, deal(strata, groups, 5, np.random.default_rng(8))))
    assert found == "041104131044122022332132334424402343002111240034"


def test_no_stratify_balances_sizes_alone() -> None:
    balanced, plain = (folds(SplitOptions(stratify=on), 6) for on in (True, False))
    spread = [np.std([VALUES[fold.split.test].mean() for fold in found]) for found in (balanced, plain)]
    assert spread[0] < 0.5 * spread[1]
    assert {len(fold.split.test) for fold in plain} == {NUM // 6}


def refused(values: np.ndarray, kind: Kind, number: int, groups: list[str] | None = None) -> str:
    options = SplitOptions(group_column=None if groups is None else "group")
    wanted = FoldOptions(number=number, repeats=1, seed=1)
    with pytest.raises(InputError) as caught:
        make_folds(options, wanted, study(groups, size=len(values)), values, kind)
    return str(caught.value)


def test_too_few_samples_groups_or_members_are_refused() -> None:
    assert refused(VALUES[:4], NUMBERS, 5) == "--cv: 4 samples for 5 folds; at least 5 are needed"
    assert refused(VALUES[:2], NUMBERS, 2) == "--cv: 2 samples for 2 folds; at least 3 are needed"
    message = refused(VALUES[:12], NUMBERS, 5, ["a", "b", "c", "d"] * 3)
    assert message == "m.tsv: column 'group' has 4 groups for 5 folds; at least 5 are needed; a smaller --cv"
    classes = np.array(["often"] * 20 + ["rare"] * 4, dtype=object)
    message = refused(classes, CLASSES, 5)
    assert "1 class with fewer samples than the 5 folds (first: 'rare' with 4 samples); a smaller --cv" in message


def test_a_class_that_lives_in_one_group_cannot_be_tested() -> None:
    classes = np.array(["often"] * 20 + ["rare"] * 5, dtype=object)
    message = refused(classes, CLASSES, 3, [f"g{i}" for i in range(20)] + ["one"] * 5)
    assert "has no training sample of class 'rare': it is in too few groups; leave the class out" in message


def test_a_fold_that_leaves_one_group_is_refused() -> None:
    message = refused(VALUES[:12], NUMBERS, 2, ["large"] * 10 + ["b", "c"])
    assert "has no training or validation samples" in message


@pytest.mark.parametrize("seed", range(10))
def test_each_fold_has_each_class_that_enough_groups_have(seed: int) -> None:
    names = np.array(["ctrl"] * 17 + ["case"] * 5, dtype=object)
    groups, labels = [f"g{i}" for i in range(22) for _ in range(3)], np.repeat(names, 3)
    options = SplitOptions(group_column="group")
    wanted = FoldOptions(number=5, repeats=1, seed=seed)
    for fold in make_folds(options, wanted, study(groups, size=len(labels)), labels, CLASSES):
        assert all(set(labels[rows]) == {"case", "ctrl"} for rows in fold.split.parts().values())
        assert fold.split.notes == ()


def test_folds_that_lack_a_class_are_counted() -> None:
    names = np.array(["ctrl"] * 8 + ["case"] * 2, dtype=object)
    groups, labels = [f"g{i}" for i in range(10) for _ in range(3)], np.repeat(names, 3)
    made = study(groups, size=len(labels))
    wanted = FoldOptions(number=5, repeats=1, seed=1)
    folds = make_folds(SplitOptions(group_column="group"), wanted, made, labels, CLASSES)
    lacking = [fold for fold in folds if "case" not in labels[fold.split.test]]
    assert len(lacking) == 3
    assert f"the test part of 3 of 5 folds lacks a class (first: 'case' in {lacking[0].name})" in folds[0].split.notes
