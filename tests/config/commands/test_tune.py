from __future__ import annotations

from typing import Any

import pytest

from aam.config import TrainConfig, TuneConfig, from_flat
from aam.errors import ConfigError

GIVEN = {"table": ["t"], "metadata": "m", "metadata_column": ["y"], "output_dir": "o"}


def config(**options: Any) -> TuneConfig:
    return from_flat(TuneConfig, {**GIVEN, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cv": 5}, "--cv is for the training of the winner"),
        ({"ensemble": 3, "learners": "network"}, "--ensemble is for the training of the winner"),
        ({"logger": "mlflow"}, "--logger is for the training of the winner"),
        ({"outer_folds": 3, "test_size": 0.2}, "--outer-folds makes its own test parts"),
        ({"learners": "forest", "kernel_width": 2}, "--kernel-width is for"),
        ({"trials": 0}, "trials must be at least 1"),
    ],
)
def test_what_cannot_be_searched_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**options)


def test_the_training_is_that_of_aam_train() -> None:
    found = config(trials=3, overwrite=True, forest_leaf=2).training
    assert type(found) is TrainConfig
    assert found == from_flat(TrainConfig, {**GIVEN, "forest_leaf": 2})


def test_the_budget() -> None:
    assert config().total == 50
    assert config(minutes=3).total is None
    assert config(minutes=3, trials=7).total == 7


def test_what_judges() -> None:
    assert config().tested_by == "aside"
    assert config(test_size=0.3).tested_by == "given"
    assert config(split_column="part").tested_by == "given"
    assert config(outer_folds=3).tested_by == "folds"
