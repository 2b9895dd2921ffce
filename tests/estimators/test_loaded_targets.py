"""An estimator that was saved and loaded answers as it did: labels of the same type and order, shapes of numbers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aam.errors import CheckpointError
from aam.estimators import AAMClassifier, AAMRegressor
from tests.badinputs.models import change_file
from tests.estimators.studies import NETWORK, numbers, table

QUICK = {"learners": ("jaccard",)}
PAIRS: dict[str, tuple[Any, Any, Any]] = {
    "int": (9, 10, np.int64),
    "negative": (-10, -9, np.int8),
    "unsigned": (2, 10, np.uint8),
    "bool": (False, True, bool),
    "float": (9.0, 10.0, np.float64),
    "str": ("b", "a", None),
    "numpy str": (np.str_("10"), np.str_("9"), np.str_),
    "object": ("9", "10", object),
}


def labels(name: str) -> np.ndarray:
    low, high, dtype = PAIRS[name]
    is_high = numbers(table()) > np.median(numbers(table()))
    return np.array([high if one else low for one in is_high], dtype=dtype)


@pytest.mark.parametrize("name", PAIRS)
def test_labels_keep_type_and_order(tmp_path: Path, name: str) -> None:
    frame, y = table(), labels(name)
    fitted = AAMClassifier(**QUICK).fit(frame, y)
    fitted.save(tmp_path / "model")
    loaded = AAMClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == fitted.classes_.tolist() == sorted(set(y.tolist()))
    assert [type(one) for one in loaded.classes_] == [type(one) for one in fitted.classes_]
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert loaded.predict_proba(frame) == pytest.approx(fitted.predict_proba(frame), abs=1e-6)
    assert (loaded.predict_set(frame) == fitted.predict_set(frame)).all()
    assert loaded.predict(frame).tolist() == fitted.predict(frame).tolist()
    assert loaded.score(frame, y) == fitted.score(frame, y) > 0.5
    loaded.save(tmp_path / "again")
    assert AAMClassifier.load(tmp_path / "again").classes_.tolist() == fitted.classes_.tolist()


def test_labels_of_a_network_and_of_a_series(tmp_path: Path) -> None:
    y = pd.Series(labels("int"), name="day")
    fitted = AAMClassifier(**NETWORK).fit(table(), y)
    fitted.save(tmp_path / "model")
    loaded = AAMClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == [9, 10]
    assert loaded.predict_proba(table()) == pytest.approx(fitted.predict_proba(table()), abs=1e-5)


def with_label_type(folder: Path, kind: Any) -> Path:
    AAMClassifier(**QUICK).fit(table(), labels("str")).save(folder)
    change_file(folder / "model.safetensors", lambda tensors, said: said["record"].update({"label type": kind}))
    return folder


@pytest.mark.parametrize("kind", ["int64", "bool", "datetime64", "int7", "", [], {"a": 1}, 3])
def test_a_label_type_that_cannot_be_is_refused(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(CheckpointError, match="its description cannot be used"):
        AAMClassifier.load(with_label_type(tmp_path / "model", kind))


def test_a_model_without_a_label_type_has_texts(tmp_path: Path) -> None:
    assert AAMClassifier.load(with_label_type(tmp_path / "model", None)).classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 2)])
def test_numbers_keep_their_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    y = np.stack([numbers(table()), -numbers(table())], axis=1)[:, : int(np.prod(shape[1:]))].reshape(shape)
    fitted = AAMRegressor(**QUICK).fit(table(), y)
    fitted.save(tmp_path / "model")
    loaded = AAMRegressor.load(tmp_path / "model")
    assert loaded.predict(table()).shape == fitted.predict(table()).shape == shape
    assert loaded.predict(table()) == pytest.approx(fitted.predict(table()), rel=1e-6)
    assert loaded.predict_interval(table()).shape == (*shape, 2)
    assert loaded.score(table(), y) == pytest.approx(fitted.score(table(), y))


def test_several_targets_keep_their_order(tmp_path: Path) -> None:
    y = pd.DataFrame({"z": numbers(table()), "a": 100 - numbers(table())})
    fitted = AAMRegressor(**QUICK).fit(table(), y)
    fitted.save(tmp_path / "model")
    assert [one["column"] for one in json.loads((tmp_path / "model" / "config.json").read_text())["targets"]["specs"]]
    loaded = AAMRegressor.load(tmp_path / "model")
    assert loaded.trained_.columns == ("z", "a")
    assert loaded.predict(table()) == pytest.approx(fitted.predict(table()), rel=1e-6)


@pytest.mark.parametrize("options", [QUICK, NETWORK], ids=["blend", "network"])
def test_columns_of_labels_keep_type_and_order(tmp_path: Path, options: dict[str, Any]) -> None:
    """As scikit-learn's classifiers of several outputs answer; labels may be missing."""
    frame = table()
    y = pd.DataFrame({"day": labels("int"), "site": labels("str")}, index=frame.index).astype(object)
    y.loc[frame.index[::4], "site"] = None
    y.iloc[0] = np.nan
    fitted = AAMClassifier(**options).fit(frame, y)
    fitted.save(tmp_path / "model")
    loaded = AAMClassifier.load(tmp_path / "model")
    for one in (fitted, loaded):
        assert [own.tolist() for own in one.classes_] == [[9, 10], ["a", "b"]]
    day, site = loaded.predict_proba(frame)
    assert day.shape == site.shape == (len(frame), 2)
    assert site.sum(axis=1) == pytest.approx(1)
    for own, other in zip(fitted.predict_proba(frame), (day, site), strict=True):
        assert own == pytest.approx(other, abs=1e-5)
    predicted = loaded.predict(frame)
    assert predicted.shape == (len(frame), 2)
    assert predicted[:, 0].tolist() == loaded.classes_[0][day.argmax(axis=1)].tolist()
    assert predicted[:, 1].tolist() == loaded.classes_[1][site.argmax(axis=1)].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of few validation samples
        held = loaded.predict_set(frame)
    assert [one.shape for one in held] == [(len(frame), 2)] * 2


def test_columns_of_labels_in_an_array() -> None:
    y = np.column_stack([labels("int"), labels("int")[::-1]])
    fitted = AAMClassifier(**QUICK).fit(table(), y)
    assert fitted.predict(table()).dtype == np.int64
    assert fitted.trained_.manifest.targets is not None
    assert fitted.trained_.manifest.targets.columns == ("y0", "y1")
    same = pd.DataFrame(y, columns=["a", "a"], index=table().index)
    with pytest.raises(ValueError, match="two columns have one name"):
        AAMClassifier(**QUICK).fit(table(), same)
    nothing = pd.DataFrame({"a": labels("int"), "b": np.nan}, index=table().index)
    with pytest.raises(ValueError, match="column 'b' has no label"):
        AAMClassifier(**QUICK).fit(table(), nothing)
