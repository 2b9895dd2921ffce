from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from aam.data.study.covariates import features
from aam.data.targets.kinds import TargetSpec
from aam.learners.clades import clade_counts
from aam.learners.protocol import Computing
from aam.learners.stored import Stored
from aam.learners.trees import extra_trees as module
from aam.learners.trees.extra_trees import CladeTreesLearner
from tests.learners.blend_studies import (
    AGE,
    MASS,
    NEW,
    SEASONS,
    SITE,
    TRAIN,
    labelled,
    task_of,
    tiny_study,
    truths_of,
)
from tests.learners.test_reference import put

CPU = Computing(device="cpu")
FOLDS = np.arange(len(TRAIN)) % 4


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NUM_TREES", 12)
    monkeypatch.setattr(module, "NUM_TREES_OF_FOLD", 5)


def fitted(study: Any, *specs: TargetSpec, tree: str = "dna", covariates: bool = False, **options: Any) -> Any:
    learner = CladeTreesLearner(task_of(study, *specs, covariates=covariates), tree, **{"n_jobs": 1, **options})
    return learner.fit(study, TRAIN, truths_of(study, TRAIN, *specs))


def read_by_hand(study: Any, learner: Any, rows: np.ndarray) -> np.ndarray:
    """log(share * 1e4 + 1) of the clades, a new ASV in the clades of its nearest."""
    reference = learner.task.reference
    clades = reference.trees[learner.tree]
    nodes = clades.node_of_asv[reference.placement(study).nearest]
    counts = clade_counts(study.table.counts[rows], type(clades)(clades.parent, nodes)).toarray()
    shares = counts / np.asarray(study.table.counts[rows].sum(axis=1))[:, None]
    return np.log1p(shares[:, learner.nodes] * 1e4).astype(np.float32)


def test_it_is_scikit_learns_extra_trees_on_the_clades() -> None:
    study, _ = tiny_study()
    learner = fitted(study, AGE, MASS)
    truths = truths_of(study, TRAIN, AGE, MASS)
    for place in range(2):
        known = ~np.isnan(truths[:, place])
        direct = ExtraTreesRegressor(12, max_features=0.1, min_samples_leaf=2, random_state=42)
        direct.fit(read_by_hand(study, learner, TRAIN)[known], truths[known, place])
        expected = direct.predict(read_by_hand(study, learner, NEW))
        assert learner.predict(study, NEW)[:, place] == pytest.approx(expected, rel=1e-12)


def test_classes_are_balanced_and_read_covariates(tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path, season=SEASONS)
    learner = fitted(study, SITE, tree="phylogeny", covariates=True)
    spec = learner.task.covariate_spec
    assert study.metadata is not None
    besides = features(spec, *spec.encode(study.metadata))
    both = [np.hstack([read_by_hand(study, learner, rows), besides[rows]]) for rows in (TRAIN, NEW)]
    options = {"min_samples_leaf": 3, "class_weight": "balanced", "random_state": 42}
    direct = ExtraTreesClassifier(12, max_features="sqrt", **options)
    direct.fit(both[0], truths_of(study, TRAIN, SITE)[:, 0])
    found = learner.predict(study, NEW)
    assert found == pytest.approx(direct.predict_proba(both[1]), abs=1e-12)
    assert found.sum(axis=1) == pytest.approx(1)


def test_a_class_that_no_sample_has_gets_nothing() -> None:
    study, _ = tiny_study()
    codes = np.where(truths_of(study, TRAIN, SITE) == 1, 2, 0)
    found = CladeTreesLearner(task_of(study, SITE), "dna", n_jobs=1).fit(study, TRAIN, codes).predict(study, NEW)
    assert not found[:, 1].any()
    assert found.sum(axis=1) == pytest.approx(1)


def test_trees_depend_on_the_seed_and_not_on_the_cores() -> None:
    study, _ = tiny_study()
    one, two, other = (
        fitted(study, AGE, seed=seed, n_jobs=jobs).predict(study, NEW) for seed, jobs in ((1, 1), (1, 2), (2, 1))
    )
    assert (one == two).all()
    assert (one != other).any()


