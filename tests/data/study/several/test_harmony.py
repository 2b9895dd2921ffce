from __future__ import annotations

import numpy as np
import pytest
from scipy.stats.contingency import association

from aam.data.study.several.harmony import Harmony, adjusted_r2, corrected_v, harmony_of
from aam.data.study.study import Study
from tests.data.study_files import make_study

RNG = np.random.default_rng(4)


def test_r2_is_that_of_a_linear_model() -> None:
    ols = pytest.importorskip("statsmodels.api")
    levels = RNG.integers(5, size=80)
    values = levels * 0.4 + RNG.normal(size=80)
    dummies = (levels[:, None] == np.arange(1, 5)).astype(float)
    expected = ols.OLS(values, ols.add_constant(dummies)).fit().rsquared_adj
    assert adjusted_r2(values, levels) == pytest.approx(expected)
    assert adjusted_r2(RNG.normal(size=12), np.arange(12) // 2) < 0.9
    assert np.isnan(adjusted_r2(np.ones(9), levels[:9]))
    assert np.isnan(adjusted_r2(values[:3], np.arange(3)))


def test_v_is_corrected_as_bergsma_does() -> None:
    first, second = RNG.integers(3, size=90), RNG.integers(4, size=90)
    second[first == 1] = 2
    table = np.zeros((3, 4), dtype=int)
    np.add.at(table, (first, second), 1)
    v = association(table, method="cramer")
    phi2 = max(0, v**2 * 2 - 2 * 3 / 89)  # V^2 min(r - 1, k - 1) is phi^2
    rows, columns = 3 - 2**2 / 89, 4 - 3**2 / 89
    assert corrected_v(first, second) == pytest.approx(np.sqrt(phi2 / min(rows - 1, columns - 1)))
    assert corrected_v(first, RNG.permutation(first)) < 0.3
    assert corrected_v(first, first) == pytest.approx(1)
    assert np.isnan(corrected_v(first, np.zeros(90)))


def two_studies(ages: np.ndarray) -> Study:
    counts = np.zeros((24, 6), dtype=np.int64)
    counts[:12, :4], counts[12:, 2:] = 10, 60
    return make_study(counts, columns={"study": ["a"] * 12 + ["b"] * 12}, targets={"age": ages})


def test_it_tells_what_studies_share_and_what_they_tell() -> None:
    found = harmony_of(two_studies(np.r_[np.arange(12.0), 50 + np.arange(12.0)]), "study")
    assert found is not None
    assert [(one.study, one.samples, one.asvs, one.reads, one.shared) for one in found.facts] == [
        ("a", 12, 4, 40, 0.5),
        ("b", 12, 4, 240, 0.5),
    ]
    assert found.told["age"].is_confounded
    assert found.told["age"].apart == ("a", "b")
    lines = list(found.lines())
    assert lines[0].endswith("50% of them of ASVs of other studies, 9 to 15 bases; age 0 to 11 (median 5.5)")
    assert any(line.startswith("warning: the study alone predicts age (98% of the variance)") for line in lines)
    assert any("2 studies have values of age that no other study has" in line for line in lines)
    assert any("studies differ in depth (40 to 240 reads" in line for line in lines)
    assert Harmony.of_record({"studies": found.to_dict()}) == found


def test_studies_that_are_alike_need_no_warning() -> None:
    found = harmony_of(two_studies(np.tile(np.arange(12.0), 2)), "study")
    assert found is not None
    assert not found.told["age"].is_confounded
    assert not any("age" in line for line in found.warnings())


def test_classes_are_counted() -> None:
    sites = np.array(["gut"] * 10 + ["skin"] * 14, dtype=object)
    found = harmony_of(two_studies(sites), "study")
    assert found is not None
    assert found.facts[0].targets == ("gut 10, skin 2",)
    assert found.told["age"].measure == "v"
    assert found.told["age"].value == pytest.approx(0.84, abs=0.02)


def test_of_one_study_nothing_is_said() -> None:
    assert harmony_of(make_study(np.ones((4, 2), dtype=np.int64), columns={"study": ["a"] * 4}), "study") is None
    assert harmony_of(make_study(np.ones((4, 2), dtype=np.int64)), "study") is None


@pytest.mark.parametrize(
    "change",
    [
        {"column": 3},
        {"facts": []},
        {"facts": [{"study": "a"}]},
        {"told": {"age": {"measure": "p", "value": 0.1, "apart": []}}},
        {"targets": ["age", "mass"]},
        {"notes": [1]},
    ],
    ids=str,
)
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    found = harmony_of(two_studies(np.arange(24.0)), "study")
    assert found is not None
    with pytest.raises((ValueError, TypeError)):
        Harmony.of_record({"studies": {**found.to_dict(), **change}})
