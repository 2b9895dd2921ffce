"""Increase of the error by permutation, beside scikit-learn's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.inspection import permutation_importance
from sklearn.metrics import brier_score_loss

from aam.config import CovariateOptions
from aam.explanation import covariates, permutation
from aam.explanation.covariates import CovariateExchange
from aam.explanation.increase import losses
from aam.explanation.model import with_counts
from aam.explanation.parts import Parts
from aam.explanation.permutation import Permutation
from aam.explanation.results.pool import pool
from aam.explanation.results.relatives import relatives_of
from tests.data.study_files import make_study
from tests.explanation.subjects import forest_subject, groups_of, with_shuffled_truths

SIZE, DEPTH = 24, 1_000


class Asked(BaseEstimator):
    """A predictor of numbers that remembers the last table that it was asked about."""

    def __init__(self, predict):
        self.function = predict

    def fit(self, table, values):
        return self

    def predict(self, table):
        self.last = table.copy()
        return self.function(table)


def importance(predict, table, truth, monkeypatch, module):
    """scikit-learn's importance of the only column, whose permutation a method is made to take over."""
    asked = Asked(predict)
    found = permutation_importance(
        asked, table, truth, scoring="neg_mean_absolute_error", n_repeats=1, random_state=3, n_jobs=None
    )
    place_of = {value: place for place, value in enumerate(table[:, 0])}
    donor_N = np.array([place_of[value] for value in asked.last[:, 0]])
    assert (donor_N != np.arange(len(donor_N))).any()
    monkeypatch.setattr(module, "donors_of", lambda subject, draw: donor_N)
    return found.importances_mean[0]


def test_an_asv_as_scikit_learn_permutes_it(monkeypatch):
    rng = np.random.default_rng(0)
    share = rng.choice(np.arange(50, 950), SIZE, replace=False)
    study = make_study(np.column_stack([share, DEPTH - share]), columns={})
    truths = {"age": share / 100 + rng.normal(0, 1, SIZE)}
    subject = forest_subject(study, truths, [groups_of("asv", [[1, 0]])])

    def predict(table):
        counts = csr_array(np.column_stack([table[:, 0], DEPTH - table[:, 0]]).astype(np.int64))
        return subject.model.predict(with_counts(study, subject.rows, counts), subject.rows)["model"][:, 0]

    expected = importance(predict, share[:, None].astype(float), truths["age"], monkeypatch, permutation)
    (found,) = Permutation().explain(subject)
    assert expected > 0.4
    assert found.effect_GO[0, 0] == pytest.approx(expected, rel=1e-9)
    assert found.importance_GO[0, 0] == found.effect_GO[0, 0]
    assert found.low_GO[0, 0] > 0
    assert found.outputs == ("age",)


