"""Covariates that are exchanged together, and predictions where one is set."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pytest

from aam.config import CovariateOptions
from aam.explain.covariates import CovariateExchange, Sensitivity, columns_read, with_cells
from aam.explain.model import ExplainedModel
from aam.explain.parts import Parts
from aam.explain.permutation import donors_of
from tests.data.study_files import make_study
from tests.explain.subjects import forest_subject

SIZE = 24
CITY = ["rome", "milan", "lyon", "nice"] * (SIZE // 4)
COUNTRY = ["it", "it", "fr", "fr"] * (SIZE // 4)
OPTIONS = CovariateOptions(categorical_hierarchy=("city>country",), numeric_columns=("ph",))


def subject_of(options=OPTIONS):
    rng = np.random.default_rng(0)
    ph = [repr(float(x)) for x in rng.permutation(np.linspace(4, 8, SIZE))]
    ph[1] = ""
    study = make_study(rng.integers(1, 30, (SIZE, 4)), columns={"city": CITY, "country": COUNTRY, "ph": ph})
    age = (np.array(CITY) == "rome") * 3.0 + (np.array(COUNTRY) == "fr") + rng.normal(0, 0.1, SIZE)
    return forest_subject(study, {"age": age}, unit_N=np.arange(SIZE) // 2, covariates=options)


def test_a_hierarchy_is_one_thing():
    subject = subject_of()
    assert columns_read(subject) == {"ph": ("ph",), "city < country": ("city", "country")}
    (found,) = CovariateExchange().explain(subject)
    assert found.names == ("ph", "city < country")
    assert found.support_G.tolist() == [SIZE - 1, SIZE]
    assert found.rank_G[0] == 1
    assert found.low_GO[1, 0] > 0


class Watched(ExplainedModel):
    """A model that keeps which pairs of city and country it was asked about."""

    asked: ClassVar[list[set[tuple[str, str]]]] = []

    def predict(self, study, rows, draw=0):
        self.asked.append({*zip(study.metadata.columns["city"], study.metadata.columns["country"], strict=True)})
        return super().predict(study, rows, draw)


def test_no_city_leaves_its_country():
    subject = subject_of()
    watched = dataclasses.replace(subject, model=Watched(predictor=subject.model.predictor))
    CovariateExchange().explain(watched)
    Sensitivity().explain(watched)
    assert len(Watched.asked) > 10
    assert all(pairs <= {*zip(CITY, COUNTRY, strict=True)} for pairs in Watched.asked)


def test_settings_move_predictions_by_hand():
    subject = subject_of()
    (found,) = Sensitivity().explain(subject)
    spread = subject.model.predictor.manifest.covariate_spec.numeric[0].spread
    assert found.names == ("city=lyon", "city=milan", "city=nice", "city=rome", f"ph +{spread:.3g}")
    in_rome = {"city": np.array(["rome"] * SIZE, object), "country": np.array(["it"] * SIZE, object)}
    moved = with_cells(subject.study, in_rome)
    change = (
        subject.model.predict(moved, subject.rows)["model"]
        - subject.model.predict(subject.study, subject.rows)["model"]
    )
    assert found.by_sample_NGO[:, 3] == pytest.approx(change)
    others = np.array(CITY) != "rome"
    assert found.effect_GO[3, 0] == pytest.approx(change[others].mean())
    assert found.effect_GO[3, 0] > 1
    assert found.support_G.tolist() == [18, 18, 18, 18, SIZE - 1]
    assert (found.by_sample_NGO[1, 4] == 0).all()  # it has no pH to raise


def test_a_model_without_covariates_says_so():
    subject = subject_of(options=None)
    assert CovariateExchange().unable(subject) == "the model reads no covariates"
    assert Sensitivity().unable(subject) == "the model reads no covariates"
    assert not Parts().unable(subject)


def test_parts_are_exchanged_whole():
    subject = subject_of()
    (found,) = Parts().explain(subject)
    assert found.names == ("microbiome", "metadata", "both")
    predicted, age = subject.model.predict(subject.study, subject.rows)["model"][:, 0], subject.truths["age"]
    strangers = [predicted[donors_of(subject, draw)] for draw in range(3)]
    expected = np.mean([np.abs(p - age).mean() for p in strangers]) - np.abs(predicted - age).mean()
    assert found.effect_GO[2, 0] == pytest.approx(expected)
    assert found.low_GO[1, 0] > 0
