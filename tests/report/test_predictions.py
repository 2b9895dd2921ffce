from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.report.predictions import Predictions, read_predictions, write_predictions

NUMBER = TargetSpec(column="age", kind="regression")
CLASS = TargetSpec(column="site", kind="classification", classes=("gut", "skin"))


def test_numbers_are_read_as_written(tmp_path: Path) -> None:
    values = np.array([1.0, 2.5, -1e-7])
    table = Predictions(
        sample_ids=np.array(['a "quoted"', "=b", "c\u2028c"], dtype=object), observed=values, predicted=values / 3
    )
    write_predictions(tmp_path / "p.tsv", {"validation": table, "test": table.select(np.array([2]))})
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
        sample_ids=labels, observed=labels, predicted=labels[::-1], classes=CLASS.classes, probabilities=shares
    )
    write_predictions(tmp_path / "p.tsv", {"test": table})
    header = (tmp_path / "p.tsv").read_text().splitlines()[0]
    assert header == "part\tsample_id\tobserved\tpredicted\tprobability_gut\tprobability_skin"
    found = read_predictions(tmp_path / "p.tsv", CLASS)["test"]
    assert found.kind == "classification"
    assert (found.probabilities == shares).all()
    assert list(found.predicted) == ["gut", "skin"]


def test_samples_without_an_observed_value_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("sample_id\tobserved\tpredicted\na\t\t1\nb\t2\t3\n")
    found = read_predictions(tmp_path / "p.tsv", NUMBER, "test")
    assert list(found["test"].sample_ids) == ["b"]


def test_samples_are_found_by_id_in_any_order() -> None:
    values = np.arange(3.0)
    table = Predictions(sample_ids=np.array(["a", "b", "c"], dtype=object), observed=values, predicted=values)
    found = table.of_samples(["c", "a"])
    assert found is not None
    assert list(found.predicted) == [2, 0]
    assert table.of_samples(["c", "z"]) is None


def test_unknown_classes_are_refused(tmp_path: Path) -> None:
    header = "sample_id\tobserved\tpredicted\tprobability_gut\tprobability_skin\n"
    (tmp_path / "p.tsv").write_text(header + "a\tgut\tnose\t0.5\t0.5\n")
    with pytest.raises(InputError, match="'nose' is none of the classes"):
        read_predictions(tmp_path / "p.tsv", CLASS, "test")
    (tmp_path / "p.tsv").write_text("sample_id\tobserved\tpredicted\tprobability_gut\na\tgut\tgut\t1\n")
    with pytest.raises(InputError, match="column 'probability_skin' is missing"):
        read_predictions(tmp_path / "p.tsv", CLASS, "test")
