"""Tables of predictions are QIIME 2 metadata, whatever the classes are called and however wide intervals are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.evaluation.prediction_table import id_notes, read_columns, read_predictions, write_part, write_predictions
from tests.qiime2_metadata import NotMetadata, read_qiime2

STRANGE = ('"both"', "a,b", 'half "a" word', "[1]")


def classes(ids: list[str]) -> Predictions:
    number = len(STRANGE)
    return Predictions(
        kind=CLASSES,
        sample_ids=np.array(ids, dtype=object),
        observed=np.array(STRANGE, dtype=object),
        predicted=np.array(STRANGE[::-1], dtype=object),
        classes=STRANGE,
        probabilities=np.full((number, number), 1 / number),
        sets=np.eye(number, dtype=bool),
        groups=np.array(["g1", "g2", "", "g1"], dtype=object),
    )


def test_classes_of_any_name_are_metadata(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.tsv", {"test": [classes(["a", "b", "c", "d"])]}, ["site"])
    ids, kinds = read_qiime2(tmp_path / "p.tsv")
    assert ids == ["a", "b", "c", "d"]
    assert kinds["predicted"] == kinds["observed"] == kinds["prediction_set"] == kinds["part"] == "categorical"
    assert {kinds[f"probability_{name}"] for name in STRANGE} == {"numeric"}
    spec = TargetSpec(column="site", kind=CLASSES, classes=STRANGE)
    found = read_predictions(tmp_path / "p.tsv", spec)["test"]
    assert found.observed.tolist() == list(STRANGE)
    assert found.sets is not None
    assert found.sets.tolist() == np.eye(len(STRANGE), dtype=bool).tolist()


def test_intervals_without_an_end_are_numeric(tmp_path: Path) -> None:
    table = Predictions(
        kind=NUMBERS,
        sample_ids=np.array(["a", "b"], dtype=object),
        observed=np.array([1.0, np.nan]),
        predicted=np.array([1e-300, -2.5e20]),
        low=np.array([-np.inf, -3.0]),
        high=np.array([np.inf, np.inf]),
    )
    write_part(tmp_path / "p.tsv", [table], ["age"])
    assert set(read_qiime2(tmp_path / "p.tsv")[1].values()) == {"numeric"}
    found = read_predictions(tmp_path / "p.tsv", TargetSpec(column="age", kind=NUMBERS), "test")["test"]
    assert found.low is not None
    assert found.high is not None
    assert (found.low.tolist(), found.high.tolist()) == ([-np.inf], [np.inf])


def test_tables_of_earlier_versions_are_read(tmp_path: Path) -> None:
    text = 'part\tsample_id\tobserved\tpredicted\tpredicted_low\tpredicted_high\ntest\t"a\t1\t2\t-inf\tinf\n'
    (tmp_path / "p.tsv").write_text(text)
    assert read_columns(tmp_path / "p.tsv")["sample-id"].tolist() == ['"a']
    found = read_predictions(tmp_path / "p.tsv", TargetSpec(column="age", kind=NUMBERS))["test"]
    assert found.low is not None
    assert found.low.tolist() == [-np.inf]


@pytest.mark.parametrize("name", ["#a", " a", "id", "Sample-ID", "sample_name"])
def test_ids_that_qiime2_does_not_take_are_named(name: str) -> None:
    (line,) = id_notes(["b", name, "#SampleID"])
    assert line.startswith(f"QIIME 2 would not take 2 ids of the output as metadata (first: '{name}')")
    assert not list(id_notes(["b", "a#", "ids"]))


@pytest.mark.parametrize(
    "text",
    [
        "sample_id\tx\na\t1\n",
        "sample-id\tx\tx\na\t1\t2\n",
        "sample-id\tID\na\t1\n",
        "sample-id\tx\na\t1\na\t2\n",
        "sample-id\tx\n#a\t1\n",
        "sample-id\tx\n\t1\n",
        "sample-id\tx\na\t1\t2\n",
        "sample-id\tx\n",
        "",
    ],
)
def test_the_reader_of_these_tests_is_strict(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(NotMetadata):
        read_qiime2(tmp_path / "m.tsv")