def test_out_of_fold_there_are_fewer_trees() -> None:
    study, _ = tiny_study()
    learner = CladeTreesLearner(task_of(study, AGE), "dna", n_jobs=1)
    samples = labelled(study, AGE)
    found = learner.cross_fit(study, samples, FOLDS)
    assert len(learner.ensembles[0][0].root) == 12
    part = learner.without_fold()
    part.fit(study, TRAIN[FOLDS != 2], samples.targets[FOLDS != 2])
    assert len(part.ensembles[0][0].root) == 5
    assert len(learner.ensembles[0][0].root) == 12
    assert (found[FOLDS == 2] == part.predict(study, TRAIN[FOLDS == 2])).all()
    assert (learner.predict(study, NEW) == fitted(study, AGE).predict(study, NEW)).all()


def test_weights_change_the_trees() -> None:
    study, _ = tiny_study()
    task, truths = task_of(study, AGE), truths_of(study, TRAIN, AGE)
    weights = np.where(truths[:, 0] > np.median(truths), 1.9, 0.1)
    weighted = CladeTreesLearner(task, "dna", n_jobs=1).fit(study, TRAIN, truths, None, weights)
    assert weighted.predict(study, NEW).mean() > fitted(study, AGE).predict(study, NEW).mean()


def test_of_many_samples_each_tree_sees_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GROWN", 8)
    study, _ = tiny_study()
    few = fitted(study, AGE)
    assert np.diff([0, *few.ensembles[0][0].root]).max() <= 8
    assert fitted(study, SITE).predict(study, NEW).sum(axis=1) == pytest.approx(1)


def test_rows_are_predicted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    study, _ = tiny_study()
    learner = fitted(study, AGE, MASS)
    expected = learner.predict(study, NEW)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    assert (learner.predict(study, NEW[::-1]) == expected[::-1]).all()
    assert learner.predict(study, NEW[:0]).shape == (0, 2)


@pytest.mark.parametrize("tree", ["dna", "phylogeny"])
@pytest.mark.parametrize("specs", [(AGE, MASS), (SITE,)], ids=["numbers", "classes"])
def test_it_comes_back_from_its_arrays(tree: str, specs: tuple[TargetSpec, ...], tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path, season=SEASONS)
    learner = fitted(study, *specs, tree=tree, covariates=True)
    again = CladeTreesLearner.from_arrays(learner.to_arrays(), learner.task, CPU)
    assert (again.predict(study, NEW) == learner.predict(study, NEW)).all()
    assert again.to_arrays().facts == {"name": f"trees-{tree}", "tree": tree}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("tree", "phylogeny", "a tree is lacking"),
        ("tree", ["dna"], "a tree is lacking"),
        ("tree", None, "a tree is lacking"),
        ("nodes", put(0, 10**6), "out of range"),
        ("nodes", lambda found: found[:3], "reads no feature"),
        ("0.codes", lambda found: found[::-1].copy(), "classes of trees"),
        ("0.codes", lambda found: found[:2], "cannot be"),
        ("0.trees.value", put(0, 7.0), "do not sum to 1"),
        ("0.trees.root", put(0, 10**6), "leads nowhere"),
        ("0.trees.left", put(5, 2), "leads back"),
    ],
)
def test_arrays_that_are_no_trees_are_refused(name: str, value: Any, problem: str) -> None:
    study, _ = tiny_study()
    learner = fitted(study, SITE)
    stored = learner.to_arrays()
    if name == "tree":
        changed = Stored(stored.arrays, {"tree": value})
    else:
        changed = Stored({**stored.arrays, name: value(stored.arrays[name].copy())}, stored.facts)
    with pytest.raises(ValueError, match=problem):
        CladeTreesLearner.from_arrays(changed, learner.task, CPU)
