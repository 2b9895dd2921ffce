"""Arguments that cannot be used: a ValueError that says what to do, from whatever library they come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from aam.estimators import AAMClassifier, AAMRegressor
from tests.estimators.studies import NUM_SAMPLES, SEQUENCES, numbers, table

QUICK = {"learners": ("jaccard",)}
GROUPS = np.repeat([f"p{number}" for number in range(10)], 3).astype(object)


def without(value: Any) -> np.ndarray:
    groups = GROUPS.copy()
    groups[4] = value
    return groups


@pytest.mark.parametrize(
    "groups",
    [
        without(None),
        without(np.nan),
        without(pd.NA),
        without(pd.NaT),
        without(" "),
        np.where(np.arange(30) == 4, np.nan, np.arange(30) // 3),
        pd.array([1, 1, 1, 1, None, *[2] * 25], dtype="Int64"),
        pd.Categorical(without(None)),
    ],
)
@pytest.mark.parametrize("kind", [AAMRegressor, AAMClassifier])
def test_every_sample_needs_a_group(kind: Any, groups: Any) -> None:
    y = numbers(table()) if kind is AAMRegressor else numbers(table()) > 20
    with pytest.raises(ValueError, match=r"^groups: 1 sample of 30 without a group \(first: row 4\); give each"):
        kind(**QUICK).fit(table(), y, groups=groups)


def test_groups_of_several_types_are_told_apart_by_their_text() -> None:
    fitted = AAMRegressor(**QUICK).fit(table(), numbers(table()), groups=without(4))
    assert fitted.predict(table()).shape == (NUM_SAMPLES,)


@pytest.mark.parametrize("level", ["0.5", b"0.5", True, np.True_, 0, 1, 1.5, -1, np.nan, np.inf, [0.5], 10**400])
def test_a_level_is_a_number_between_0_and_1(level: Any) -> None:
    numeric = AAMRegressor(**QUICK).fit(table(), numbers(table()))
    classes = AAMClassifier(**QUICK).fit(table(), numbers(table()) > 20)
    for predict in (numeric.predict_interval, classes.predict_set):
        with pytest.raises(ValueError, match=r"^level must be a number above 0 and below 1, such as 0.9, got "):
            predict(table(), level=level)


def test_levels_of_numpy_are_numbers() -> None:
    fitted = AAMRegressor(**QUICK).fit(table(), numbers(table()))
    assert (
        fitted.predict_interval(table(), level=np.float32(0.5)) == fitted.predict_interval(table(), level=0.5)
    ).all()


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        (-np.ones(30), "30 of 30 are negative"),
        (np.r_[-1, np.ones(29)], "1 of 30 are negative"),
        (np.zeros(30), "every weight is zero"),
        (-1.0, "30 of 30 are negative"),
        (0, "every weight is zero"),
    ],
)
def test_weights_are_positive(weights: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=rf"^sample_weight: {problem}; positive weights are needed$"):
        AAMRegressor(**QUICK).fit(table(), numbers(table()), sample_weight=weights)


def test_weights_and_numbers_that_cannot_be_computed_with() -> None:
    y = numbers(table())
    with pytest.raises(ValueError, match=r"weights from 1 to 1e\+308 cannot be computed with"):
        AAMRegressor(**QUICK).fit(table(), y, sample_weight=np.r_[1e308, np.ones(29)])
    with pytest.raises(ValueError, match="have no computable standard deviation"):
        AAMRegressor(**QUICK).fit(table(), np.r_[1.797e308, y[1:]])


def test_a_table_without_columns() -> None:
    empty = table().iloc[:, :0]
    message = r"^X: a data frame of \d+ rows without columns; its columns must be the ASVs, its rows the samples$"
    with pytest.raises(ValueError, match=message):
        AAMRegressor(**QUICK).fit(empty, numbers(table()))
    with pytest.raises(ValueError, match=message):
        AAMRegressor(**QUICK).fit(table(), numbers(table())).predict(empty)


@pytest.mark.parametrize("sequences", [5, "".join(SEQUENCES)])
def test_sequences_are_a_list(sequences: Any) -> None:
    with pytest.raises(ValueError, match=r"^sequences: a \w+ is no list of sequences; give one for each column"):
        AAMRegressor(**QUICK, sequences=sequences).fit(table(), numbers(table()))
