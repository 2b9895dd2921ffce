from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.errors import InputError
from aam.evaluation.prediction_table import read_predictions, suffixes, write_part, write_predictions

NUMBER = TargetSpec(column="age", kind=NUMBERS)
CLASS = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin"))


def test_numbers_are_read_as_written(tmp_path: Path) -> None:
    values = np.array([1.0, 2.5, -1e-7])
    table = Predictions(
        kind=NUMBERS,
        sample_ids=np.array(['a "quoted"', "=b", "c\u2028c"], dtype=object),
        observed=values,
        predicted=values / 3,
    )
    write_predictions(tmp_path / "p.tsv", {"validation": [table], "test": [table.select(np.array([2]))]}, ["age"])
    found = read_predictions(tmp_path / "p.tsv", NUMBER)
    assert list(found) == ["validation", "test"]
    assert list(found["validation"].sample_ids) == list(table.sample_ids)
    assert (found["validation"].observed == table.observed).all()
    assert found["validation"].predicted == pytest.approx(table.predicted)
    assert len(found["test"]) == 1


def test_classes_are_read_as_written(tmp_path: Path) -> None:
    labels = np.array(["skin", "gut"], dtype=object)
    shares = np.array([[0.25, 0.75], [0.5, 0.5]])
    table = Predictions(
        kind=CLASSES,
        sample_ids=labels,
        observed=labels,
        predicted=labels[::-1],
        classes=CLASS.classes,
        probabilities=shares,
    )
    write_predictions(tmp_path / "p.tsv", {"test": [table]}, ["site"])
    header = (tmp_path / "p.tsv").read_text().splitlines()[0]
    assert header == "sample-id\tpart\tobserved\tpredicted\tprobability_gut\tprobability_skin"
    found = read_predictions(tmp_path / "p.tsv", CLASS)["test"]
    assert found.kind == CLASSES
    assert (found.probabilities == shares).all()
    assert list(found.predicted) == ["gut", "skin"]


def test_samples_without_an_observed_value_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("sample-id\tobserved\tpredicted\na\t\t1\nb\t2\t3\n")
    found = read_predictions(tmp_path / "p.tsv", NUMBER, "test")
    assert list(found["test"].sample_ids) == ["b"]


def test_samples_are_found_by_id_in_any_order() -> None:
    values = np.arange(3.0)
    table = Predictions(
        kind=NUMBERS, sample_ids=np.array(["a", "b", "c"], dtype=object), observed=values, predicted=values
    )
    found = table.of_samples(["c", "a"])
    assert found is not None
    assert list(found.predicted) == [2, 0]
    assert table.of_samples(["c", "z"]) is None


def test_unknown_classes_are_refused(tmp_path: Path) -> None:
    header = "sample-id\tobserved\tpredicted\tprobability_gut\tprobability_skin\n"
    (tmp_path / "p.tsv").write_text(header + "a\tgut\tnose\t0.5\t0.5\n")
    with pytest.raises(InputError, match="'nose' is not one of the classes"):
        read_predictions(tmp_path / "p.tsv", CLASS, "test")
    (tmp_path / "p.tsv").write_text("sample-id\tobserved\tpredicted\tprobability_gut\na\tgut\tgut\t1\n")
    with pytest.raises(InputError, match="column 'probability_skin' is missing"):
        read_predictions(tmp_path / "p.tsv", CLASS, "test")


ODD = ("age", "pH (at 20 °C)", "age_2", '"quoted" x\\y')


def of_column(place: int, num_samples: int = 5) -> Predictions:
    """Numbers of one of several targets, with all that may stand beside them; the truths of some are missing."""
    rng = np.random.default_rng(place)
    observed = rng.normal(size=num_samples)
    observed[place] = np.nan
    predicted = 1e6 * rng.normal(size=num_samples)
    return Predictions(
        kind=NUMBERS,
        sample_ids=np.array(["0012", "=b", "c d", "ü", "-1"], dtype=object),
        observed=observed,
        predicted=predicted,
        groups=np.array(["m1", "m1", "m 2", "", "x"], dtype=object),
        low=np.where(np.arange(num_samples) == 1, -np.inf, predicted - 1e-3),
        high=predicted + 2,
        deviation=rng.random(num_samples),
        quantiles={0.05: predicted - 2, 0.5: predicted, 0.975: predicted + 1},
    )


