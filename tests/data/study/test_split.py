from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import SplitOptions
from aam.data.study.split import Split, make_split, sample_groups
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS
from aam.errors import ConfigError, InputError
from tests.data.study_files import make_study

RNG = np.random.default_rng(0)


def study(num_samples: int, columns: dict[str, list[str]] | None = None, ids: list[str] | None = None) -> Study:
    return make_study(np.ones((num_samples, 2), dtype=np.int64), ids, columns=columns)


def check_parts(split: Split, num_samples: int) -> None:
    parts = [split.train, split.validation, split.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(num_samples))
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in parts)


@pytest.mark.parametrize(("num_samples", "test_size"), [(2, 0.0), (3, 0.2), (10, 0.0), (101, 0.25)])
def test_random_parts_have_the_sizes_asked_for(num_samples: int, test_size: float) -> None:
    split = make_split(SplitOptions(test_size=test_size), study(num_samples), None, None, 1)
    check_parts(split, num_samples)
    assert len(split.validation) == max(1, round(0.2 * num_samples))
    assert len(split.test) == (max(1, round(test_size * num_samples)) if test_size else 0)


def test_the_split_ignores_the_order_of_the_table() -> None:
    ids = [f"x{i}" for i in range(50)]
    values = RNG.normal(size=50)
    order = RNG.permutation(50)
    options = SplitOptions(test_size=0.2)
    split = make_split(options, study(50, ids=ids), values, NUMBERS, 3)
    shuffled = make_split(options, study(50, ids=[ids[i] for i in order]), values[order], NUMBERS, 3)
    for part, other in zip(split.parts().values(), shuffled.parts().values(), strict=True):
        assert {ids[i] for i in part} == {ids[order[i]] for i in other}
    other_seed = make_split(options, study(50, ids=ids), values, NUMBERS, 4)
    assert other_seed.validation.tolist() != split.validation.tolist()


def test_classes_are_balanced_even_where_they_are_rare() -> None:
    labels = np.array(["common"] * 80 + ["less"] * 15 + ["rare"] * 4 + ["single"], dtype=object)
    for seed in range(20):
        split = make_split(SplitOptions(test_size=0.2), study(100), labels, CLASSES, seed)
        check_parts(split, 100)
        for part in (split.validation, split.test):
            counts = {name: int((labels[part] == name).sum()) for name in set(labels)}
            assert abs(counts["common"] - 16) <= 1
            assert abs(counts["less"] - 3) <= 1
            assert counts["rare"] <= 1
        assert set(labels[split.train]) == set(labels)


