from __future__ import annotations

from pathlib import Path

import pytest

from aam.config import CheckConfig, PretrainConfig, TrainConfig, from_flat
from aam.config.option import fields, sections
from aam.errors import ConfigError

GIVEN = {"table": ["t.biom"], "metadata": "m.tsv"}
NETWORK = {"learners": "network"}


def test_it_takes_all_that_runs_take() -> None:
    """Also a group of options that is yet to be made: it comes with the configuration of a run."""
    taken = {field.name for _, field, _ in fields(CheckConfig)}
    for kind in (TrainConfig, PretrainConfig):
        assert {field.name for _, field, _ in fields(kind)} <= taken
    assert list(sections(CheckConfig)) == list(sections(TrainConfig))


def test_a_column_makes_it_a_training() -> None:
    config = from_flat(
        CheckConfig, {**GIVEN, **NETWORK, "metadata_column": ["a,b", "c"], "lr": 0.1, "output_dir": "mine"}
    ).as_run()
    assert isinstance(config, TrainConfig)
    assert config.target.metadata_column == ("a,b", "c")
    assert (config.optim.lr, config.run.output_dir) == (0.1, Path("mine"))


def test_without_a_column_it_is_pretraining() -> None:
    config = from_flat(CheckConfig, {**GIVEN, "lr": 0.1}).as_run()
    assert isinstance(config, PretrainConfig)
    assert (config.optim.lr, config.study.metadata) == (0.1, Path("m.tsv"))


def test_what_does_not_go_together_is_said_of_the_run() -> None:
    wrong = {"momentum": 0.5, "class_weights": "balanced"}
    config = from_flat(CheckConfig, {**GIVEN, **NETWORK, "metadata_column": ["a"], **wrong})
    with pytest.raises(ConfigError) as caught:
        config.as_run()
    assert caught.value.problems == (
        "--momentum needs --optimizer sgd: leave it out",
        "--class-weights needs --classifier or --ordered",
    )


def test_options_of_a_training_need_a_column() -> None:
    with pytest.raises(ConfigError, match="--learners needs --metadata-column"):
        from_flat(CheckConfig, {**GIVEN, **NETWORK}).as_run()
    with pytest.raises(ConfigError, match="--classifier, --numeric-columns, --cv need --metadata-column"):
        from_flat(CheckConfig, {**GIVEN, "classifier": True, "numeric_columns": ["ph"], "cv": 3}).as_run()


def test_a_run_that_has_begun_is_refused() -> None:
    with pytest.raises(ConfigError, match="--resume-from"):
        from_flat(CheckConfig, {**GIVEN, "resume_from": "run"})