def test_targets_are_read_as_written_under_any_name(tmp_path: Path) -> None:
    tables = [of_column(place) for place in range(len(ODD))]
    write_part(tmp_path / "p.tsv", tables, ODD)
    header = (tmp_path / "p.tsv").read_text().splitlines()[0].split("\t")
    assert len(header) == len(set(header))
    assert [name for name in header if name.startswith("predicted_low")] == [f"predicted_low_{name}" for name in ODD]
    for column, table, suffix in zip(ODD, tables, suffixes(ODD), strict=True):
        spec = TargetSpec(column=column, kind=NUMBERS)
        found = read_predictions(tmp_path / "p.tsv", spec, "test", suffix)["test"]
        expected = table.known()
        assert len(expected) == 4
        assert list(found.sample_ids) == list(expected.sample_ids)
        assert found.groups is not None
        assert expected.groups is not None
        assert list(found.groups) == list(expected.groups)
        for name in ("observed", "predicted", "low", "high"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9), (column, name)
        assert list(found.quantiles) == [0.05, 0.5, 0.975]
        for level, values in expected.quantiles.items():
            assert found.quantiles[level] == pytest.approx(values, rel=1e-9)


def test_the_deviation_is_written_beside_its_prediction(tmp_path: Path) -> None:
    table = of_column(0)
    write_part(tmp_path / "p.tsv", [table], ["age"])
    header, *rows = [line.split("\t") for line in (tmp_path / "p.tsv").read_text().splitlines()]
    assert header == [
        "sample-id",
        "observed",
        "predicted",
        "predicted_low",
        "predicted_high",
        "quantile_0.05",
        "quantile_0.5",
        "quantile_0.975",
        "predicted_std",
        "group",
    ]
    assert rows[0][1] == "", "a missing truth is an empty cell"
    assert table.deviation is not None
    assert [float(row[8]) for row in rows] == pytest.approx(table.deviation)


def test_sets_of_classes_with_odd_names_are_read_as_written(tmp_path: Path) -> None:
    classes = ('"a", b', "[]", "ß;|", "ä b")
    rng = np.random.default_rng(0)
    sets = rng.random((6, 4)) < 0.5
    labels = np.array(classes, dtype=object)[[0, 1, 2, 3, 0, 1]]
    table = Predictions(
        kind=CLASSES,
        sample_ids=np.array([f"s{i}" for i in range(6)], dtype=object),
        observed=labels,
        predicted=labels[::-1],
        classes=classes,
        probabilities=rng.dirichlet(np.ones(4), 6),
        sets=sets,
        deviation=rng.random(6),
    )
    write_part(tmp_path / "p.tsv", [table], ["site"])
    spec = TargetSpec(column="site", kind=CLASSES, classes=classes)
    found = read_predictions(tmp_path / "p.tsv", spec, "test")["test"]
    assert found.sets is not None
    assert (found.sets == sets).all()
    assert list(found.predicted) == list(table.predicted)
    header, *rows = (tmp_path / "p.tsv").read_text().splitlines()
    place = header.split("\t").index("prediction_set")
    cells = rows[0].split("\t")
    rows[0] = "\t".join([*cells[:place], "a, b", *cells[place + 1 :]])
    (tmp_path / "p.tsv").write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(InputError, match="'prediction_set' must hold JSON lists of classes"):
        read_predictions(tmp_path / "p.tsv", spec, "test")


def test_a_target_without_values_in_a_part_is_left_out(tmp_path: Path) -> None:
    known, unknown = of_column(0), of_column(1)
    unknown.observed[:] = np.nan
    write_part(tmp_path / "p.tsv", [known, unknown], ["a", "b"])
    assert read_predictions(tmp_path / "p.tsv", TargetSpec(column="b", kind=NUMBERS), "test", "_b") == {}


def test_chosen_samples_keep_all_that_is_theirs() -> None:
    table = of_column(0)
    rows = np.array([3, 1])
    found = table.select(rows)
    for name in ("sample_ids", "observed", "predicted", "groups", "low", "high", "deviation"):
        assert list(getattr(found, name)) == list(getattr(table, name)[rows]), name
    assert list(found.quantiles[0.975]) == list(table.quantiles[0.975][rows])
