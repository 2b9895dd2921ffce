from __future__ import annotations

import pytest

from aam.config import PretrainConfig, TrainConfig, from_flat, replace, to_flat
from aam.config.studies import StudiesOptions
from aam.errors import ConfigError
from tests.config.test_learners import GIVEN, config, refused


def test_the_study_becomes_a_covariate_once() -> None:
    found = config(study_effect="covariate", study_column="cohort", categorical_columns="season")
    assert found.covariates.categorical_columns == ("season", "cohort")
    assert replace(found, seed=3).covariates.categorical_columns == ("season", "cohort")
    assert from_flat(TrainConfig, to_flat(found)) == found
    assert found.study_columns == ("cohort",)
    assert config().study_columns == ()


def test_columns_that_are_read_are_named() -> None:
    assert config(cv="study", balance_by="site").study_columns == ("study", "site")
    assert config(balance_by="study").study_columns == ("study",)
    assert config(balance_by="class", classifier=True, learners="network").study_columns == ()


def test_folds_are_a_number_or_studies() -> None:
    assert config(cv="5").evaluation.cv == 5
    assert config(cv="study").evaluation.cv == "study"
    with pytest.raises(ConfigError, match="cv must be a whole number or 'study'"):
        config(cv="studies")
    assert refused(cv="study", test_size=0.2) == ("--cv makes its own folds: leave out --test-size",)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"study_effect": "adversary"}, "and the blend has no network: add --learners network or --fine-tune"),
        (
            {"study_effect": "adversary", "learners": "network", "pretrained_encoder": "small", "freeze_base": True},
            "has nothing to teach a frozen encoder: leave out --freeze-base",
        ),
        ({"study_effect": "adversary", "learners": "network", "fsdp": True, "devices": 2}, "does not go with --fsdp"),
        ({"study_effect": "centre", "learners": "network"}, "take --study-effect adversary or covariate"),
        ({"study_effect": "centre", "fine_tune": True}, "or leave the network out"),
        ({"study_effect": "centre", "learners": "forest"}, "changes nothing for a random forest alone"),
        ({"balance_by": "class"}, "--balance-by class needs --classifier"),
        ({"balance_by": "class", "classifier": True}, "take --class-weights balanced"),
        ({"balance_by": "age"}, "'age' is the target"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(options: dict[str, object], problem: str) -> None:
    assert any(problem in line for line in refused(**options))


def test_a_strength_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="--adversary-weight needs --study-effect adversary"):
        StudiesOptions(adversary_weight=2.0)


def test_pretraining_has_no_classes_to_balance() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "metadata_column"}
    assert from_flat(PretrainConfig, {**given, "balance_by": "study"}).balance.balance_by == "study"
    with pytest.raises(ConfigError, match="pre-training has none"):
        from_flat(PretrainConfig, {**given, "balance_by": "class"})
