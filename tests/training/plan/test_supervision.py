"""What a run learns from: targets, weights and covariates, fitted on the training samples alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import from_flat
from aam.data.study.covariates import features
from aam.data.study.split import Split
from aam.errors import InputError
from aam.training.plan.supervision import Inputs, fit_and_log_inputs, fit_inputs, target_request
from tests.data.study_files import make_study, random_counts
from tests.data.targets.decoded import decoded

SEASONS = ["winter", "summer", "winter", "winter", "spring", "winter", "summer", "spring", "monsoon", "winter"]
SITES = ["gut", "gut", "skin", "skin", "gut", "skin", "na", "gut", "skin", "gut"]
AGE = np.array([20.0, 30.0, np.nan, 50.0, 60.0, 20.0, np.nan, 30.0, 99.0, np.nan])
PH = np.array([5.0, np.nan, 6.0, 7.0, np.nan, 8.0, 6.5, np.nan, 1.0, 2.0])
DEPTH = ["1", "2", "3", "4", "5", "6", "na", "8", "1000", "-1000"]
SPLIT = Split(np.arange(8), np.array([8]), np.array([9]))


def inputs(weights: np.ndarray | None = None, metadata_column: tuple[str, ...] = ("age",), **options: Any) -> Inputs:
    config = from_flat(
        TrainConfig,
        {
            "table": ["t.biom"],
            "metadata": "m.tsv",
            "metadata_column": list(metadata_column),
            "learners": "network",
            "output_dir": "run",
            **options,
        },
    )
    columns = {"season": SEASONS, "site": SITES, "depth": DEPTH}
    targets = {"age": AGE, "ph": PH}
    study = make_study(
        random_counts(10, 12),
        columns=columns,
        targets={name: targets[name] for name in metadata_column},
        weights=weights,
    )
    return fit_inputs(config, study, SPLIT)


def test_without_options_all_samples_weigh_the_same() -> None:
    found = inputs()
    assert found.weight_N is None
    assert found.covariate_spec is found.covariates is None
    assert not found.level_N.any()


def test_sample_weights_average_1_over_training() -> None:
    given = np.arange(1.0, 11.0)
    found = inputs(weights=given)
    assert found.weight_N == pytest.approx(given / given[:8].mean())


def test_automatic_weights_are_scikit_learns_balanced_ones() -> None:
    found = inputs(categorical_loss_weights="auto", categorical_columns=["season"])
    expected = compute_sample_weight("balanced", SEASONS[:8])
    assert found.weight_N is not None
    assert found.weight_N[:8] == pytest.approx(expected / expected.mean())
    assert found.weight_N[9] == pytest.approx(found.weight_N[0]), "a level weighs the same in all parts"
    assert found.weight_N[8] == pytest.approx(1 / expected.mean()), "a level that was not trained on"


def test_a_missing_level_has_the_mean_weight() -> None:
    found = inputs(categorical_loss_weights="auto", categorical_loss_weight_column="site")
    assert found.weight_N is not None
    known = np.array([0, 1, 2, 3, 4, 5, 7])
    expected = compute_sample_weight("balanced", [SITES[row] for row in known])
    assert found.weight_N[known] == pytest.approx(expected)
    assert found.weight_N[6] == pytest.approx(1)


def test_level_weights_multiply_sample_weights() -> None:
    given = np.arange(1.0, 11.0)
    found = inputs(weights=given, categorical_loss_weights='{"winter": 3}', categorical_loss_weight_column="season")
    expected = given * np.where(np.array(SEASONS) == "winter", 3.0, 1.0)
    assert found.weight_N == pytest.approx(expected / expected[:8].mean())


def test_a_level_that_no_training_sample_has_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        inputs(categorical_loss_weights='{"monsoon": 2}', categorical_loss_weight_column="season")
    assert str(caught.value) == (
        "m.tsv: column 'season' has no level 'monsoon' in the training samples; "
        "--categorical-loss-weights: take spring, summer, winter"
    )


def test_several_targets_of_which_some_are_missing() -> None:
    found = inputs(metadata_column=("age", "ph"), best_metric="mae_age")
    assert found.targets is not None
    assert found.targets.columns == ("age", "ph")
    target_NT = found.target_NT
    assert target_NT is not None
    assert target_NT.dtype == np.float32
    for place, values in enumerate((AGE, PH)):
        trained = values[:8][~np.isnan(values[:8])]
        expected = (values - trained.mean()) / trained.std()
        assert target_NT[:, place] == pytest.approx(expected, rel=1e-6, nan_ok=True)
        assert found.targets.specs[place].presence == pytest.approx(len(trained) / 8)


def test_numbers_are_scaled_within_training_levels() -> None:
    found = inputs(metadata_column=("ph",), normalize_by=["site"])
    assert found.targets is not None
    assert found.targets.levels == ("site=gut", "site=skin")
    assert found.level_N.tolist() == [1, 1, 2, 2, 1, 2, 0, 1, 2, 1]
    skin = PH[[2, 3, 5]]
    assert found.target_NT is not None
    assert found.target_NT[[2, 3, 5, 8], 0] == pytest.approx((PH[[2, 3, 5, 8]] - skin.mean()) / skin.std(), rel=1e-5)
    in_units = decoded(found.targets, found.target_NT, found.level_N)[:, 0]
    assert in_units == pytest.approx(PH, rel=1e-5, nan_ok=True)


def test_covariates_are_fitted_on_the_training_samples() -> None:
    found = inputs(categorical_columns=["season", "site"], numeric_columns=["depth"])
    spec, covariates = found.covariate_spec, found.covariates
    assert spec is not None
    assert covariates is not None
    assert spec.categorical[0].levels == ("spring", "summer", "winter")
    assert covariates.category_NC[8].tolist() == [0, 2], "the monsoon is unknown"
    depth = np.array([1.0, 2, 3, 4, 5, 6, 8])
    assert (spec.numeric[0].mean, spec.numeric[0].spread) == pytest.approx((depth.mean(), depth.std()))
    assert covariates.number_NM[6].tolist() == [0, 1]
    assert features(spec, *covariates).shape == (10, 3 + 2 + 2)


def test_pre_training_has_neither_targets_nor_weights() -> None:
    config = from_flat(PretrainConfig, {"table": ["t.biom"], "output_dir": "run"})
    found = fit_inputs(config, make_study(random_counts(10, 12)), SPLIT)
    assert found.targets is found.target_NT is found.weight_N is found.groups is None


def test_what_there_is_is_said_only_where_that_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "aam")
    quiet = inputs(numeric_columns=["depth"])
    assert caplog.messages == []
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["age"], "output_dir": "run"}
    config = from_flat(TrainConfig, {**given, "numeric_columns": ["depth"]})
    told = fit_and_log_inputs(config, quiet.study, SPLIT)
    assert told.targets == quiet.targets
    assert "split: 8 train, 1 validation, 1 test" in caplog.messages
    depth = np.array([1.0, 2, 3, 4, 5, 6, 8])
    assert f"depth: mean {depth.mean():.4g}, spread {depth.std():.4g}" in caplog.messages


def test_validation_that_cannot_select_a_model_is_refused() -> None:
    with pytest.raises(InputError, match="column 'age' has one value in 1 validation sample: r2 cannot be measured"):
        inputs(best_metric="r2")


def test_what_is_taken_of_the_sample_sheet() -> None:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["a", "b"], "output_dir": "run"}
    request = target_request(from_flat(TrainConfig, {**given, "sample_weight_column": "w", "missing": ["gone"]}))
    assert (request.columns, request.weight_column, request.missing) == (("a", "b"), "w", ("gone",))
