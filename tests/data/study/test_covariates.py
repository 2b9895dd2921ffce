from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from aam.config import CovariateOptions
from aam.data.readers.metadata import Metadata
from aam.data.study.covariates import CovariateSpec, features
from aam.errors import InputError

COLUMNS = {
    "season": "summer winter summer na winter spring summer winter",
    "city": "oslo bergen oslo malmo malmo lund bergen oslo",
    "country": "no no no se se se no no",
    "ph": "4 5 missing 6 7 8 100 6",
    "lab": "x x x x x x y x",
    "tube": "t0 t1 t2 t3 t4 t5 t6 t7",
    "batch": "1 1 1 1 1 1 2 1",
    "empty": "na na na na na na 5 na",
    "tiny": "1e-320 2e-320 1e-320 1e-320 1e-320 1e-320 1e-320 1e-320",
}
TRAIN = np.arange(6)


def sheet(rows: slice = slice(None), **changes: str) -> Metadata:
    columns = {name: np.array(cells.split()[rows], dtype=object) for name, cells in (COLUMNS | changes).items()}
    ids = np.array([f"s{row}" for row in range(8)][rows], dtype=object)
    return Metadata("m.tsv", ids, columns, ())


def fit(metadata: Metadata | None = None, **options: Any) -> CovariateSpec:
    return CovariateSpec.fit(CovariateOptions(**options), metadata or sheet(), TRAIN)


def everything() -> CovariateSpec:
    return fit(categorical_columns=("season",), categorical_hierarchy=("city>country",), numeric_columns=("ph",))


def test_levels_are_sorted_and_counted_from_1() -> None:
    spec = everything()
    assert [(column.name, column.levels) for column in spec.categorical] == [
        ("season", ("spring", "summer", "winter")),
        ("city", ("bergen", "lund", "malmo", "oslo")),
        ("country", ("no", "se")),
    ]
    assert spec.stand_alone == ("season",)
    assert spec.place("country") == 2
    category_NC, _ = spec.encode(sheet())
    assert category_NC.dtype == np.int64
    assert category_NC[:, 0].tolist() == [2, 3, 2, 0, 3, 1, 2, 3]
    assert category_NC[:, 2].tolist() == [1, 1, 1, 2, 2, 2, 1, 1]


def test_a_column_of_a_hierarchy_does_not_stand_alone_as_well() -> None:
    spec = fit(categorical_columns=("city", "season"), categorical_hierarchy=("city>country",))
    assert [column.name for column in spec.categorical] == ["city", "season", "country"]
    assert spec.stand_alone == ("season",)


def test_numbers_are_standardised_as_in_scikit_learn() -> None:
    _, number_NM = everything().encode(sheet())
    known = np.array([4.0, 5, 6, 7, 8, 100, 6])[:, None]
    expected = StandardScaler().fit(known[:5]).transform(known)[:, 0]
    assert number_NM.dtype == np.float32
    assert number_NM[[0, 1, 3, 4, 5, 6, 7], 0] == pytest.approx(expected, rel=1e-6)
    assert number_NM[2, 0] == 0
    assert number_NM[:, 1].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


def test_a_wild_number_stays_finite() -> None:
    _, number_NM = everything().encode(sheet(ph="1e300 -1e300 4 4 4 4 4 4"))
    assert number_NM[:2, 0].tolist() == [1e6, -1e6]


def test_levels_of_other_samples_and_of_new_sheets_are_unknown() -> None:
    category_NC, _ = everything().encode(sheet(season="monsoon Summer summer na winter spring fall fall"))
    assert category_NC[:, 0].tolist() == [0, 0, 2, 0, 3, 1, 0, 0]


def test_features_are_those_of_scikit_learn() -> None:
    spec = everything()
    new = sheet(season="monsoon winter summer na winter spring fall fall")
    encoded = spec.encode(new)
    found = features(spec, *encoded)
    one_hot = OneHotEncoder(
        categories=[list(column.levels) for column in spec.categorical], handle_unknown="ignore", sparse_output=False
    )
    cells = np.stack([new.columns[column.name] for column in spec.categorical], axis=1)
    assert found.dtype == np.float32
    assert found.shape == (8, spec.num_features)
    assert (found == np.concatenate([one_hot.fit_transform(cells), encoded.number_NM], axis=1)).all()


def test_features_of_numbers_alone() -> None:
    spec = fit(numeric_columns=("ph",))
    encoded = spec.encode(sheet())
    assert (features(spec, *encoded) == encoded.number_NM).all()


def test_round_trip_through_json() -> None:
    spec = everything()
    assert CovariateSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_each_column_has_a_line() -> None:
    assert everything().lines() == (
        "season: 3 levels (spring, summer, winter)",
        "city: 4 levels (bergen, lund, malmo, ...)",
        "country: 2 levels (no, se)",
        "ph: mean 6, spread 1.414",
    )


