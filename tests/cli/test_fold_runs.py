from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.cli.fold_runs import check_lists, fold_runs, write_lists
from aam.config import TrainConfig, from_flat
from aam.config.sections import LARGEST_SEED
from aam.data.folds import FoldOptions, make_folds
from aam.data.split import make_split
from aam.errors import InputError
from aam.files.run_directory import RunDirectory
from tests.data.study_files import make_study

STUDY = make_study(np.ones((12, 2), dtype=np.int64))
VALUES = np.arange(12.0)


def config(folder: Path, **options: object) -> TrainConfig:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["y"], "output_dir": str(folder)}
    return from_flat(TrainConfig, {**given, "cv": 3, "cv_repeats": 2, "overwrite": True, **options})


@pytest.mark.parametrize(("seed", "second"), [(7, 8), (LARGEST_SEED, 0)])
def test_a_fold_is_told_its_lists_and_nothing_of_the_others(tmp_path: Path, seed: int, second: int) -> None:
    whole = config(tmp_path, seed=seed)
    folds = make_folds(whole.split, FoldOptions(number=3, repeats=2, seed=seed), STUDY, VALUES, "regression")
    runs = fold_runs(folds, STUDY, RunDirectory(tmp_path))
    write_lists(runs)
    check_lists(runs)
    own = [run.config(whole) for run in runs]
    assert [each.run.seed for each in own] == [seed] * 3 + [second] * 3
    assert {(each.evaluation.cv, each.run.overwrite, each.evaluation.report) for each in own} == {(None, False, False)}
    assert own[3].run.output_dir == tmp_path / "folds" / "repeat2-fold1"
    for fold, each in zip(folds, own, strict=True):
        split = make_split(each.split, STUDY, VALUES, "regression", each.run.seed)
        for part, rows in fold.split.parts().items():
            assert split.parts()[part].tolist() == rows.tolist()


def test_lists_that_differ_are_refused(tmp_path: Path) -> None:
    wanted = FoldOptions(number=3, repeats=1, seed=1)
    first, second = (
        fold_runs(
            make_folds(config(tmp_path).split, wanted, STUDY, values, "regression"), STUDY, RunDirectory(tmp_path)
        )
        for values in (VALUES, VALUES[::-1].copy())
    )
    write_lists(first)
    with pytest.raises(InputError, match=r"train_samples.txt: does not hold the samples of repeat1-fold1; start a new"):
        check_lists(second)
