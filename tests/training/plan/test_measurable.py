"""Validation samples that cannot choose the best model are refused before anything is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from aam.config import HeadOptions, LossOptions, TrainConfig
from aam.config.option import from_flat
from aam.data.targets.fitting import fit_targets
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.models.heads import Comparison
from aam.models.target_heads.head import TargetOutputs, build_target_head
from aam.training.plan.supervision import check_measurable, target_rules
from aam.training.step.metrics import Truths, ValidationMetrics
from tests.data.study_files import make_study, random_counts

TRAIN = np.arange(6)
FULL = np.array([1.0, 2, 3, 4, 5, 6])
NAN = np.nan


def check(metric: str | None, **validation: list[Any]) -> Targets:
    """Check a metric on validation samples with these truths, by column."""
    classifier = isinstance(next(iter(validation.values()))[0], str)
    training = np.array(["a", "b", "c"] * 2, dtype=object) if classifier else FULL
    values = {column: np.append(training, np.array(few, training.dtype)) for column, few in validation.items()}
    size = len(next(iter(values.values())))
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": list(values), "output_dir": "run"}
    network = {"learners": "network", "classifier": classifier}
    config = from_flat(TrainConfig, {**given, **network, "best_metric": metric})
    study = make_study(random_counts(size, 6), columns={"site": ["gut"] * size}, targets=values)
    targets = fit_targets(target_rules(config), values, TRAIN, "m.tsv")
    check_measurable(config, targets, study, np.arange(6, size))
    return targets


def refusal(metric: str | None, **validation: list[Any]) -> str:
    with pytest.raises(InputError) as caught:
        check(metric, **validation)
    return str(caught.value)


def test_the_mean_over_targets_needs_two_values_of_each() -> None:
    check(None, age=[1, 2, 2], ph=[NAN, 5, 6])
    remedy = "r2 cannot be measured; increase --validation-size, or choose another --best-metric"
    assert refusal(None, age=[1, 2, 2], ph=[NAN, 5, 5]) == (
        f"m.tsv: column 'ph' has one value in 3 validation samples: {remedy}"
    )
    assert refusal("r2", age=[NAN, NAN], ph=[5, 6]) == (
        f"m.tsv: column 'age' has no value in 2 validation samples: {remedy}"
    )


def test_a_targets_own_metric_needs_that_target_alone() -> None:
    check("spearman_age", age=[1, 2], ph=[NAN, NAN])
    check("mae_age", age=[1, NAN], ph=[NAN, NAN])
    check("val_loss", age=[1, 2], ph=[NAN, NAN])
    assert "column 'ph' has one value" in refusal("spearman_ph", age=[1, 2], ph=[3, NAN])
    assert "column 'ph' has no value in 2 validation samples: mae_ph" in refusal("mae_ph", age=[1, 2], ph=[NAN, NAN])


def test_a_single_target() -> None:
    check(None, age=[4])
    assert "column 'age' has one value in 1 validation sample: spearman" in refusal("spearman", age=[4])


def test_classes() -> None:
    check(None, site=["a"])
    check("auroc", site=["a", "b"])
    assert "column 'site' has one value in 2 validation samples: auroc" in refusal("auroc", site=["a", "a"])


@pytest.mark.parametrize("ph", [[5.0, 6.0], [5.0, 5.0], [5.0, NAN], [NAN, NAN]])
def test_what_is_refused_is_what_has_no_value(ph: list[float]) -> None:
    targets = check("val_loss", age=[1, 2], ph=ph)
    observed = {"age": np.array([1.0, 2.0]), "ph": np.array(ph)}
    head = build_target_head(4, 0, TargetOutputs.of(targets), HeadOptions(), LossOptions(), 0.0)
    metrics = ValidationMetrics([head], Truths(targets, observed, np.zeros(2, dtype=np.int64)))
    prediction_BT = torch.tensor([[0.1, 0.2], [0.4, 0.2]])
    metrics.update(head, Comparison(prediction_BT, prediction_BT), torch.arange(2))
    measured = metrics.compute()
    for name in ("r2", "spearman", "r2_ph", "spearman_ph", "mae_ph", "rmse_ph", "r2_age", "mae_age"):
        if name in measured:
            check(name, age=[1, 2], ph=ph)
        else:
            assert "cannot be measured" in refusal(name, age=[1, 2], ph=ph)