def test_a_covariate_as_scikit_learn_permutes_it(monkeypatch):
    rng = np.random.default_rng(1)
    ph = rng.permutation(np.linspace(4, 8, SIZE))
    counts = rng.integers(1, 30, (SIZE, 4))
    study = make_study(counts, columns={"ph": [repr(float(x)) for x in ph], "kit": ["a", "b"] * (SIZE // 2)})
    truths = {"age": ph + rng.normal(0, 0.1, SIZE)}
    options = CovariateOptions(numeric_columns=("ph",), categorical_columns=("kit",))
    subject = forest_subject(study, truths, covariates=options)

    def predict(table):
        cells = np.array([repr(float(x)) for x in table[:, 0]], dtype=object)
        return subject.model.predict(covariates.with_cells(study, {"ph": cells}), subject.rows)["model"][:, 0]

    expected = importance(predict, ph[:, None], truths["age"], monkeypatch, covariates)
    (found,) = CovariateExchange().explain(subject)
    assert found.names == ("kit", "ph")
    assert expected > 0.4
    assert found.effect_GO[1, 0] == pytest.approx(expected, rel=1e-9)
    assert abs(found.effect_GO[0, 0]) < expected / 2


def informative(seed=0):
    """ASV 0 tells the age, ASVs 1 and 2 are the same in every sample, and the rest is noise; six samples a unit."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(5, 40, (36, 6))
    counts[:, 0] = rng.integers(0, 200, 36)
    counts[:, 1:3] = 20
    study = make_study(counts, columns={})
    return study, {"age": np.log1p(counts[:, 0]) + rng.normal(0, 0.1, 36)}, np.arange(36) % 6


def test_what_tells_the_truth_is_first():
    study, truths, unit_N = informative()
    levels = [groups_of("asv", np.eye(6, dtype=int)), groups_of("clade", [[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0]])]
    asvs, clades = Permutation().explain(forest_subject(study, truths, levels, unit_N=unit_N))
    assert asvs.rank_G[0] == 0
    assert asvs.is_clear_GO[:, 0].tolist()[0]
    beside = relatives_of(asvs, [asvs, clades], levels)
    assert beside.clade == ("clade0", "clade0", "clade1", "clade1", "", "")
    assert (beside.effect_GO[[0, 2], 0] == clades.effect_GO[:, 0]).all()
    assert np.isnan(beside.effect_GO[4:]).all()
    assert relatives_of(clades, [asvs, clades], levels) is None
    rarer = [levels[0].take(np.array([0, 2, 3])), levels[1]]  # of the first clade one ASV alone is measured
    assert relatives_of(asvs.take(np.array([0, 2, 3])), [asvs, clades], rarer).clade == ("clade1",) * 3
    assert asvs.support_G.tolist() == np.count_nonzero(study.table.counts.toarray(), axis=0).tolist()


def test_what_goes_with_predictions_is_measured(monkeypatch):
    study, truths, unit_N = informative()
    subject = forest_subject(study, truths, [groups_of("asv", np.eye(6, dtype=int))], unit_N=unit_N)
    assert len(Permutation().explain(subject)[0]) == 6
    assert Permutation().left_out(subject) == ()
    monkeypatch.setattr(permutation, "MOST_EXCHANGES", 3 * 36 * 3 + 1)  # each ASV is in all 36 samples, in 3 draws
    (found,) = Permutation().explain(subject)
    predicted = subject.model.predict(study, subject.rows)["model"][:, 0]
    shares = study.table.counts.toarray() / study.table.counts.sum(axis=1)[:, None]
    size = [abs(spearmanr(shares[:, asv], predicted).statistic) for asv in range(6)]
    assert found.names == tuple(f"asv{asv}" for asv in sorted(np.argsort(size)[-3:]))
    assert Permutation().left_out(subject) == (
        "permutation of 3 of 6 groups of level asv, those whose shares go most with the predictions",
    )


def test_pooled_increases_stay_means_over_all_samples():
    study, truths, unit_N = informative()
    counts = study.table.counts.toarray()
    counts[:30, 5] = 0
    sparse = with_counts(study, np.arange(36), csr_array(counts))
    (one,) = Permutation().explain(forest_subject(sparse, truths, [groups_of("asv", np.eye(6, dtype=int))]))
    (alone,) = pool([[one]], [unit_N], seed=42)
    assert alone.effect_GO == pytest.approx(one.effect_GO, rel=1e-5)
    assert alone.support_G.tolist() == one.support_G.tolist() == [36, 36, 36, 36, 36, 6]
    other = dataclasses.replace(one, by_sample_NGO=3 * one.by_sample_NGO)
    (both,) = pool([[one], [other]], [unit_N, unit_N], seed=42)
    assert both.effect_GO == pytest.approx(2 * one.effect_GO, rel=1e-5)
    assert (both.importance_GO == both.effect_GO).all()
    assert both.support_G.tolist() == [72, 72, 72, 72, 72, 12]


def test_announced_predictions_are_made():
    study, truths, unit_N = informative()
    done = []
    groups = [groups_of("asv", np.eye(6, dtype=int))]
    subject = dataclasses.replace(forest_subject(study, truths, groups, unit_N=unit_N), on_done=done.append)
    for method in (Permutation(), Parts()):
        done.clear()
        method.explain(subject)
        assert sum(done) == method.num_predictions(subject)


def test_unknown_truths_do_not_count():
    study, truths, unit_N = informative()
    groups = [groups_of("asv", [[1, 0, 0, 0, 0, 0]])]
    subject = forest_subject(study, truths, groups, unit_N=unit_N)
    (whole,) = Permutation().explain(subject)
    known = truths["age"].copy()
    known[::3] = np.nan
    (found,) = Permutation().explain(dataclasses.replace(subject, truths={"age": known}))
    counted = ~np.isnan(known)
    assert found.effect_GO[0, 0] == pytest.approx(whole.by_sample_NGO[counted, 0, 0].mean())
    assert found.effect_GO[0, 0] != pytest.approx(whole.effect_GO[0, 0])


def test_the_brier_score_is_scikit_learns():
    rng = np.random.default_rng(2)
    study = make_study(rng.integers(1, 30, (SIZE, 5)), columns={})
    sites = np.array(["gut", "skin", "soil"] * (SIZE // 3), dtype=object)
    subject = forest_subject(study, {"site": sites})
    shares = rng.dirichlet(np.ones(3), SIZE)
    expected = brier_score_loss(sites.astype(str), shares, labels=["gut", "skin", "soil"], scale_by_half=False)
    assert losses(subject, shares).mean() == pytest.approx(expected)
    blank = sites.copy()
    blank[0] = ""
    assert np.isnan(losses(dataclasses.replace(subject, truths={"site": blank}), shares)[:, 0]).tolist() == [True] + [
        False
    ] * (SIZE - 1)


def test_of_shuffled_truths_nothing_is_left():
    study, truths, unit_N = informative()
    subject = forest_subject(study, truths, unit_N=unit_N)
    (told,) = Parts().explain(subject)
    assert told.names == ("microbiome",)
    assert told.low_GO[0, 0] > 0
    clear = 0
    for seed in range(10):
        null = with_shuffled_truths(subject, seed)
        assert sorted(null.truths["age"]) == sorted(truths["age"])
        (found,) = Parts().explain(null)
        clear += bool(found.low_GO[0, 0] > 0)
        assert abs(found.effect_GO[0, 0]) < told.effect_GO[0, 0] / 3
    assert clear <= 2
