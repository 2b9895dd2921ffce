from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aam.config import TrainConfig, from_flat
from aam.data.study.study import Study
from aam.errors import InputError
from aam.training.plan.folds import learnable_folds
from tests.data.study_files import make_study, random_counts

NUM_SAMPLES = 24
AGE = np.arange(float(NUM_SAMPLES))


def config(**options: Any) -> TrainConfig:
    flat = {"table": ["t"], "metadata": "m.tsv", "metadata_column": ["age"], "output_dir": "run", "cv": 3}
    return from_flat(TrainConfig, {**flat, "learners": "network", **options})


def study(**columns: list[str]) -> Study:
    return make_study(random_counts(NUM_SAMPLES, 12), columns=columns, targets={"age": AGE})


def test_every_sample_is_tested_once() -> None:
    targets, folds = learnable_folds(config(), study())
    assert targets.columns == ("age",)
    assert sorted(np.concatenate([fold.split.test for fold in folds])) == list(range(NUM_SAMPLES))


def test_what_is_wrong_with_all_samples_is_said_once() -> None:
    with pytest.raises(InputError) as caught:
        learnable_folds(config(categorical_columns=["site"]), study(site=["gut"] * NUM_SAMPLES))
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith("m.tsv: column 'site' has one level ('gut')")


def test_each_fold_that_cannot_learn_is_named() -> None:
    """Two samples of a second level, which one fold holds out both."""
    _, folds = learnable_folds(config(), study())
    name, held_out = folds[0].name, folds[0].split.test[:2]
    site = ["skin" if row in held_out else "gut" for row in range(NUM_SAMPLES)]
    with pytest.raises(InputError) as caught:
        learnable_folds(config(categorical_columns=["site"]), study(site=site))
    assert any(problem.startswith(f"{name}: m.tsv: column 'site' has one level") for problem in caught.value.problems)
    assert all(problem.startswith("repeat1-fold") for problem in caught.value.problems)
