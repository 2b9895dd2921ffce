"""scikit-learn's own checks of estimators: a few in every run, all of them among the slow tests."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from tests.estimators.any_numbers import NETWORK, TINY, AnyNumbersClassifier, AnyNumbersEncoder, AnyNumbersRegressor

ESTIMATORS = [AnyNumbersRegressor(**NETWORK), AnyNumbersClassifier(**NETWORK), AnyNumbersEncoder(**TINY)]
WEIGHTS = "a weight of 2 weighs the loss and is not a second sample: which samples are validated on depends on them"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
    "check_sample_weight_equivalence_on_sparse_data": WEIGHTS,
    "check_fit2d_1feature": "its target is constant, which is refused: there is nothing to learn",
}
QUICK = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_estimators_unfitted",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_n_features_in_after_fitting",
    "check_all_zero_sample_weights_error",
    "check_estimators_nan_inf",
    "check_supervised_y_no_nan",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_requires_y_none",
)


def expected_failures(estimator: Any) -> dict[str, str]:
    if isinstance(estimator, AnyNumbersRegressor):
        return EXPECTED
    return {name: reason for name, reason in EXPECTED.items() if reason is WEIGHTS}


@pytest.mark.slow
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_all_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_quick_checks(estimator: Any) -> None:
    done = []
    for found, check in estimator_checks_generator(estimator):
        if check.func.__name__ in QUICK:
            check(found)
            done.append(check.func.__name__)
    assert len(done) > len(QUICK) - 4