def test_unknown_levels_and_missing_values_are_told() -> None:
    spec = everything()
    new = sheet(season="monsoon fall summer na winter spring monsoon na", ph="na 1 2 3 4 5 6 7", city="rome " * 8)
    assert spec.unknown_notes(new) == (
        "3 samples have a season unknown to the model (first: 'monsoon')",
        "2 samples have no season",
        "8 samples have a city unknown to the model (first: 'rome')",
        "1 sample has no ph",
    )
    assert fit(categorical_columns=("city",)).unknown_notes(sheet()) == ()


def test_numbers_far_from_training_are_told() -> None:
    spec = fit(numeric_columns=("ph",))
    (number,) = spec.numeric
    inside, beyond = (number.mean + times * number.spread for times in (4.99, -5.01))
    new = sheet(ph=f"{inside} {beyond} 1e9 na {number.mean} {inside} {inside} {inside}")
    assert spec.unknown_notes(new) == (
        "1 sample has no ph",
        f"2 samples have a ph more than 5 standard deviations from the training mean of {number.mean:.4g} "
        f"(first: {beyond:.4g})",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"categorical_columns": ("seasn",)},
            "m.tsv: no column 'seasn'; did you mean 'season'?",
        ),
        (
            {"categorical_columns": ("lab",)},
            "m.tsv: column 'lab' has one level ('x') in the training samples: it carries no information; "
            "leave it out of --categorical-columns",
        ),
        (
            {"categorical_columns": ("empty",)},
            "m.tsv: column 'empty' has no value in the training samples: it carries no information; "
            "leave it out of --categorical-columns",
        ),
        (
            {"categorical_columns": ("tube",)},
            "m.tsv: column 'tube': each of 6 training samples has a level of its own (first: 't0'): it is an id, or "
            "a number; leave it out of --categorical-columns, or name it in --numeric-columns",
        ),
        (
            {"categorical_hierarchy": ("city>lab",)},
            "column 'lab' has one level ('x') in the training samples: it carries no information; "
            "leave it out of --categorical-hierarchy",
        ),
        (
            {"categorical_hierarchy": ("country>city",)},
            "m.tsv: column 'country': 2 levels in several of 'city' (first: 'no' in bergen, oslo); "
            "name the finest column of --categorical-hierarchy first, and give each place a name of its own",
        ),
        (
            {"numeric_columns": ("batch",)},
            "m.tsv: column 'batch' has one value (1) in the training samples: it carries no information; "
            "leave it out of --numeric-columns",
        ),
        (
            {"numeric_columns": ("empty",)},
            "m.tsv: column 'empty' has no value in the training samples: it carries no information; "
            "leave it out of --numeric-columns",
        ),
        (
            {"numeric_columns": ("season",)},
            "m.tsv: column 'season' is not numeric: 7 of 7 values (3 different: 'summer', "
            "'winter', 'spring'; first: s0); empty these cells, or name it in --categorical-columns",
        ),
        ({"numeric_columns": ("tiny",)}, "have no computable standard deviation; give it in other units"),
    ],
)
def test_columns_that_tell_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        fit(**options)
    assert message in str(error.value)


def test_a_level_with_a_missing_parent_lies_in_one_parent() -> None:
    spec = fit(sheet(country="no no na se se se no no"), categorical_hierarchy=("city>country",))
    assert spec.hierarchies == (("city", "country"),)


def test_columns_are_needed_when_predicting() -> None:
    new = sheet()
    del new.columns["season"]
    with pytest.raises(InputError, match=r"m\.tsv: no column 'season'"):
        everything().encode(new)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [("low", "is not numeric: 2 of 7 values (s1: 'low')"), ("inf", ": value 'inf' (s1) is not finite")],
)
def test_predicting_refuses_cells_that_are_not_numbers(cell: str, problem: str) -> None:
    spec, new = everything(), sheet(ph=f"4 {cell} missing {cell} 7 8 100 6")
    for read in (spec.encode, spec.unknown_notes):
        with pytest.raises(InputError) as error:
            read(new)
        assert problem in str(error.value)
        assert str(error.value).endswith("; empty these cells")


def test_a_level_called_na_stays_one_in_new_samples() -> None:
    spec = fit(
        dataclasses.replace(sheet(season="NA winter NA winter NA NA EU EU"), kept=("NA",)),
        categorical_columns=("season",),
    )
    assert spec.categorical[0].levels == ("NA", "winter")
    new = sheet(season="NA winter na EU NA NA EU EU")
    assert spec.encode(new).category_NC[:4, 0].tolist() == [1, 2, 0, 0]
    assert spec.unknown_notes(new)[0].startswith("3 samples have a season unknown to the model (first: 'EU')")
