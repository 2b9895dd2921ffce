from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from aam.config import TrainConfig, from_flat
from aam.config.sections import LARGEST_SEED
from aam.data.study.covariates import CovariateSpec
from aam.data.study.folds import FoldOptions, make_folds
from aam.data.study.split import make_split
from aam.data.targets.fitting import fit_targets
from aam.data.targets.kinds import NUMBERS, TargetRules
from aam.errors import InputError
from aam.evaluation.prediction_table import read_columns
from aam.runs.directory import RunDirectory
from aam.workflows.runs.child_runs import check_lists, write_lists
from aam.workflows.runs.cross_validation import fit_forest_of, fold_runs
from tests.data.study_files import make_study

STUDY = make_study(np.ones((12, 2), dtype=np.int64))
VALUES = np.arange(12.0)


def config(folder: Path, **options: object) -> TrainConfig:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["y"], "output_dir": str(folder)}
    return from_flat(
        TrainConfig, {**given, "learners": "network", "cv": 3, "cv_repeats": 2, "overwrite": True, **options}
    )


@pytest.mark.parametrize(("seed", "second"), [(7, 11), (LARGEST_SEED, 3)])
def test_a_fold_is_told_its_lists_and_nothing_of_the_others(tmp_path: Path, seed: int, second: int) -> None:
    whole = config(tmp_path, seed=seed, ensemble=4)
    folds = make_folds(whole.split, FoldOptions(number=3, repeats=2, seed=seed), STUDY, VALUES, NUMBERS)
    runs = fold_runs(folds, STUDY, RunDirectory(tmp_path), whole)
    write_lists([run.child for run in runs])
    check_lists([run.child for run in runs])
    own = [run.config(whole) for run in runs]
    assert [each.run.seed for each in own] == [seed] * 3 + [second] * 3
    assert {(each.evaluation.cv, each.run.overwrite, each.run.report) for each in own} == {(None, False, False)}
    assert {each.evaluation.ensemble for each in own} == {4}
    assert own[3].run.output_dir == tmp_path / "folds" / "repeat2-fold1"
    for fold, each in zip(folds, own, strict=True):
        split = make_split(each.split, STUDY, VALUES, NUMBERS, each.run.seed)
        for part, rows in fold.split.parts().items():
            assert split.parts()[part].tolist() == rows.tolist()


@pytest.mark.parametrize("members", [1, 3])
def test_no_model_of_one_repeat_has_the_seed_of_another_repeats(tmp_path: Path, members: int) -> None:
    whole = config(tmp_path, seed=5, ensemble=members)
    folds = make_folds(whole.split, FoldOptions(number=2, repeats=3, seed=5), STUDY, VALUES, NUMBERS)
    firsts = [run.config(whole) for run in fold_runs(folds, STUDY, RunDirectory(tmp_path), whole)][::2]
    seeds = [first.run.later_seed(member) for first in firsts for member in range(members)]
    assert seeds == list(range(5, 5 + 3 * members))


def test_a_forest_gets_covariates_fitted_on_training(tmp_path: Path) -> None:
    # over all samples "riverside" lies in two states, which no hierarchy may; among the training samples in one
    towns, states = ["riverside", "salem"] * 6, ["a", "b"] * 6
    counts = np.random.default_rng(2).integers(1, 50, (12, 3))
    whole = config(tmp_path, categorical_hierarchy=["town>state"])
    folds = make_folds(whole.split, FoldOptions(number=3, repeats=1, seed=5), STUDY, VALUES, NUMBERS)
    strange = next(row for row in folds[0].split.validation if row % 2 == 0)
    states[strange] = "c"
    study = make_study(counts, columns={"town": towns, "state": states}, targets={"y": VALUES})
    with pytest.raises(InputError, match="riverside"):
        CovariateSpec.fit(whole.covariates, study.metadata, np.arange(12))  # type: ignore[arg-type]
    (fold, *_) = fold_runs(folds, study, RunDirectory(tmp_path), whole)
    fit_forest_of(
        fold,
        study,
        fit_targets(TargetRules(kind=NUMBERS, columns=("y",)), {"y": VALUES}, np.arange(12), "m.tsv"),
        whole,
    )
    assert len(read_columns(fold.forest)["sample-id"]) == len(fold.fold.split.test)


def test_lists_that_differ_are_refused(tmp_path: Path) -> None:
    wanted = FoldOptions(number=3, repeats=1, seed=1)
    whole = config(tmp_path)
    first, second = (
        [
            fold.child
            for fold in fold_runs(
                make_folds(whole.split, wanted, STUDY, values, NUMBERS), STUDY, RunDirectory(tmp_path), whole
            )
        ]
        for values in (VALUES, VALUES[::-1].copy())
    )
    write_lists(first)
    with pytest.raises(InputError, match=r"train_samples.txt: does not hold the samples of repeat1-fold1; start a new"):
        check_lists(second)


def test_each_target_has_a_forest_of_its_own_samples(tmp_path: Path) -> None:
    counts = np.random.default_rng(1).integers(1, 50, (12, 3))
    other = np.where(np.arange(12) % 3 == 0, np.nan, VALUES * 2)
    columns = {"season": ["dry", "wet"] * 6, "id": [f"s{i:03d}" for i in range(12)]}
    targets = {"y": VALUES, "z": other}
    study = make_study(counts, columns=columns, targets=targets)
    whole = config(tmp_path, metadata_column=["y", "z"], categorical_columns=["season"], group_column="id")
    fold = fold_runs(
        make_folds(whole.split, FoldOptions(number=3, repeats=1, seed=5), study, VALUES, NUMBERS),
        study, RunDirectory(tmp_path), whole,
    )[0]  # fmt: skip
    fit_forest_of(
        fold, study, fit_targets(TargetRules(kind=NUMBERS, columns=("y", "z")), targets, np.arange(12), "m.tsv"), whole
    )
    table = read_columns(fold.forest)
    test = fold.fold.split.test
    assert table["sample-id"].tolist() == table["group"].tolist() == study.sample_ids[test].tolist()
    assert [cell == "" for cell in table["observed_z"]] == np.isnan(other[test]).tolist()
    learned = np.setdiff1d(np.flatnonzero(~np.isnan(other)), test)
    shares = counts / counts.sum(axis=1, keepdims=True)
    season = np.arange(12) % 2
    told = np.column_stack([shares, season == 0, season == 1]).astype(np.float32)
    forest = RandomForestRegressor(n_estimators=500, max_features=0.33, random_state=fold.child.seed, n_jobs=2)
    expected = forest.fit(told[learned], other[learned]).predict(told[test])
    assert table["predicted_z"].astype(float) == pytest.approx(expected)