def test_numbers_are_balanced_by_quantile() -> None:
    values = np.sort(RNG.lognormal(size=400))
    for seed in range(5):
        split = make_split(SplitOptions(), study(400), values, NUMBERS, seed)
        deciles = np.bincount(split.validation // 40, minlength=10)
        assert np.abs(deciles - 8).max() <= 1


@pytest.mark.parametrize("stratify", [True, False])
def test_groups_are_never_on_two_sides(stratify: bool) -> None:
    sizes = RNG.integers(1, 12, 40)
    subjects = np.repeat([f"m{i}" for i in range(40)], sizes)
    labels = np.repeat(np.where(np.arange(40) % 4 == 0, "ill", "well"), sizes).astype(object)
    options = SplitOptions(group_column="subject", test_size=0.2, stratify=stratify)
    whole = study(len(subjects), {"subject": list(subjects)})
    seen = set()
    for seed in range(5):
        split = make_split(options, whole, labels, CLASSES, seed)
        check_parts(split, len(subjects))
        parts = [set(subjects[part]) for part in split.parts().values()]
        assert len(parts) == 3
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert len(split.validation) == pytest.approx(0.2 * len(subjects), abs=12)
        if stratify:
            share = (labels == "ill").mean()
            assert (labels[split.validation] == "ill").mean() == pytest.approx(share, abs=0.1)
        seen.add(tuple(split.validation))
    assert len(seen) == 5
    groups = sample_groups(options, whole)
    assert groups is not None
    assert groups.tolist() == list(subjects)


def test_two_groups_of_very_unequal_size() -> None:
    split = make_split(SplitOptions(group_column="g"), study(20, {"g": ["a"] * 18 + ["b"] * 2}), None, None, 0)
    assert split.validation.tolist() == [18, 19]


def test_three_groups_make_three_parts() -> None:
    for seed in range(5):
        options = SplitOptions(group_column="g", test_size=0.45, validation_size=0.45)
        split = make_split(options, study(9, {"g": list("aaabbbccc")}), None, None, seed)
        assert [len(part) for part in split.parts().values()] == [3, 3, 3]


def test_a_column_tells_the_parts() -> None:
    words = ["train", "Training", " VAL", "validation", "Test", "train"]
    split = make_split(SplitOptions(split_column="part"), study(6, {"part": words}), None, None, 0)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([0, 1, 5], [2, 3], [4])


def test_a_given_split_is_checked_for_groups() -> None:
    parts = ["train", "train", "validation", "test"]
    options = SplitOptions(split_column="part", group_column="g")
    make_split(options, study(4, {"part": parts, "g": ["a", "a", "b", "c"]}), None, None, 0)
    with pytest.raises(InputError, match=r"m.tsv: 'a' of column 'g' is in two parts \(train and test\)"):
        make_split(options, study(4, {"part": parts, "g": ["a", "d", "b", "a"]}), None, None, 0)


def lists(folder: Path, **contents: str) -> SplitOptions:
    paths = {}
    for name, content in contents.items():
        paths[f"{name}_samples"] = folder / f"{name}.txt"
        paths[f"{name}_samples"].write_text(content)
    return SplitOptions(**paths)


def test_lists_tell_the_parts(tmp_path: Path) -> None:
    options = lists(tmp_path, train="s003\n\ns001\n", val="s000\r\ns007\r\n", test="s004\n")
    table_ids = np.array([f"s{i:03d}" for i in range(8)], dtype=object)
    whole = make_study(np.ones((6, 2), dtype=np.int64), table_ids=table_ids)
    split = make_split(options, whole, None, None, 0)
    assert (split.train.tolist(), split.validation.tolist(), split.test.tolist()) == ([1, 3], [0], [4])
    assert split.notes == (
        "1 listed sample dropped from the study for the reasons above",
        "not used (in no list): 2 samples",
    )


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"train": "s001\nx1\nx2\n", "val": "s000\n"}, "train.txt: 2 of 3 samples not in the table (first: x1)"),
        ({"train": "s001\ns000\n", "val": "s000\n"}, "val.txt: 1 sample also in train.txt (first: s000)"),
        ({"train": "s001\ns001\n", "val": "s000\n"}, "train.txt: duplicate id 's001' (2 times"),
        ({"train": "s001\n", "val": "\n"}, "no sample is left for validation (of 6 samples)"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, contents: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_split(lists(tmp_path, **contents), study(6), None, None, 0)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_column": "part"}, "m.tsv: column 'part' contains holdout in 1 sample; train, validation or test is"),
        ({"split_column": "gaps"}, "m.tsv: column 'gaps' is missing in 2 of 4 samples (first: s001)"),
        ({"group_column": "gaps"}, "m.tsv: column 'gaps' is missing in 2 of 4 samples (first: s001)"),
        ({"group_column": "one"}, "m.tsv: column 'one' has 1 group; at least 2 are needed"),
        ({"group_column": "two", "test_size": 0.2}, "m.tsv: column 'two' has 2 groups; at least 3 are needed"),
        ({"split_column": "one"}, "column 'one' contains a in 4 samples"),
    ],
)
def test_columns_that_cannot_be_used(options: dict[str, object], message: str) -> None:
    columns = {
        "part": ["train", "val", "holdout", "train"],
        "gaps": ["a", "", "b", ""],
        "one": ["a"] * 4,
        "two": ["a", "b"] * 2,
    }
    with pytest.raises(InputError) as caught:
        make_split(SplitOptions(**options), study(4, columns), None, None, 0)
    assert message in str(caught.value)


