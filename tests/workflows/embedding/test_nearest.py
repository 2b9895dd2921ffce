"""Nearest training samples against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from aam.workflows.embedding import nearest as module
from aam.workflows.embedding.nearest import nearest_samples

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(50, 4)).astype(np.float32)
KNOWN = np.array([f"t{row}" for row in range(50)], dtype=object)
AGES = {"age": np.array([str(row) for row in range(50)], dtype=object)}


def test_neighbours_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    new = RNG.normal(size=(20, 4)).astype(np.float32)
    ids = np.array([f"s{row}" for row in range(20)], dtype=object)
    found = nearest_samples((ids, new), (KNOWN, POINTS), AGES, 3, 0)
    distances, places = NearestNeighbors(n_neighbors=3).fit(POINTS.astype(float)).kneighbors(new.astype(float))
    for rank in range(3):
        assert found[f"neighbour_{rank + 1}"].tolist() == KNOWN[places[:, rank]].tolist()
        assert found[f"age_{rank + 1}"].tolist() == [str(place) for place in places[:, rank]]
        np.testing.assert_allclose(found[f"distance_{rank + 1}"], distances[:, rank], atol=1e-5)


def test_a_sample_is_no_neighbour_of_itself():
    found = nearest_samples((KNOWN, POINTS), (KNOWN, POINTS), {}, 1, 0)
    distances, places = NearestNeighbors(n_neighbors=2).fit(POINTS.astype(float)).kneighbors(POINTS.astype(float))
    assert found["neighbour_1"].tolist() == KNOWN[places[:, 1]].tolist()
    rank = np.searchsorted(np.sort(distances[:, 1]), distances[:, 1], side="left") / 50
    np.testing.assert_allclose(found["farther_than"], rank, atol=0.021)


def test_a_stranger_is_farther_than_all(monkeypatch):
    monkeypatch.setattr(module, "TYPICAL", 20)
    far = np.full((1, 4), 100, dtype=np.float32)
    found = nearest_samples((np.array(["x"], dtype=object), far), (KNOWN, POINTS), {}, 2, 0)
    assert found["farther_than"].tolist() == [1.0]


def test_fewer_training_samples_than_neighbours():
    found = nearest_samples((KNOWN[:2], POINTS[:2]), (KNOWN[:2], POINTS[:2]), AGES | {"age": AGES["age"][:2]}, 5, 0)
    assert found["neighbour_1"].tolist() == ["t1", "t0"]
    assert found["neighbour_2"].tolist() == ["", ""]
    assert np.isnan(found["distance_2"]).all()
    assert list(found)[-1] == "age_2"
    assert found["farther_than"].tolist() == pytest.approx([0.0, 0.0])
