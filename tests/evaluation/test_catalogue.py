from __future__ import annotations

import pytest

from aam.data.targets.kinds.kind import KINDS
from aam.evaluation.catalogue import METRICS, Interval, difference_of, interval_of, metric, number, value_of
from aam.text import format_bytes, format_duration


def test_names_within_a_sentence() -> None:
    assert metric("mae").in_text == "mean absolute error"
    assert [metric(name).in_text for name in ("r2", "d2", "auroc", "f1")] == ["R\u00b2", "D\u00b2", "AUROC", "F1"]


def test_the_metrics_of_every_kind_are_in_the_catalogue() -> None:
    for kind in KINDS.values():
        assert {kind.main_metric, *kind.tiles, *kind.charted} <= set(kind.metrics)
        for name in kind.metrics:
            assert METRICS[name].formula is not None
            assert METRICS[name].source or name == "accuracy"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("val_loss", False),
        ("mae", False),
        ("val_mae", False),
        ("rmse_pH_of_soil", False),
        ("r2", True),
        ("spearman_loss", True),
        ("balanced_accuracy", True),
        ("val_distance_mae", False),
        ("distance_correlation", True),
        ("something", True),
        ("train_distance_loss", False),
    ],
)
def test_every_metric_has_a_direction(name: str, expected: bool) -> None:
    assert metric(name).higher_is_better == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (-3.14159, "\u22123.14"),
        (0.012345, "0.0123"),
        (61.84, "61.8"),
        (1234.6, "1,235"),
        (1e9, "1,000,000,000"),
        (1.5e-7, "1.50e\u221207"),
        (float("nan"), "\u2013"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_intervals_and_differences_in_words() -> None:
    assert interval_of("mae", Interval(2.8, 2.4, 3.1)) == "95 % CI 2.40 to 3.10"
    assert interval_of("r2", Interval(-0.1, -0.24, -0.001)) == "95 % CI \u22120.24 to 0.00"
    assert interval_of("accuracy", Interval(0.5, 0.5, 0.5)) == ""
    assert interval_of("mae", Interval(1, float("nan"), float("nan"))) == ""
    assert value_of("balanced_accuracy", 0.826) == "83 %"
    assert value_of("val_distance_correlation", 0.926) == "0.93"
    assert difference_of("accuracy", 0.142) == "+14.2 percentage points"
    assert difference_of("mae", -0.5) == "\u22120.500"


def test_sizes_and_times() -> None:
    assert format_bytes(12) == "12 bytes"
    assert format_bytes(4_812_344) == "4.8 MB"
    assert (format_duration(1.2), format_duration(42), format_duration(600), format_duration(7200)) == (
        "1 second",
        "42 seconds",
        "10 minutes",
        "2.0 hours",
    )


def test_symbols_and_persons_keep_their_capitals() -> None:
    names = ("mae", "r2", "d2", "auroc", "f1", "spearman", "poisson_deviance", "qwk", "accuracy")
    assert [metric(name).in_text for name in names] == [
        "mean absolute error",
        "R\u00b2",
        "D\u00b2",
        "AUROC",
        "F1",
        "Spearman correlation",
        "mean Poisson deviance",
        "quadratic weighted kappa",
        "accuracy",
    ]
