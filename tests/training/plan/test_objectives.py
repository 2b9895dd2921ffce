from __future__ import annotations

from typing import Any

import pytest

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import from_flat, to_flat
from aam.errors import ConfigError
from aam.training.plan.derived_defaults import Plan, StudyFacts, derive
from aam.training.plan.objectives import learned, objectives_of_run

FACTS = StudyFacts(
    num_train=200, longest_sequence=150, rarefy_depth=1234, has_tree=True, has_distances=False, has_taxonomy=False
)


def heads(plan: Plan[Any]) -> list[str]:
    return [objective.head_name for objective in objectives_of_run(plan.config, has_classes=False)]


ENCODER = {"pretrained_encoder": "encoder"}


def train(**options: Any) -> Plan[TrainConfig]:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "run"}
    return derive(from_flat(TrainConfig, {**given, "learners": "network", **options}), FACTS)


@pytest.mark.parametrize(
    ("options", "penalty", "predicted"),
    [
        ({}, 0.0, False),
        ({"count_penalty": 0.5}, 0.5, True),
        ({"count_penalty": 0}, 0.0, False),
        ({"count_prediction": True}, 1.0, True),
        ({"count_prediction": True, "count_penalty": 0.25}, 0.25, True),
        ({"count_prediction": False}, 0.0, False),
        ({"count_prediction": False, "count_penalty": 0}, 0.0, False),
    ],
)
def test_counts_are_learned_by_switch_or_weight(options: dict[str, Any], penalty: float, predicted: bool) -> None:
    plan = train(**options)
    flat = to_flat(plan.config)
    assert (flat["count_penalty"], flat["count_prediction"]) == (penalty, predicted)
    assert plan.loss_weights["count"] == penalty
    assert derive(plan.config, FACTS).config == plan.config


@pytest.mark.parametrize(
    ("options", "skipped"),
    [
        ({}, True),
        ({"nuc_penalty": 0.5}, False),
        ({"nuc_penalty": 0}, True),
        ({"freeze_base": True, **ENCODER}, True),
        ({"skip_nuc_predictions": True}, True),
        ({"skip_nuc_predictions": False, **ENCODER}, False),
        ({"skip_nuc_predictions": False, "freeze_base": True, **ENCODER}, False),
        ({"skip_nuc_predictions": False, "nuc_penalty": 1}, False),
    ],
)
def test_nucleotides_are_predicted_if_learned_or_kept(options: dict[str, Any], skipped: bool) -> None:
    plan = train(**options)
    assert plan.config.transfer.skip_nuc_predictions is skipped
    assert ("nucleotide" in heads(plan)) is not skipped
    assert len(learned(plan.config, has_classes=False)) == bool(options.get("nuc_penalty", 0))
    assert plan.loss_weights["nucleotide"] == options.get("nuc_penalty", 0)
    assert derive(plan.config, FACTS).config == plan.config


def test_the_reasons_are_told() -> None:
    assert "--count-penalty 1 (--count-prediction)" in train(count_prediction=True).lines
    for plan in (train(), train(count_penalty=2)):
        told = {line.split()[0] for line in plan.lines}
        assert not told & {"--skip-nuc-predictions", "--count-prediction"}, "switches say nothing that is not said"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "--keep-nuc-predictions needs --pretrained-encoder"),
        ({**ENCODER, "nuc_mask_ratio": 0}, "masks nothing: leave out --keep-nuc-predictions"),
        ({**ENCODER, "best_metric": "nucleotide_accuracy"}, "kept predictions are not trained"),
    ],
)
def test_predictions_that_are_not_worth_keeping(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        train(skip_nuc_predictions=False, **options)


@pytest.mark.parametrize("penalty", [0, 1])
def test_in_pre_training_the_weight_alone_decides(penalty: float) -> None:
    config = from_flat(PretrainConfig, {"table": ["t.biom"], "output_dir": "run", "nuc_penalty": penalty})
    assert heads(derive(config, FACTS)) == ["distance", *(["nucleotide"] if penalty else []), "count"]
