from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config.commands.benchmark import TaskOptions
from aam.data.study.folds import FoldOptions
from aam.errors import InputError
from aam.workflows.benchmark.study import open_task, shuffled
from tests.data.study_files import make_study, random_counts

THREE = FoldOptions(number=3, repeats=2, seed=42)
GROUPS = np.repeat(np.array(["a", "b", "c", "d", "e"], dtype=object), 4)


def test_groups_stay_whole(study: Path) -> None:
    options = TaskOptions(
        table=study / "table.biom",
        metadata=study / "metadata.tsv",
        metadata_column="gradient",
        group_column="subject",
    )
    task = open_task("a", options, THREE)
    assert task.groups is not None
    assert [fold.name for fold in task.folds] == [f"repeat{r}-fold{n}" for r in (1, 2) for n in (1, 2, 3)]
    for fold in task.folds:
        test = set(task.groups[fold.split.test])
        assert not test & set(task.groups[np.concatenate([fold.split.train, fold.split.validation])])


def test_a_problem_names_the_task(study: Path) -> None:
    options = TaskOptions(table=study / "table.biom", metadata=study / "metadata.tsv", metadata_column="bmi")
    with pytest.raises(InputError, match=r"task 'fat': metadata\.tsv: .*bmi"):
        open_task("fat", options, THREE)


def test_samples_exchange_what_differs_in_groups() -> None:
    values = np.arange(20.0)
    found = shuffled(make_study(random_counts(20, 6), targets={"y": values}), GROUPS, 1).targets["y"]
    assert sorted(found) == sorted(values)
    assert len({value // 4 for value in found[:4]}) > 1


def test_groups_exchange_what_is_theirs() -> None:
    values = np.repeat(np.array(["u", "v", "w", "x", "y"], dtype=object), 4)
    found = shuffled(make_study(random_counts(20, 6), targets={"y": values}), GROUPS, 1).targets["y"]
    assert sorted(found) == sorted(values)
    assert (found != values).any()
    assert [len(set(found[group == GROUPS])) for group in "abcde"] == [1] * 5


def test_a_permutation_is_the_seeds_and_the_ids() -> None:
    study = make_study(random_counts(20, 6), targets={"y": np.arange(20.0)})
    order = np.random.default_rng(0).permutation(20)
    first, again, other = shuffled(study, None, 1), shuffled(study.take(order), None, 1), shuffled(study, None, 2)
    assert (first.targets["y"][order] == again.targets["y"]).all()
    assert (first.targets["y"] != other.targets["y"]).any()