def test_columns_need_a_sheet_and_parts_need_samples() -> None:
    with pytest.raises(ConfigError, match="--group-column needs --metadata"):
        make_split(SplitOptions(group_column="g"), study(4), None, None, 0)
    with pytest.raises(InputError, match="no sample is left for validation"):
        make_split(SplitOptions(), study(1), None, None, 0)
    with pytest.raises(InputError, match="no sample is left for training"):
        make_split(SplitOptions(split_column="p"), study(2, {"p": ["val", "test"]}), None, None, 0)


def test_a_blend_needs_no_validation_part(tmp_path: Path) -> None:
    given = lists(tmp_path, train="s000\ns002\n", test="s001\n")
    split = make_split(given, study(3), None, None, 0, validated=False)
    assert [rows.tolist() for rows in (split.train, split.validation, split.test)] == [[0, 2], [], [1]]
    columns = SplitOptions(split_column="p")
    split = make_split(columns, study(2, {"p": ["train", "test"]}), None, None, 0, validated=False)
    assert [rows.tolist() for rows in (split.train, split.validation, split.test)] == [[0], [], [1]]


def grouped_classes(classes_of_groups: list[str], size: int) -> tuple[Study, np.ndarray]:
    groups = np.repeat([f"g{i:02d}" for i in range(len(classes_of_groups))], size)
    labels = np.repeat(np.array(classes_of_groups, dtype=object), size)
    return study(len(groups), {"subject": groups.tolist()}), labels


@pytest.mark.parametrize("seed", range(20))
def test_each_part_has_each_class_that_enough_groups_have(seed: int) -> None:
    made, labels = grouped_classes(["ctrl"] * 14 + ["case"] * 3, 3)
    split = make_split(SplitOptions(test_size=0.15, group_column="subject"), made, labels, CLASSES, seed)
    check_parts(split, len(labels))
    for rows in split.parts().values():
        assert set(labels[rows]) == {"case", "ctrl"}
    assert split.notes == ()
    assert len(split.validation) <= 0.35 * len(labels)


@pytest.mark.parametrize("seed", range(10))
def test_each_part_has_each_class_of_enough_samples(seed: int) -> None:
    labels = np.array(["common"] * 40 + ["rare"] * 3, dtype=object)
    split = make_split(SplitOptions(test_size=0.1, validation_size=0.1), study(43), labels, CLASSES, seed)
    check_parts(split, 43)
    for rows in split.parts().values():
        assert set(labels[rows]) == {"common", "rare"}
    assert len(split.test) == len(split.validation) == 4


def test_a_class_that_a_part_cannot_have_is_said() -> None:
    made, labels = grouped_classes(["ctrl"] * 6 + ["case"], 2)
    options = SplitOptions(group_column="subject")
    split = make_split(options, made, labels, CLASSES, 1)
    note = "the validation part has no sample of class 'case' (in 1 group): its metrics are about the others"
    assert split.notes == (note,)
    note = "class 'case' is in one group of 'subject' only: held-out predictions come from models that never saw it"
    assert make_split(options, made, labels, CLASSES, 1, validated=False).notes == (note,)
    made, labels = grouped_classes(["a", "b", "c", "c"], 2)
    note = "2 classes (first: 'a') are each in one group of 'subject' only: held-out predictions come from models that "
    assert make_split(options, made, labels, CLASSES, 1, validated=False).notes == (f"{note}never saw it",)


def test_a_given_part_without_a_class_is_said(tmp_path: Path) -> None:
    made, labels = grouped_classes(["ctrl", "case"], 4)
    lists = {"train": [0, 1, 4, 5], "val": [2, 6], "test": [3]}
    for name, rows in lists.items():
        (tmp_path / name).write_text("".join(f"{made.sample_ids[row]}\n" for row in rows), encoding="utf-8")
    options = SplitOptions(
        train_samples=tmp_path / "train", val_samples=tmp_path / "val", test_samples=tmp_path / "test"
    )
    notes = make_split(options, made, labels, CLASSES, 1).notes
    assert notes[-1] == "the test part has no sample of class 'case' (in 4 samples): its metrics are about the others"
